"""A lake on S3 with a SQL catalog, and what queries of it must answer."""

from __future__ import annotations

import base64
import operator
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests import every_type, moved
from tests.examples import shown_as_stored
from tests.integration.encodings import Encoded, register, write_encoded
from tests.integration.s3_server import S3Server
from tests.unit.reading.test_reading import sdk_log_row

from logpress import open_lake
from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.views.make import catalog_source, make_view
from logpress.views.periods import Period

DAYS = (date(2021, 12, 26), date(2021, 12, 27), date(2021, 12, 28))
EMPTY_DAY = date(2021, 12, 29)
ROWS = 3000
BUCKET = "lakes"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST, MOST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds of the first and the last instant of years of four digits."""
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge, ">": operator.gt, "<": operator.lt, "<=": operator.le, "=": operator.eq,
}  # fmt: skip


def records_of(contract: Contract, day: date) -> list[bytes]:
    """A day's records."""
    if contract.table == "every_type":
        extremes = every_type.extremes(day, 0)
        common = ROWS - len(extremes)
        return every_type.records(day, common) + every_type.extremes(day, common)
    if contract.table == "moved":
        return moved.records(day, ROWS)
    rng = random.Random(f"7 {day}")
    return [sdk_log_row(rng, day, number)[0] for number in range(ROWS)]


def in_microseconds(contract: Contract) -> Contract:
    """The same table under another name, with all its instants in microseconds."""
    columns = tuple(
        column.model_copy(update={"type": "timestamp[us]"}) if column.codec == "instant" else column
        for column in contract.columns
    )
    return contract.model_copy(update={"table": f"{contract.table}_us", "columns": columns})


def press(contract: Contract, day: date, records: Sequence[bytes], lake: str, home: Path) -> None:
    """Publish a day from raw objects that become two parts."""
    raw = home / contract.table / day.isoformat()
    for number in range(2):
        folder = raw / f"{day:%Y/%m/%d}" / f"{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "records.ndjson").write_bytes(b"".join(line + b"\n" for line in records[number::2]))
    whole_day.run_day(contract, day, [str(raw)], lake)


