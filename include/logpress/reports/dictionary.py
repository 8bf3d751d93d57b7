"""The data dictionary of a table: what each column means, where it comes from, what it holds, and how it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from logpress.codecs.registry import codecs_of
from logpress.conditions.names import no_column
from logpress.contract.columns import Column, Instant, Lookup, is_virtual
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import DAY, EXTRA, RAW, stored_columns
from logpress.lake import Lake
from logpress.manifest import DayManifest
from logpress.quality.field_report import FieldReport, fields_of
from logpress.quality.printable import printable
from logpress.reading import open_lake
from logpress.results import ColumnProfile
from logpress.views.dialects import SQL
from logpress.views.formulas import LEFT_OUT, instant_micros

SHOWN_VALUES = 10
"""Most frequent values of a column."""

LONGEST_VALUE = 80
"""Characters of a value."""

_LOOKED_AT = 1_000
"""Rows in which examples are looked for."""

HIDDEN = "hidden, because it tells of persons"


class DescribedColumn(BaseModel):
    """A column.

    Attributes:
        type: Arrow's name of the type that readers get.
        paths: where its value is in a record; the first that is there fills it.
        copies: where records repeat it.
        is_nullable: whether the contract lets it have no value.
        is_virtual: whether it is computed when it is read.
        formula: of a virtual column, in words.
        sql: of a virtual instant, in DuckDB's SQL: microseconds since 1970; `NAME#us` is the same of another column.
        is_personal: whether the contract calls it personal; values are then left out.
        fill: share of rows that have a value; None if it was not counted, as are the next ones.
        distinct: distinct values.
        entropy: bits a row, each row alone.
        low: lowest value.
        high: highest value.
        top: rows by value, the most frequent values first.
        example: a value.
        encoding: of its own column in part files; None if it is virtual.
        stored_as: the columns of part files that it is made of.
        bytes_a_row: stored bytes of all of these; None without a day.
        load: Python that loads it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    type: str
    meaning: str
    paths: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    is_nullable: bool = True
    is_virtual: bool = False
    formula: str | None = None
    sql: str | None = None
    is_personal: bool = False
    fill: float | None = None
    distinct: int | None = None
    entropy: float | None = None
    low: str | None = None
    high: str | None = None
    top: dict[str, int] = Field(default_factory=dict)
    example: str | None = None
    encoding: str | None = None
    stored_as: tuple[str, ...] = ()
    bytes_a_row: float | None = None
    load: str


