"""What a table is: the pydantic models behind a contract's YAML.

A contract names the source, the columns (where a value stands in a record, how its text becomes a typed
value and how that is stored), the order of rows, the checks, and how late records may come. The engine
reads nothing else: it knows no field of any log by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from logpress.errors import UsageError
from logpress.uris import has_secret, refuse_secret

Name = Annotated[str, Field(pattern=r"^_?[a-z][a-z0-9_]*$", max_length=100)]
Path = Annotated[str, Field(min_length=1, description="JSON path, as `_source.func_name` or `sort[0]`")]
Encoding = Literal["plain", "dictionary", "delta", "byte_stream_split"]
Reader = Literal[
    "pyarrow", "pandas", "fastparquet", "polars", "duckdb", "spark", "trino", "athena", "clickhouse", "iceberg"
]
Unit = Literal["s", "ms", "us"]
Level = Literal["fail", "warn"]

MOST_ROW_GROUP_ROWS = 4_000_000

UNITS_PER_SECOND: dict[Unit, int] = {"s": 1, "ms": 1_000, "us": 1_000_000}


class Model(BaseModel):
    """Frozen, and strict about unknown keys: a misspelt key is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Storage(Model):
    """How one Parquet column is encoded."""

    encoding: Encoding | None = None
    zstd: int | None = Field(default=None, ge=1, le=22)


class ColumnBase(Model):
    """What every column says of itself."""

    name: Name
    path: tuple[Path, ...] = Field(description="where the value stands; several alternatives fill the same column")
    description: str = ""
    nullable: bool = True
    storage: Storage = Storage()

    @model_validator(mode="before")
    @classmethod
    def _one_path_is_a_list_of_one(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("path"), str):
            return {**data, "path": [data["path"]]}
        return data


class Category(ColumnBase):
    """A string with few distinct values, stored through a dictionary."""

    codec: Literal["category"]
    type: Literal["string"] = "string"


class Text(ColumnBase):
    """A string with many distinct values."""

    codec: Literal["text"]
    type: Literal["string"] = "string"


class Json(ColumnBase):
    """Any JSON value, kept as its exact text: a free-form part of the log."""

    codec: Literal["json"]
    type: Literal["string"] = "string"


class Integer(ColumnBase):
    """A whole number."""

    codec: Literal["integer"]
    type: Literal["int8", "int16", "int32", "int64"] = "int64"


class Decimal(ColumnBase):
    """A number with a fraction, stored as a double; its number of digits after the point is kept beside it."""

    codec: Literal["decimal"]
    type: Literal["float64"] = "float64"


class Boolean(ColumnBase):
    """True or false."""

    codec: Literal["boolean"]
    type: Literal["boolean"] = "boolean"


class Instant(ColumnBase):
    """An ISO 8601 date and time, with or without offset; stored as UTC.

    `label_checked_by` names an instant column that is known to be true: where the text's own offset (its
    label) contradicts that column and the wall clock read as UTC agrees with it, the label is taken as wrong.
    `residual_of` names columns (one instant, and integers in milliseconds) whose sum predicts this one: then only the
    small difference is stored and the column is virtual.
    """

    codec: Literal["instant"]
    type: Literal["timestamp[s]", "timestamp[ms]", "timestamp[us]"] = "timestamp[ms]"
    label_checked_by: Name | None = None
    residual_of: tuple[Name, ...] = ()

    @property
    def unit(self) -> Unit:
        """The unit of the stored integer."""
        return self.type[len("timestamp[") : -1]  # type: ignore[return-value]


class Lookup(ColumnBase):
    """A string that mostly follows from another column; only the exceptions are stored. Virtual."""

    codec: Literal["lookup"]
    type: Literal["string"] = "string"
    key: Name


class KinesisSequence(ColumnBase):
    """A Kinesis sequence number and sub-sequence number, stored as shard, arrival and counter residuals. Virtual."""

    codec: Literal["kinesis_sequence"]
    type: Literal["string"] = "string"
    arrival: Name = Field(description="the instant column that predicts the number's arrival second")

    @staticmethod
    def registers_of(name: str) -> tuple[str, str, str, str]:
        """The registers of such a column: shard, arrival second, counter, sub-sequence number."""
        return f"{name}#shard", f"{name}#arrival", f"{name}#counter", f"{name}#sub"