@dataclass(frozen=True)
class Table:
    """A table, and what is in it.

    Attributes:
        contract: what it was written with.
        rows: all stored columns, in the order of the catalog's schema: instants as int64 microseconds, days as int32.
        instants: names of the instants.
        groups: rows of each row group, as they lie in the files.
        paths: in which file each row group is.
        shown: all columns that a view has, as `scan` gives them, in the form of `rows`.
    """

    contract: Contract
    rows: pa.Table
    instants: tuple[str, ...]
    groups: tuple[pa.Table, ...]
    paths: tuple[str, ...]
    shown: pa.Table

    def see_all_shown(self, found: pa.Table) -> None:
        """See that a view gave every value of every row."""
        found = plain(found)
        assert found.column_names == self.shown.column_names
        for name in found.column_names:  # said one by one, what differs is found sooner
            assert Counter(found[name].to_pylist()) == Counter(self.shown[name].to_pylist()), name
        assert values_of(found) == values_of(self.shown)

    def see_all_shown_by_trino(self, rows: Sequence[Sequence[Any]], names: Sequence[str]) -> None:
        """See that a view gave every value of some columns, in the form of Trino's JSON."""
        wanted = self.shown.select(list(names))
        instants = {column.name for column in self.contract.columns if column.codec == "instant"}
        found = [[_of_trino(value, wanted, n, n in instants) for value, n in zip(row, names, strict=True)]
                 for row in rows]  # fmt: skip
        for place, name in enumerate(names):  # said one by one, what differs is found sooner
            assert Counter(row[place] for row in found) == Counter(wanted[name].to_pylist()), name
        assert Counter(map(tuple, found)) == values_of(wanted)

    @property
    def name(self) -> str:
        return self.contract.table

    @property
    def days(self) -> list[date]:
        """The days that have rows."""
        return [EPOCH.date() + timedelta(days=day) for day in sorted(set(self.rows["day"].to_pylist()))]

    def view(self, dialect: str, called: str, columns: Sequence[str] | None = None) -> str:
        """The query of a view of the table, which the engine calls so."""
        source = catalog_source(self.name, dialect, called)
        return make_view([Period(self.contract)], dialect, source, "", columns=columns, is_query=True)

    @property
    def values(self) -> Counter[tuple[Any, ...]]:
        """The rows, as a multiset."""
        return values_of(self.rows)

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a column of integers or instants that are there."""
        return self.rows[name].drop_null().to_numpy()

    def borders(self, name: str) -> list[int]:
        """Some values of an instant: the first, the last, and two between."""
        found = np.sort(self.numbers(name))
        return [int(found[place]) for place in (0, len(found) // 3, len(found) // 2, -1)]

    def conditions(self, name: str) -> list[tuple[str, int]]:
        """Conditions on an instant, in SQL that both engines know, and how many rows fulfil each.

        A microsecond beside a value is where a wrong unit or a rounding shows.
        """
        values, borders = self.numbers(name), self.borders(name)
        compared = [(border, sign) for border in borders for sign in OPERATORS]
        beside = [border + step for border in borders for step in (-1, 1) if LEAST <= border + step <= MOST]
        compared += [(at, sign) for at in beside for sign in (">=", "<")]
        found = [(f"{name} {sign} {moment(at)}", int(OPERATORS[sign](values, at).sum())) for at, sign in compared]
        low, second, third, high = borders
        for first, last in ((low, high), (low + 1, high - 1), (second, third), (second + 1, third - 1), (high, low)):
            inside = int(((values >= first) & (values <= last)).sum())
            found.append((f"{name} BETWEEN {moment(first)} AND {moment(last)}", inside))
        return [*found, (f"{name} IS NULL", self.rows[name].null_count)]

    def uuid_conditions(self) -> list[tuple[str, int]]:
        """Conditions on the UUIDs of `every_type`, and how many rows fulfil each."""
        devices = self.rows["device"].to_pylist()
        found = [(f"device = '{device}'", devices.count(device)) for device in sorted(set(devices) - {None})]
        request = next(filter(None, self.rows["request"].to_pylist()))
        return [*found, (f"request = '{request}'", 1), ("device IS NULL", devices.count(None))]

    @property
    def grouped_by(self) -> tuple[str, str]:
        """An instant and a category by which to group."""
        return ("request_begin_at", "func_name") if self.name == "sdk_log" else ("seen_us", "kind")

    def hours(self, instant: str, category: str) -> dict[tuple[Any, Any], int]:
        """How many rows there are of each category and hour of day (UTC)."""
        hours = [None if at is None else at // 3_600_000_000 % 24 for at in self.rows[instant].to_pylist()]
        return dict(Counter(zip(self.rows[category].to_pylist(), hours, strict=True)))

    def pruned(self, name: str) -> Pruned:
        """A condition on an instant that few row groups can fulfil."""
        groups = [group for group in self.groups if group[name].null_count < group.num_rows]
        border = sorted({pc.min(group[name]).as_py() for group in groups})[:2][-1]  # none has less, if all agree
        matching = int((self.numbers(name) < border).sum())
        return Pruned.of(self, f"{name} < {moment(border)}", matching, lambda group: _holds_below(group[name], border))

    def pruned_greatest(self) -> Pruned:
        """A condition on a number or text whose greatest value not all row groups have."""
        name = "client_app_id" if self.name == "sdk_log" else "number"
        values = self.rows[name].drop_null()
        wanted = pc.max(values).as_py()
        matching = pc.sum(pc.equal(values, wanted)).as_py()
        return Pruned.of(self, f"{name} = {wanted!r}", matching, lambda group: pc.max(group[name]).as_py() == wanted)


@dataclass(frozen=True)
class Pruned:
    """A condition that few row groups can fulfil.

    Attributes:
        sql: the condition.
        rows: how many rows fulfil it.
        in_groups: how many rows the row groups have that can hold some, as their bounds say.
        in_files: how many rows the files of these row groups have.
    """

    sql: str
    rows: int
    in_groups: int
    in_files: int

    @classmethod
    def of(cls, table: Table, sql: str, rows: int, may_hold: Callable[[pa.Table], bool]) -> Pruned:
        held = [
            (path, group.num_rows) for path, group in zip(table.paths, table.groups, strict=True) if may_hold(group)
        ]
        paths = {path for path, _ in held}
        every = zip(table.paths, table.groups, strict=True)
        return cls(sql, rows, sum(n for _, n in held), sum(group.num_rows for path, group in every if path in paths))


def _holds_below(column: pa.ChunkedArray, border: int) -> bool:
    least = pc.min(column).as_py()
    return least is not None and least < border


def moment(micros: int) -> str:
    """A moment as both engines write it."""
    at = EPOCH + timedelta(microseconds=micros)
    return f"TIMESTAMP '{at.replace(tzinfo=None).isoformat(' ', 'microseconds')} UTC'"


def plain(table: pa.Table) -> pa.Table:
    """Instants as microseconds, days as numbers, UUIDs as texts: values that say the same in every engine."""
    columns = []
    for column in table.columns:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        elif pa.types.is_date(column.type):
            column = column.cast(pa.int32())
        elif column.type == pa.uuid():
            column = pa.chunked_array([[value and str(value) for value in column.to_pylist()]], pa.string())
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _of_trino(value: Any, wanted: pa.Table, name: str, is_instant: bool) -> Any:
    """A value of Trino's JSON, as `Table.shown` has it; instants end with `UTC`, but not those of Athena."""
    if value is None:
        return None
    if is_instant:
        return (datetime.fromisoformat(value.removesuffix(" UTC") + "+00:00") - EPOCH) // timedelta(microseconds=1)
    if name == "day":
        return (date.fromisoformat(value) - EPOCH.date()).days
    return base64.b64decode(value) if wanted[name].type == pa.binary() else value


