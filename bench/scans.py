"""Measure scans against other readers of the same rows, in pairs.

    python -m bench.scans --lake lake --days 2021-12-26

Both of a pair run in turn in one process, once before the figures count; the first of a pair alternates. Shown are the
medians of CPU and wall seconds, and the median of the pairs' quotients. CPU seconds are those of all threads. A flat
file is what DuckDB writes of a scan's rows, with zstd, in row groups of a million; of `a part`, the first one's rows.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
from rich.console import Console
from rich.table import Table

from logpress import open_lake
from logpress.reading import TableReader

FEW = ["client_app_id", "func_name", "response_elapsed_ms"]
AGGREGATES = "func_name, count(*) AS calls, avg(response_elapsed_ms) AS ms"

Run = Callable[[], Any]
Pair = tuple[Run, Run | None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--table", default="sdk_log")
    parser.add_argument("--days", required=True, help="FIRST:LAST")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", action="append", help="a name in the first column, or its beginning; may be repeated")
    asked = parser.parse_args()
    first, _, last = asked.days.partition(":")
    table = open_lake(asked.lake).table(asked.table)
    shown = Table("what", "CPU s", "other's", "quotient", "s", "other's", "quotient")
    with tempfile.TemporaryDirectory() as folder:
        for name, (ours, theirs) in _pairs(table, (first, last or first), Path(folder)).items():
            if not asked.only or any(name.startswith(one) for one in asked.only):
                shown.add_row(name, *_measured(ours, theirs, asked.runs))
    Console(width=140).print(shown)


def _measured(ours: Run, theirs: Run | None, runs: int) -> Iterator[str]:
    pair = [ours] if theirs is None else [ours, theirs]
    found: list[list[tuple[float, float]]] = [[] for _ in pair]
    for number in range(runs + 1):
        for place in range(len(pair)) if number % 2 else reversed(range(len(pair))):
            spent = _spent(pair[place])
            if number:
                found[place].append(spent)
    for clock in (0, 1):
        seconds = [[spent[clock] for spent in of_one] for of_one in found]
        for place in range(2):
            yield f"{statistics.median(seconds[place]):.3f}" if place < len(seconds) else "–"
        both = [mine / other for mine, other in zip(*seconds, strict=True)] if theirs is not None else []
        yield f"{statistics.median(both):.2f}" if both else "–"


def _spent(run: Run) -> tuple[float, float]:
    cpu, begin = time.process_time(), time.perf_counter()
    kept = run()
    spent = time.process_time() - cpu, time.perf_counter() - begin
    del kept
    return spent


def _pairs(table: TableReader, days: tuple[str, str], folder: Path) -> dict[str, Pair]:
    files = table.files(*days)
    listed = "[" + ", ".join(f"'{path}'" for path in files) + "]"
    stored = [column.name for column in table.columns if column.default and not column.virtual]
    wide = [column.name for column in table.columns if column.default]
    few, most, all_of = (table.scan(*days, columns=names) for names in (FEW, stored, wide))
    connection = duckdb.connect()
    flat = _flat(connection, all_of, folder / "wide")
    flat_few = _flat(connection, few.of_file(0), folder / "few")
    relation = all_of.to_duckdb(connection)
    user = _user(table, days)
    conditions = [(name, "==", user[name]) for name in user]

    def polars_of(names: list[str]) -> Run:
        return lambda: pl.read_parquet(files, columns=names, hive_partitioning=False)

    names = ", ".join(f'"{name}"' for name in stored)
    return {
        f"{len(FEW)} columns to Polars": (few.to_polars, polars_of(FEW)),
        f"{len(stored)} stored columns to Polars": (most.to_polars, polars_of(stored)),
        f"{len(wide)} columns to Polars, flat file": (all_of.to_polars, lambda: pl.read_parquet(flat)),
        f"{len(wide)} columns to lazy Polars, flat file": (
            lambda: all_of.to_polars(lazy=True).collect(),
            lambda: pl.scan_parquet(flat).collect(),
        ),
        "lazy Polars, mean by function of late answers, flat file": (
            lambda: _late(all_of.to_polars(lazy=True)),
            lambda: _late(pl.scan_parquet(flat)),
        ),
        "GROUP BY through to_duckdb": (
            lambda: relation.aggregate(AGGREGATES, "func_name").fetchall(),
            lambda: connection.sql(f"SELECT {AGGREGATES} FROM read_parquet({listed}) GROUP BY func_name").fetchall(),
        ),
        f"{len(stored)} stored columns to Arrow, DuckDB": (
            most.to_arrow,
            lambda: connection.sql(f"SELECT {names} FROM read_parquet({listed})").to_arrow_table(),
        ),
        f"pandas.read_parquet of {len(FEW)} columns of a part, flat file": (
            lambda: pd.read_parquet(files[0], columns=FEW),
            lambda: pd.read_parquet(flat_few),
        ),
        "scan(where=user)": (lambda: table.scan(*days, where=conditions).to_arrow(), None),
        "scan(where=user), flat file": (
            lambda: table.scan(*days, where=conditions).to_arrow(),
            lambda: pd.read_parquet(flat, filters=conditions),
        ),
    }


def _late(frame: pl.LazyFrame) -> pl.DataFrame:
    late = pl.col("request_end_at") - pl.col("request_begin_at") > pl.duration(milliseconds=200)
    return frame.filter(late).group_by("func_name").agg(pl.col("response_elapsed_ms").mean()).collect()


def _flat(connection: duckdb.DuckDBPyConnection, scan: Any, path: Path) -> str:
    """A plain file of a scan's rows, as DuckDB writes it."""
    rows = scan.to_arrow()
    connection.register("rows_of_scan", rows)
    connection.execute(
        f"COPY (SELECT * FROM rows_of_scan) TO '{path}.parquet' "
        "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 1000000)"
    )
    connection.unregister("rows_of_scan")
    return f"{path}.parquet"


def _user(table: TableReader, days: tuple[str, str]) -> dict[str, Any]:
    """Whose calls are looked for: the user of the middle row."""
    keys = ["client_app_id", "user_created_at"]
    rows = table.scan(*days, columns=keys).to_arrow().drop_null()
    return {name: rows.column(name)[rows.num_rows // 2].as_py() for name in keys}


if __name__ == "__main__":
    main()