Column = Annotated[
    Category | Text | Json | Integer | Decimal | Boolean | Instant | Lookup | KinesisSequence,
    Field(discriminator="codec"),
]


class Copy(Model):
    """A value that repeats a column in another form; it costs nothing while it does."""

    path: Path
    of: Name
    form: Literal["instant", "labelled_instant", "epoch_s", "epoch_ms"] = Field(
        description="`labelled_instant`: the instant as its own label says, before any correction"
    )


class Check(Model):
    """One check on a verified day: `fail` keeps the day from being published, `warn` is reported."""

    kind: Literal["min_rows", "max_irregular_share", "max_reject_share", "not_null", "range", "values"]
    level: Level = "fail"
    column: Name | None = None
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] = ()
    max_share: float = Field(default=0.0, ge=0, le=1, description="share of rows that may break it")

    @model_validator(mode="after")
    def _complete(self) -> Check:
        if self.kind in ("not_null", "range", "values") and self.column is None:
            raise ValueError(f"a check of kind {self.kind} needs `column`")
        if self.kind == "min_rows" and self.min is None:
            raise ValueError("a check of kind min_rows needs `min`")
        if self.kind in ("max_irregular_share", "max_reject_share") and self.max is None:
            raise ValueError(f"a check of kind {self.kind} needs `max`")
        if self.kind == "range" and self.min is None and self.max is None:
            raise ValueError("a check of kind range needs `min` or `max`")
        if self.kind == "values" and not self.values:
            raise ValueError("a check of kind values needs `values`")
        return self


class ClusterSource(Model):
    """How a day is pulled from an OpenSearch or Elasticsearch cluster."""

    index: str = Field(default="", description="index, alias or pattern that holds a day, such as `log-{day}`")
    time_field: str = Field(default="", description="date field by whose hours a day is cut; empty: by shards only")
    missing_index: Literal["wait", "fail", "empty"] = Field(
        default="wait",
        description="waited for, refused, or published as a day of no records",
    )
    red_index: Literal["wait", "fail"] = Field(default="wait", description="an index that lacks shards")
    growing_index: Literal["wait", "fail", "go_on"] = Field(
        default="wait",
        description="documents that come while the day is planned: waited out, refused, or left out; later ones are "
        "refused or left out",
    )
    wait: timedelta = Field(
        default=timedelta(0), ge=timedelta(0), description="how long a run waits for what is to be waited for, as PT2H"
    )
    slice_documents: int = Field(default=2_000_000, ge=1, description="documents that plan puts into one slice")
    page_bytes: int = Field(default=8_000_000, ge=10_000, le=100_000_000, description="size of a response, about")
    scrolls_at_a_time: int = Field(default=2, ge=1, le=64, description="shards of a slice that are read side by side")
    slices_at_a_time: int = Field(
        default=4,
        ge=1,
        description="slices that Airflow presses side by side in a run; no more than an index has shards",
    )
    documents_per_second: float | None = Field(default=None, gt=0, description="most that a run asks a cluster for")
    pool: str = Field(default="default_pool", description="Airflow pool whose slots press tasks take")
    keep_alive: str = Field(default="5m", pattern=r"^[0-9]+[smh]$", description="how long a scroll waits to be asked")
    timeout_seconds: float = Field(default=120, gt=0, description="how long an answer may take")
    restarts: int = Field(default=5, ge=0, description="how often a slice begins again before its task fails")
    compressed: bool = Field(default=False, description="whether responses come as gzip; pays on slow networks")
    aws: bool = Field(default=False, description="whether requests are signed with AWS credentials (SigV4)")
    connection: str = Field(
        default="opensearch_default",
        pattern=r"^[\w.-]+$",
        description="Airflow connection with user and password; and with the host, where an input leaves it out",
    )
    hit_version: bool = Field(default=False, description="whether hits carry `_version`")
    hit_fields: tuple[str, ...] = Field(default=(), description="fields that hits repeat under `fields`")