def values_of(table: pa.Table) -> Counter[tuple[Any, ...]]:
    """Rows as a multiset."""
    return Counter(zip(*(column.to_pylist() for column in table.columns), strict=True))


def read(lake: str, contract: Contract) -> Table:
    """What logpress itself reads of a table, compared with what its files hold."""
    table = open_lake(lake).table(contract.table)
    scan = table.scan()
    names = stored_names(scan.files[0])
    groups, paths, instants = [], [], []
    for path in scan.files:
        with opened(path) as file:
            groups += [plain(file.read_row_group(number)) for number in range(file.num_row_groups)]
            paths += [path] * file.num_row_groups
            instants = [f.name for f in file.schema_arrow if pa.types.is_timestamp(f.type)]
    rows = plain(table.scan(columns=names).to_arrow())
    names = [column.name for column in contract.columns if column.codec != "kinesis_sequence"]
    shown = plain(table.scan(columns=["day", *names, "_extra", "_raw"]).to_arrow())
    stored = pa.concat_tables(groups)
    for name in shown_as_stored(contract):  # in the order of the files, as scans are
        rows = rows.set_column(rows.column_names.index(name), name, stored[name])
        shown = shown.set_column(shown.column_names.index(name), name, stored[name])
    found = Table(contract, rows, tuple(instants), tuple(groups), tuple(paths), shown)
    assert found.values == values_of(stored)
    return found


def stored_names(path: str) -> list[str]:
    with opened(path) as file:
        return list(file.schema_arrow.names)


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    import fsspec

    with fsspec.open(path, "rb") as handle:
        yield pq.ParquetFile(handle)


@dataclass(frozen=True)
class Lake:
    """A lake with two tables of three days, and one day without rows, and two of a day for views alone.

    Attributes:
        s3: where it lies.
        catalog: its catalog's file.
        tables: by name.
        encoded: what lies beside, in each encoding.
    """

    s3: S3Server
    catalog: Path
    tables: dict[str, Table]
    encoded: list[Encoded]

    @property
    def jdbc(self) -> str:
        return f"jdbc:sqlite:{self.catalog}"


def build(s3: S3Server, home: Path, contracts: Sequence[Contract]) -> Lake:
    """Publish everything."""
    import s3fs

    uri, catalog = f"s3://{BUCKET}/lake", home / "catalog.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**s3.environment, "LOGPRESS_CATALOG_URI": f"sqlite:///{catalog}"}.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir(BUCKET)
        try:
            tables = {}
            for contract in contracts:
                is_for_views = contract.table in ("sdk_log_us", "moved")
                for day in DAYS[:1] if is_for_views else DAYS:
                    press(contract, day, records_of(contract, day), uri, home)
                if not is_for_views:
                    press(contract, EMPTY_DAY, [b"no record", b"nor this"], uri, home)
                tables[contract.table] = read(uri, contract)
            encoded = write_encoded(home / "encoded")
            properties = {"s3.endpoint": s3.endpoint, "s3.region": "us-east-1"}
            register(encoded, f"sqlite:///{catalog}", f"s3://{BUCKET}/encoded", properties)
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
    return Lake(s3, catalog, tables, encoded)
