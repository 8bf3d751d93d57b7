"""A lake and its tables, as readers see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from logpress.contract.model import Contract, is_virtual, parse_day
from logpress.engine.columns import arrow_type, readable_columns
from logpress.engine.restore import PartReader
from logpress.errors import UsageError
from logpress.lake import Lake
from logpress.manifest import DayManifest
from logpress.reading.filters import Where
from logpress.reading.scan import Scan


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column of a table.

    Attributes:
        name: as in `columns=`.
        type: what readers get; instants are UTC.
        description: what it means.
        virtual: whether it is derived when read, and costs nothing to store.
    """

    name: str
    type: pa.DataType
    description: str
    virtual: bool


def _as_day(day: date | str) -> date:
    if isinstance(day, date):
        return day
    try:
        return parse_day(day)
    except ValueError as error:
        raise UsageError(str(error)) from error


class TableReader:
    """One table of a lake."""

    def __init__(self, lake: Lake, name: str) -> None:
        self._lake = lake
        self.name = name

    def __repr__(self) -> str:
        return f"<table {self.name} of {self._lake.uri}>"

    def days(self) -> list[date]:
        """The published days, in order."""
        return self._lake.days(self.name)

    def manifests(self, start: date | str, end: date | str) -> list[DayManifest]:
        """What is published from one day to another, both included; days that are not published are left out."""
        first, last = _as_day(start), _as_day(end)
        if last < first:
            raise UsageError(f"the scan ends on {last}, before it begins on {first}")
        found = []
        for number in range((last - first).days + 1):
            manifest = self._lake.read_day(self.name, first + timedelta(days=number))
            if manifest is not None:
                found.append(manifest)
        return found

    def files(self, start: date | str, end: date | str) -> list[str]:
        """Paths or URIs of the Parquet files of some days, both ends included: exactly what is published."""
        return [path for manifest in self.manifests(start, end) for path in self._lake.files(manifest)[0]]

    @property
    def contract(self) -> Contract:
        """The contract that the newest published day was written with.

        Raises:
            UsageError: if no day is published.
        """
        for day in reversed(self.days()):
            for path in self.files(day, day):
                return PartReader(path).metadata.contract
        raise UsageError(f"{self._lake.uri}: {self.name} has no published day with rows")

    @property
    def columns(self) -> list[ColumnInfo]:
        """The contract's columns; those that begin with an underscore are read only when they are named."""
        return [ColumnInfo(c.name, arrow_type(c), c.description, is_virtual(c)) for c in self.contract.columns]

    def scan(
        self,
        start: date | str,
        end: date | str | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Where = None,
    ) -> Scan:
        """Rows of some days.

        Args:
            start: first UTC day, a date or `YYYY-MM-DD`.
            end: last day, included; `start` if None.
            columns: which columns, in this order; all readable ones, virtual ones too, if None.
            where: conditions `[(column, op, value), ...]` (all must hold), a list of such lists (one must hold), or a
                pyarrow expression. Row groups whose statistics rule them out are not read.

        Raises:
            UsageError: if no day is published, a day is no day, or a column is not there.
        """
        manifests = self.manifests(start, start if end is None else end)
        if not manifests:
            days = self.days()
            known = f"published are {days[0]} to {days[-1]}" if days else "no day is published"
            raise UsageError(f"{self.name} has no day from {start} to {end or start}; {known}")
        contract = self.contract
        parts = [path for manifest in manifests for path in self._lake.files(manifest)[0]]
        return Scan(contract, parts, tuple(columns or readable_columns(contract)), where)


class LakeReader:
    """A lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def __repr__(self) -> str:
        return f"<lake {self._lake.uri}>"

    def tables(self) -> list[str]:
        """Tables with a published day."""
        items = [item.name for item in self._lake.storage.list(self._lake.uri)]
        return sorted(name for name in items if name[:1].isalpha() and "." not in name and self._lake.days(name))

    def table(self, name: str) -> TableReader:
        """One table.

        Raises:
            UsageError: if the lake has no such table.
        """
        if not self._lake.days(name):
            raise UsageError(f"{self._lake.uri} has no table {name!r}; it has {', '.join(self.tables()) or 'none'}")
        return TableReader(self._lake, name)


def open_lake(uri: str) -> LakeReader:
    """Open a lake, a folder or an fsspec URI, for reading.

    Raises:
        UsageError: if it is no lake.
        LakeError: if it cannot be reached.
    """
    return LakeReader(Lake.open(str(uri)))