class Source(ClusterSource):
    """Where a day's raw records come from."""

    inputs: tuple[str, ...] = Field(
        default=(), description="paths, folders, globs or URIs; {day}, {year}, {month} and {day_of_month} are filled in"
    )
    use: Literal["all", "first"] = Field(
        default="all",
        description="whether all inputs together are the day, or the first of them that has anything of it",
    )
    lateness: timedelta = Field(
        default=timedelta(hours=1), description="how long after the end of a day its records still arrive"
    )
    path_time_zone: str = Field(
        default="UTC",
        description="the time zone of folders that name a time, as Firehose's custom time zone: Asia/Seoul",
    )
    skip: tuple[str, ...] = Field(
        default=(), description="globs of folders or objects that are left out, as errors/ or **/processing-failed/**"
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="what fsspec's file system takes, as requester_pays: true; no secrets"
    )
    duplicates: Literal["reject", "keep"] = Field(
        default="reject", description="whether a record equal to an earlier one of its slice is a row or a reject"
    )

    @model_validator(mode="after")
    def _sensible(self) -> Source:
        try:
            ZoneInfo(self.path_time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"`path_time_zone` {self.path_time_zone!r} is no time zone, as Asia/Seoul is") from error
        if self.use == "first" and self.missing_index == "empty":
            raise ValueError("`use: first` passes over an index that is missing; `missing_index: empty` contradicts it")
        for uri in self.inputs:
            try:
                refuse_secret(uri)
            except UsageError as error:
                raise ValueError(f"`inputs`: {error}") from None
        secret = next(_secrets_in(self.storage_options), None)
        if secret is not None:
            raise ValueError(
                f"`storage_options` holds {secret!r}; secrets belong into the environment (AWS_*) or a connection"
            )
        return self


_SECRET = re.compile(r"(?i)(^|_)(key|secret|token|password|passwd|credentials?)(_|$)|^aws_|sse_?customer")


