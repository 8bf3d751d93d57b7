"""Measure batches for training, and sequences of users, against what others do with the same files.

    python -m bench.reading --lake lake --days 2021-12-26:2021-12-27

Each reader runs in turn, some times over, in a process of its own; medians count. CPU seconds are those of the process
and its threads. Hugging Face datasets and PyTorch are measured where they are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from rich.console import Console
from rich.table import Table

from logpress import open_lake
from logpress.reading import TableReader

COLUMNS = ["client_app_id", "func_name", "response_elapsed_ms", "response_status_code"]
CODES = COLUMNS[:2]
FILL = {"response_elapsed_ms": 0, "response_status_code": 0}
ROWS = 4096
KEYS = ["client_app_id", "user_created_at"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--table", default="sdk_log")
    parser.add_argument("--days", required=True, help="FIRST:LAST")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--window-rows", type=int, default=2_000_000)
    parser.add_argument("--only", help="name of one reader, whose figures are printed as JSON")
    asked = parser.parse_args()
    first, _, last = asked.days.partition(":")
    if asked.only:
        table = open_lake(asked.lake).table(asked.table)
        print(json.dumps(_measured(READERS[asked.only], table, (first, last or first), asked.window_rows)))
        return
    needs = {"logpress to_torch": "torch", "Hugging Face, arrow format": "datasets"}
    names = [name for name in READERS if name not in needs or importlib.util.find_spec(needs[name])]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(asked.runs):
        for name in names:
            command = [sys.executable, "-m", "bench.reading", *sys.argv[1:], "--only", name]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[name].append(json.loads(output.splitlines()[-1]))
    shown = Table("reader", "M rows", "s", "CPU s", "M rows/s", "M rows/CPU s", "games in a batch", "most MB")
    for name, runs in found.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        rows, seconds, cpu = middle["rows"] / 1e6, middle["seconds"], middle["cpu"]
        shown.add_row(
            name, f"{rows:.2f}", f"{seconds:.2f}", f"{cpu:.2f}", f"{rows / seconds:.2f}", f"{rows / cpu:.2f}",
            f"{middle['games']:.0f}", f"{middle['most_mb']:.0f}",
        )  # fmt: skip
    Console(width=140).print(shown)


Reader = Callable[[TableReader, tuple[str, str], int], Any]


def _measured(reader: Reader, table: TableReader, days: tuple[str, str], window_rows: int) -> dict[str, float]:
    """An epoch, once the files are in the system's cache and the vocabularies are there."""
    for name in CODES:
        table.vocabulary(name, *days)
    made = reader(table, days, window_rows)
    begin, cpu, rows, games = time.perf_counter(), time.process_time(), 0, []
    for number, (count, of_games) in enumerate(made):
        rows += count
        if of_games is not None and number % 50 == 0:
            games.append(len(np.unique(of_games)))
    return {
        "rows": rows,
        "seconds": time.perf_counter() - begin,
        "cpu": time.process_time() - cpu,
        "games": statistics.median(games) if games else 0,
        "most_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _to_numpy(table: TableReader, days: tuple[str, str], window_rows: int) -> Any:
    loader = table.scan(*days, columns=COLUMNS).to_numpy_batches(
        batch_rows=ROWS, codes=CODES, seed=1, window_rows=window_rows, fill=FILL
    )
    return ((len(batch["func_name"]), batch["client_app_id"]) for batch in loader)


def _to_torch(table: TableReader, days: tuple[str, str], window_rows: int) -> Any:
    import torch

    torch.set_num_threads(1)
    loader = table.scan(*days, columns=COLUMNS).to_torch(
        batch_rows=ROWS, codes=CODES, seed=1, window_rows=window_rows, fill=FILL
    )
    return ((len(batch["func_name"]), batch["client_app_id"].numpy()) for batch in loader)


def _pyarrow(table: TableReader, days: tuple[str, str], _: int) -> Any:
    """Unshuffled, texts as they are."""
    batches = ds.dataset(table.files(*days)).to_batches(columns=COLUMNS, batch_size=ROWS)
    return ((batch.num_rows, batch.column(0)) for batch in batches)


def _pyarrow_codes(table: TableReader, days: tuple[str, str], _: int) -> Any:
    """Unshuffled, dictionaries looked up in the vocabulary: the quickest that the same files can give by hand."""
    words = [table.vocabulary(name, *days) for name in CODES]
    form = ds.ParquetFileFormat(dictionary_columns=CODES)
    for batch in ds.dataset(table.files(*days), format=form).to_batches(columns=COLUMNS, batch_size=ROWS):
        codes = [one.encode(batch.column(number)) for number, one in enumerate(words)]
        _numbers = [batch.column(name).fill_null(0).to_numpy() for name in COLUMNS[2:]]
        yield batch.num_rows, codes[0]


def _hugging_face(table: TableReader, days: tuple[str, str], _: int) -> Any:
    """Unshuffled, streaming, in its arrow format: its quickest way, without codes."""
    import datasets

    datasets.disable_progress_bars()
    files = table.files(*days)
    stream = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True, columns=COLUMNS)
    return ((batch.num_rows, batch.column(0)) for batch in stream.with_format("arrow").iter(batch_size=ROWS))


def _sequences(table: TableReader, days: tuple[str, str], _: int) -> Any:
    names = ["func_name", "response_elapsed_ms", "request_begin_at"]
    for batch in table.sequences(*days, columns=names, last=512, codes=["func_name"]).to_batches(users=4096):
        yield len(batch.column("func_name").flatten()), None


def _duckdb_lists(table: TableReader, days: tuple[str, str], _: int) -> Any:
    """The last 512 calls of each user by list(), from the same files."""
    import duckdb

    files = ", ".join(f"'{path}'" for path in table.files(*days))
    lists = ", ".join(
        f"list({name} ORDER BY request_begin_at)[-512:] AS {name}"
        for name in ("func_name", "response_elapsed_ms", "request_begin_at")
    )
    query = f"SELECT {', '.join(KEYS)}, {lists} FROM read_parquet([{files}]) GROUP BY {', '.join(KEYS)}"
    found: Any = duckdb.sql(query)
    for batch in found.to_arrow_reader(4096):
        yield len(batch.column("func_name").flatten()), None


READERS: dict[str, Reader] = {
    "logpress to_numpy_batches": _to_numpy,
    "logpress to_torch": _to_torch,
    "pyarrow.dataset, unshuffled": _pyarrow,
    "pyarrow.dataset, unshuffled, codes": _pyarrow_codes,
    "Hugging Face, arrow format": _hugging_face,
    "sequences, logpress": _sequences,
    "sequences, DuckDB list()": _duckdb_lists,
}

if __name__ == "__main__":
    main()
