"""The rows of a lake's index: a published or refused day, a check of it, and a column of it.

The index is three small tables that repeat what manifests and attempts say, so that pages, commands and other engines
need not read these. Nothing is in it that manifests and attempts do not have, and no value of a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple, get_args, get_origin, get_type_hints

import pyarrow as pa

from logpress.results import INDEX_TABLES

DAYS, CHECKS, SIZES = INDEX_TABLES

State = Literal["published", "refused", "damaged"]
"""published: it can be read. refused: it is not published, and a run tried. damaged: its manifest cannot be read."""


class DayRow(NamedTuple):
    """A table and day; a tuple, because pages read tens of thousands of rows at a time.

    Counts are those of the publication; of a day that is only refused, those of the newest attempt. Fields that end in
    `_at` are UTC.
    """

    log_table: str
    day: date
    state: State
    problem: str | None
    published_at: datetime | None
    run: str | None
    run_id: str | None
    snapshot_id: int | None
    records: int | None
    rows: int | None
    irregular_rows: int | None
    kept_whole: int | None
    rejects: int | None
    duplicates: int | None
    other_day: int | None
    erased: int | None
    raw_bytes: int | None
    input_bytes: int | None
    stored_bytes: int | None
    slices: int | None
    parts: int | None
    layouts: int | None
    hours_present: int | None
    checks: int | None
    checks_warned: int | None
    checks_failed: int | None
    proven_at: datetime | None
    digest: str | None
    press_seconds: float | None
    prove_seconds: float | None
    check_seconds: float | None
    contract_sha256: str | None
    written_by: str | None
    refused_at: datetime | None
    refused_stage: str | None
    refused_run: str | None
    refused_run_id: str | None
    refused_because: str | None


class CheckRow(NamedTuple):
    """A check of a day: of its publication, or of its newest attempt if that was refused later."""

    log_table: str
    day: date
    is_refused: bool
    run: str | None
    position: int
    check_name: str
    kind: str
    columns: str
    level: Literal["fail", "warn"]
    ok: bool
    message: str
    observed: float | None
    low: float | None
    high: float | None
    compared_with: str
    checked_at: datetime | None


class SizeRow(NamedTuple):
    """A column of a published day; the sum over a day's rows is the day's `stored_bytes`, to the byte."""

    log_table: str
    day: date
    column_name: str
    stored_bytes: int
    bytes_a_row: float
    encodings: str
    nulls: int | None
    distinct: int | None
    entropy: float | None
    raw_bytes: int | None


FOOTERS, REJECTS_FILES = "(footers)", "(rejects)"
"""What stands for a column in the sizes: of parts, all bytes beside their columns; the rejects files."""

DESCRIPTIONS: dict[str, dict[str, str]] = {
    DAYS: {
        "log_table": "The table",
        "day": "UTC day",
        "state": "published; refused: not published, and a run tried; damaged: its manifest cannot be read",
        "problem": "What is wrong with the manifest, and what to do; else null",
        "published_at": "When it was published, UTC; null if it is not",
        "run": "The run that published it, or was refused: the name of its staging",
        "run_id": "Airflow's run; null if it was none",
        "snapshot_id": "The table's snapshot that published it",
        "records": "Records that were read",
        "rows": "Records of this day in the parts",
        "irregular_rows": "Rows of which some or all bytes are kept as text",
        "kept_whole": "Rows kept whole because the proof found that their layouts did not restore them",
        "rejects": "Records in the rejects files, duplicates included",
        "duplicates": "Rejects that equal an earlier record",
        "other_day": "Records of other days, which are not in the files",
        "erased": "Records that were erased since the day was pressed",
        "raw_bytes": "Bytes of rows and rejects, separators not counted",
        "input_bytes": "Bytes of the raw objects as they are stored, compressed if they are; null for an index",
        "stored_bytes": "Bytes of all Parquet files of the day",
        "slices": "Slices",
        "parts": "Part files",
        "layouts": "Layouts of the records: of the whole day, or the most of a slice if that is not known",
        "hours_present": "Hours (UTC) of the day that have rows, of 24; null if the day has no profile",
        "checks": "Checks that were made",
        "checks_warned": "Checks of level warn that are broken",
        "checks_failed": "Checks of level fail that are broken",
        "proven_at": "When the proof ended, UTC",
        "digest": "Digest of the multiset of all rows and rejects, hexadecimal",
        "press_seconds": "Seconds of pressing, summed over slices",
        "prove_seconds": "Seconds of the proof",
        "check_seconds": "Seconds of the checks",
        "contract_sha256": "SHA-256 of the contract; null if slices were pressed with several",
        "written_by": "Version of the logpress that wrote it; the newest of several",
        "refused_at": "When a later run was refused, UTC; null if none was since the publication",
        "refused_stage": "The stage that refused it",
        "refused_run": "That run: the name of its staging",
        "refused_run_id": "That run in Airflow",
        "refused_because": "The error's sentence, and what to do",
    },
    CHECKS: {
        "log_table": "The table",
        "day": "UTC day",
        "is_refused": "Whether it is of the newest refused run, and not of the publication",
        "run": "The run",
        "position": "Place among the checks of the day, from 0",
        "check_name": "Name of the check, unique within the day",
        "kind": "Kind of the check, as contracts write it",
        "columns": "Columns that it is about, with commas between; empty if it is about the day",
        "level": "fail or warn",
        "ok": "Whether it holds",
        "message": "What was found and what is allowed",
        "observed": "What was measured: rows, a share from 0 to 1, a distance",
        "low": "Lowest value allowed; null if any is",
        "high": "Highest value allowed; null if any is",
        "compared_with": "Earlier days that it compares with, with commas between",
        "checked_at": "UTC",
    },
    SIZES: {
        "log_table": "The table",
        "day": "UTC day",
        "column_name": f"Column of the parts; {FOOTERS}: their bytes beside columns; {REJECTS_FILES}: rejects files",
        "stored_bytes": "Bytes",
        "bytes_a_row": "Bytes a row of the day",
        "encodings": "Parquet encodings, with commas between",
        "nulls": "Rows without a value; null if the day has no profile",
        "distinct": "Distinct values; beyond 4,096 an estimate",
        "entropy": "Bits a row of the distribution of values",
        "raw_bytes": "Bytes of the field in the raw JSON; null if they were not measured",
    },
}

ROWS: dict[str, type[DayRow] | type[CheckRow] | type[SizeRow]] = {DAYS: DayRow, CHECKS: CheckRow, SIZES: SizeRow}
"""The tables by name."""

_TYPES = {
    str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), date: pa.date32(),
    datetime: pa.timestamp("us", "UTC"),
}  # fmt: skip


def _schema_of(row: type) -> pa.Schema:
    fields = []
    for name, hint in get_type_hints(row).items():
        kinds: Sequence[type] = [str] if get_origin(hint) is Literal else get_args(hint) or [hint]
        (kind,) = (one for one in kinds if one is not type(None))
        fields.append(pa.field(name, _TYPES[kind], nullable=type(None) in kinds))
    return pa.schema(fields)


SCHEMAS: dict[str, pa.Schema] = {name: _schema_of(row) for name, row in ROWS.items()}
"""Columns of the tables: those of the rows, in their order."""