def _secrets_in(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if _SECRET.search(name) and not name.lower().endswith("kms_key_id"):
            yield name
        if isinstance(value, str) and has_secret(value):
            yield name
        if isinstance(value, Mapping):
            yield from _secrets_in(value)


class Files(Model):
    """How part files are cut and compressed."""

    row_group_rows: int = Field(default=1_000_000, ge=1_000, le=MOST_ROW_GROUP_ROWS)
    zstd: int = Field(default=9, ge=1, le=22)
    slice_bytes: int = Field(default=8 << 30, ge=1 << 20, description="raw bytes that plan puts into one slice")
    merge_bytes: int = Field(
        default=32 << 20, ge=0, description="bytes, as they lie there, up to which small hours are one slice; 0: never"
    )
    readers: tuple[Reader, ...] = Field(
        default=(), description="which readers the files are for: `tune` proposes only what these read; empty: all"
    )


class Contract(Model):
    """A table: source, columns, order, files and checks."""

    table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
    description: str = ""
    source: Source = Source()
    day: Name = Field(description="the instant column whose UTC date is a record's day")
    columns: tuple[Column, ...] = Field(min_length=1)
    copies: tuple[Copy, ...] = ()
    literals: tuple[Path, ...] = Field(default=(), description="values that hardly ever vary: kept in the layout")
    order_by: tuple[Name, ...] = ()
    restore_order: tuple[Name, ...] = ()
    files: Files = Files()
    storage: dict[str, Storage] = Field(default_factory=dict, description="encodings of columns only restore needs")
    checks: tuple[Check, ...] = ()

    @property
    def by_name(self) -> dict[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @property
    def descriptions(self) -> dict[str, str]:
        """What the columns mean, by name."""
        return {column.name: column.description for column in self.columns if column.description}

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        _check_names(self)
        _check_paths(self)
        _check_circles(self)
        for column in self.columns:
            _check_references(column, self.by_name)
        return self


def _check_names(contract: Contract) -> None:
    columns = contract.by_name
    names = [column.name for column in contract.columns]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two columns are named {name!r}; give one of them another name")

    def need(name: str, where: str, codec: str = "") -> None:
        if name not in columns:
            raise ValueError(f"{where} names {name!r}, which is no column; columns are {', '.join(columns)}")
        if codec and columns[name].codec != codec:
            raise ValueError(f"{where} names {name!r}, whose codec is {columns[name].codec}, not {codec}")

    _check_stored_names(contract)
    need(contract.day, "`day`", "instant")
    for name in contract.order_by:
        need(name, "`order_by`")
        if is_virtual(columns[name]):
            raise ValueError(f"`order_by` names {name!r}, which is virtual; order by stored columns")
    for name in contract.restore_order:
        need(name, "`restore_order`")
    for copy in contract.copies:
        need(copy.of, f"the copy at {copy.path}", "instant")
    for check in contract.checks:
        if check.column is not None:
            need(check.column, f"a check of kind {check.kind}")


RECORDS_OWN = ("day", "_layout", "_extra", "_raw", "_row_group")
"""Columns that every part file has beside those of its contract."""


def helper_names(column: Column) -> list[str]:
    """The columns of a part file that only restoration of this column needs."""
    parts: list[str] = []
    if isinstance(column, Instant):
        parts = ["residual"] * bool(column.residual_of) + ["shift_min"] * bool(column.label_checked_by)
    elif isinstance(column, Decimal):
        parts = ["scale"]
    elif isinstance(column, Lookup):
        parts = ["other"]
    elif isinstance(column, KinesisSequence):
        parts = ["shard", "arrival", "counter", "counter_high", "sub"]
    return [f"_{column.name.lstrip('_')}_{part}" for part in parts]


def _check_stored_names(contract: Contract) -> None:
    """See that no two columns of a part file have the same name; names have no capitals, so engines fold nothing."""
    for name in RECORDS_OWN:
        if name in contract.by_name:
            raise ValueError(
                f"a column cannot be named {name!r}, as files have one of that name beside those of the contract; "
                "give it another name, its path may stay"
            )
    owners = {column.name: column.name for column in contract.columns}
    for column in contract.columns:
        for name in helper_names(column):
            if name in owners:
                raise ValueError(
                    f"what is stored for {column.name!r} has a column {name!r}, and so has "
                    f"{owners[name]!r}; give one of them another name"
                )
            owners[name] = column.name


def _check_paths(contract: Contract) -> None:
    paths = [path for column in contract.columns for path in column.path]
    paths += [copy.path for copy in contract.copies] + list(contract.literals)
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f"path {path!r} is named twice; a value fills one column, copy or literal")
        if not _PATH.match(path):
            raise ValueError(f"path {path!r} is not of the form a.b[0].c")


def _check_circles(contract: Contract) -> None:
    columns = contract.by_name
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise ValueError(f"columns predict each other in a circle: {' -> '.join((*trail, name))}")
        if name not in columns:
            raise ValueError(f"column {trail[-1]!r} names {name!r}, which is no column")
        if name not in done:
            for other in dependencies(columns[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in columns:
        visit(name, ())


def _check_references(column: Column, columns: dict[str, Column]) -> None:
    if isinstance(column, Instant):
        kinds = [columns[name].codec for name in column.residual_of]
        if kinds and (kinds.count("instant") != 1 or set(kinds) - {"instant", "integer"}):
            raise ValueError(f"`residual_of` of {column.name!r} takes one instant column, and integer columns in ms")
        checked_by = column.label_checked_by
        if checked_by and (checked_by not in columns or columns[checked_by].codec != "instant"):
            raise ValueError(f"`label_checked_by` of {column.name!r} takes an instant column, not {checked_by!r}")
        reference = columns[checked_by] if checked_by else None
        if isinstance(reference, Instant) and reference.label_checked_by:
            raise ValueError(
                f"`label_checked_by` of {column.name!r} names {checked_by!r}, whose own label is checked; "
                "name an instant whose label is true"
            )
    if isinstance(column, Lookup) and columns[column.key].codec not in ("category", "text"):
        raise ValueError(f"`key` of {column.name!r} takes a category or text column")
    if isinstance(column, KinesisSequence) and columns[column.arrival].codec != "instant":
        raise ValueError(f"`arrival` of {column.name!r} takes an instant column")


_PATH = re.compile(r"^[^.\[\]]+(\[\d+\])*(\.[^.\[\]]+(\[\d+\])*)*$")


def dependencies(column: Column) -> tuple[str, ...]:
    """The columns whose values this column's stored form is relative to."""
    if isinstance(column, Instant):
        return column.residual_of
    if isinstance(column, Lookup):
        return (column.key,)
    if isinstance(column, KinesisSequence):
        return (column.arrival,)
    return ()


def is_virtual(column: Column) -> bool:
    """Whether the column is not in the file under its own name, but derived from others when read."""
    return bool(dependencies(column))


def parse_day(text: str) -> date:
    """A day written as YYYY-MM-DD; raises ValueError with a sentence otherwise."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{text!r} is no day; write it as YYYY-MM-DD, as 2021-12-26")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no day: {error}") from error
