"""Asks readers in a process of their own, whose Python may have other packages: READER,… ASKED… ANSWERS."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.integration.matrix import engines, frames
from tests.integration.matrix.questions import KINDS, Asked, Kind, Question, Row

Reader = Callable[[Asked], Any]

CATALOGS = ("rest", "hadoop")
"""Other catalogs, which are asked for instants and texts only: Iceberg's reader is the same."""

READERS: dict[str, Reader] = {
    "pyarrow": frames.pyarrow_dataset,
    "pandas": frames.pandas,
    "pandas-arrow": frames.pandas_nullable,
    "fastparquet": frames.fastparquet,
    "fastparquet-rows": frames.fastparquet_rows,
    "polars": frames.polars_parquet,
    "polars-iceberg": frames.polars_iceberg,
    "pyiceberg": frames.pyiceberg,
    "duckdb": engines.duckdb_parquet,
    "duckdb-iceberg": engines.duckdb_iceberg,
    "clickhouse": engines.clickhouse_file,
    "clickhouse-iceberg": engines.clickhouse_iceberg,
    "datafusion": engines.datafusion,
}
for _source in ("files", "logpress", "rest", "hadoop"):
    READERS[f"spark-{_source}"] = partial(engines.spark, source=_source, is_vectorised=True)
    READERS[f"spark-{_source}-rows"] = partial(engines.spark, source=_source, is_vectorised=False)


def kinds_of(name: str) -> tuple[Kind, ...]:
    """What a reader is asked."""
    return ("instant", "string") if name.split("-")[1:2] in ([place] for place in CATALOGS) else tuple(KINDS)


def answers_of(reader: Reader, asked: Asked) -> list[dict[str, Any]]:
    """For each question its rows, or the error that came instead."""
    try:
        ask = reader(asked)
    except Exception as error:  # whatever a reader raises is its answer
        return [_failed(error)] * len(asked.questions)
    found: list[dict[str, Any]] = []
    for _, questions in groupby(asked.questions, key=lambda question: question.kind):
        found += _asked_together(ask, list(questions))
    return found


def _asked_together(ask: Any, questions: Sequence[Question]) -> list[dict[str, Any]]:
    if not hasattr(ask, "together"):
        return [_asked(ask, question) for question in questions]
    try:
        return [{"rows": rows} for rows in ask.together(questions)]
    except Exception as error:
        return [_failed(error)] * len(questions)


def _asked(ask: Callable[[Question], list[Row]], question: Question) -> dict[str, Any]:
    try:
        return {"rows": ask(question)}
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> dict[str, Any]:
    return {"error": "".join(traceback.format_exception_only(error))[:2000]}


def main() -> None:
    """Write all answers, by reader and table."""
    names, *paths, to = sys.argv[1:]
    tables = [Asked.read(Path(path)) for path in paths]
    found = {
        name: {asked.table: answers_of(READERS[name], asked.of(kinds_of(name))) for asked in tables}
        for name in names.split(",")
    }
    Path(to).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