class Dictionary(BaseModel):
    """A table.

    Attributes:
        table: its name.
        meaning: what a row is.
        day: the day whose figures these are; None if only the contract was looked at.
        rows: of that day.
        key_of_day: the instant whose UTC date is a record's day.
        columns: in the contract's order, then `day`, `_extra` and `_raw`.
        load: Python that loads some columns of the day.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    meaning: str
    day: str | None
    rows: int | None
    key_of_day: str
    columns: tuple[DescribedColumn, ...]
    load: str

    def only(self, names: Sequence[str]) -> Self:
        """The dictionary of some columns, in this order.

        Raises:
            UsageError: if the table has no such column.
        """
        known = {column.name: column for column in self.columns}
        for name in names:
            if name not in known:
                raise no_column(name, list(known))
        return self.model_copy(update={"columns": tuple(known[name] for name in dict.fromkeys(names))})


def describe(contract: Contract, lake: Lake | None = None, day: date | None = None) -> Dictionary:
    """The dictionary of a table.

    Args:
        contract: the table.
        lake: where its days are; None to look at the contract alone.
        day: the day whose figures are told; the newest published one if None.

    Raises:
        UsageError: if no day is published.
        LakeError: if the day is not published, or cannot be read.
    """
    manifest = None
    if lake is not None:
        published = [day] if day is not None else lake.days(contract.table)[-1:]
        manifest = lake.need_day(contract.table, published[0]) if published else None
    when = date.fromisoformat(manifest.day) if manifest is not None else None
    scan = _scan(lake.uri if lake is not None else "LAKE", contract.table, when)
    found = manifest.verification if manifest is not None else None
    profiles = found.profile.by_name if found is not None and found.profile is not None else {}
    rows = found.profile.rows if found is not None and found.profile is not None else 0
    fields = {field.name: field for field in fields_of(manifest, contract, None)} if manifest is not None else {}
    lacking = [name for name in contract.by_name if name not in contract.personal and not _known(profiles.get(name))]
    examples = _examples(lake, manifest, lacking) if lake is not None and manifest is not None else {}
    columns = [
        _described(contract, column, profiles.get(column.name), rows, fields.get(column.name), examples, scan)
        for column in contract.columns
    ]
    return Dictionary(
        table=contract.table,
        meaning=contract.description,
        day=manifest.day if manifest is not None else None,
        rows=manifest.rows if manifest is not None else None,
        key_of_day=contract.day,
        columns=(*columns, *_own(contract, fields, scan)),
        load=f"{scan}, columns=[{', '.join(map(repr, list(contract.by_name)[:2]))}]).to_pandas()",
    )


def _scan(uri: str, table: str, day: date | None) -> str:
    return f"logpress.open_lake({uri!r}).table({table!r}).scan({day.isoformat() if day else 'YYYY-MM-DD'!r}"


def _described(
    contract: Contract,
    column: Column,
    profile: ColumnProfile | None,
    rows: int,
    field: FieldReport | None,
    examples: Mapping[str, str],
    scan: str,
) -> DescribedColumn:
    name = column.name
    shown = profile if name not in contract.personal else None
    own = [one for one in field.columns if one.name == name] if field is not None else []
    return DescribedColumn(
        name=name,
        type=str(codecs_of(contract)[name].type),
        meaning=column.description,
        paths=column.path,
        copies=tuple(copy.path for copy in contract.copies if copy.of == name),
        is_nullable=column.nullable,
        is_virtual=is_virtual(column),
        formula=_formula(column),
        sql=_sql(column, contract),
        is_personal=name in contract.personal,
        fill=1 - profile.nulls / rows if profile is not None and rows else None,
        distinct=profile.distinct if profile is not None else None,
        entropy=profile.entropy if profile is not None else None,
        low=_text(shown.low) if shown is not None else None,
        high=_text(shown.high) if shown is not None else None,
        top=_top(shown) if shown is not None else {},
        example=_known(shown) or (examples.get(name) if name not in contract.personal else None),
        encoding=own[0].encoding if own else None if is_virtual(column) else _planned(contract, name),
        stored_as=tuple(stored.name for stored in stored_columns(contract) if stored.of == name),
        bytes_a_row=field.bytes_a_row if field is not None else None,
        load=f"{scan}, columns=[{name!r}]).to_pandas()",
    )


def _own(contract: Contract, fields: Mapping[str, FieldReport], scan: str) -> list[DescribedColumn]:
    """The columns that readers see of every table."""
    return [
        DescribedColumn(
            name=stored.name,
            type=str(stored.type),
            meaning=stored.meaning,
            is_nullable=stored.name != DAY,
            is_personal=bool(contract.personal) and stored.name != DAY,  # texts of any column
            encoding=stored.encoding,
            stored_as=(stored.name,),
            bytes_a_row=fields[stored.name].bytes_a_row if stored.name in fields else None,
            load=f"{scan}, columns=[{stored.name!r}]).to_pandas()",
        )
        for stored in stored_columns(contract)
        if stored.name in (DAY, EXTRA, RAW)
    ]


def _planned(contract: Contract, name: str) -> str:
    return next(stored.encoding for stored in stored_columns(contract) if stored.name == name)


def _formula(column: Column) -> str | None:
    if not is_virtual(column):
        return None
    if isinstance(column, Instant):
        return f"{' + '.join(column.residual_of)} + {column.helper('residual')}"
    if isinstance(column, Lookup):
        return f"{column.helper('other')}, or what {column.key} mostly stands for in the part's lookups"
    return LEFT_OUT[column.codec].partition(".")[0]


def _sql(column: Column, contract: Contract) -> str | None:
    if isinstance(column, Instant) and is_virtual(column):
        return instant_micros(column, contract.by_name, SQL["duckdb"])
    return None


def _known(profile: ColumnProfile | None) -> str | None:
    """A value that a profile has."""
    if profile is None:
        return None
    return _text(next(iter(profile.top), profile.low))


def _top(profile: ColumnProfile) -> dict[str, int]:
    """The most frequent values as they can be shown; those that are then alike are one."""
    found: Counter[str] = Counter()
    for value, rows in list(profile.top.items())[:SHOWN_VALUES]:
        found[printable(value, LONGEST_VALUE)] += rows
    return dict(found.most_common())


def _text(value: str | None) -> str | None:
    return None if value is None else printable(value, LONGEST_VALUE)


def _examples(lake: Lake, manifest: DayManifest, names: list[str]) -> dict[str, str]:
    """A value of each of these columns, from the first rows of a day; those that have one."""
    if not names or not manifest.rows:
        return {}
    table = open_lake(lake.uri).table(manifest.table)
    known = [column.name for column in table.columns]
    names = [name for name in names if name in known]
    with table.scan(manifest.day, columns=names, threads=1).to_batches(batch_rows=_LOOKED_AT) as batches:
        first = next(iter(batches)).to_pydict()
    found = {}
    for name, values in first.items():
        value = next((value for value in values if value is not None), None)
        if value is not None:
            said = value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
            found[name] = printable(said, LONGEST_VALUE)
    return found
