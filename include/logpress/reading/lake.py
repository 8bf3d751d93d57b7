"""Lakes and tables for readers: published days, columns, and scans."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from logpress.conditions.filters import Where, compile_filter
from logpress.conditions.names import no_column, no_such
from logpress.contract.model import Contract, parse_day
from logpress.errors import UsageError
from logpress.lake import Lake
from logpress.manifest import DayManifest
from logpress.reading.columns import ColumnInfo, columns_of
from logpress.reading.part import Part, Request, types_in_file
from logpress.reading.scan import Scan, default_threads
from logpress.reading.sequences.entity import entity_of
from logpress.reading.sequences.sequences import Sequences, end_of
from logpress.reading.told import Told
from logpress.reading.vocabulary import Vocabularies, Vocabulary

if TYPE_CHECKING:
    from logpress.reading.user_history import History

Day = date | str

_FOOTERS_AT_A_TIME = 8


def open_lake(uri: str | os.PathLike[str]) -> LakeReader:
    """Open a lake for reading.

    Args:
        uri: a path, or a URI of any storage that fsspec supports, such as `s3://bucket/lake`.

    Raises:
        UsageError: if it is not a lake.
        LakeError: if it cannot be read.
    """
    return LakeReader(Lake.open(os.fspath(uri)))


@dataclass(frozen=True)
class LakeReader:
    """A lake. Make one with `open_lake`."""

    _lake: Lake

    @property
    def uri(self) -> str:
        """Its absolute path or URI."""
        return self._lake.uri

    def tables(self) -> list[str]:
        """The names of its tables, sorted.

        Raises:
            LakeError: if it cannot be read.
        """
        return self._lake.tables()

    def table(self, name: str) -> TableReader:
        """A table.

        Raises:
            UsageError: if there is no such table.
            LakeError: if the lake cannot be read.
        """
        if not self._lake.is_table(name):
            raise no_such("table", name, self.tables())
        return TableReader(self._lake, name)


@dataclass(frozen=True)
class TableReader:
    """A table of a lake. Make one with `LakeReader.table`."""

    _lake: Lake
    name: str

    def days(self) -> list[date]:
        """The published days (UTC), ascending.

        Raises:
            LakeError: if the lake cannot be read.
        """
        return self._lake.days(self.name)

    @property
    def columns(self) -> list[ColumnInfo]:
        """The columns of the newest published day that has rows; the default columns of a scan come first.

        Raises:
            UsageError: if no day is published.
            LakeError: if the lake cannot be read.
            PartError: if a file is damaged.
        """
        return columns_of(self._newest_contract())

    def files(self, start: Day | None = None, end: Day | None = None) -> list[str]:
        """The published part files of some days, for other Parquet readers.

        Args:
            start: first day (UTC); None for all days.
            end: last day, included; as `start` if None.

        Raises:
            UsageError: if a day is not valid, or none of them is published.
            LakeError: if the lake cannot be read.
        """
        manifests = self._manifests(start, end)
        return [path for manifest in manifests for path in self._lake.files(manifest)[0]]

    def scan(
        self,
        start: Day | None = None,
        end: Day | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        *,
        threads: int | None = None,
        verify: bool = False,
    ) -> Scan:
        """Scan the rows of some days.

        Days of the range that are not published are left out; `Scan.days` says which there are. The size, rows and
        columns of each file are compared with its day's manifest when it is opened.

        Args:
            start: first day (UTC), as `date` or "YYYY-MM-DD"; None for all days.
            end: last day, included; as `start` if None.
            columns: in the order they are wanted; those of the contract without underscore if None.
            where: which rows: [(column, operator, value), ...], all of which must hold; a list of such lists, one of
                which must hold; or an expression of pyarrow.compute. Operators are ==, !=, <, <=, >, >=, in, not in.
                Moments without a time zone are UTC. A missing value (None) equals only None.
            threads: row groups that are read at a time; as many as there are cores, at most 8, if None.
            verify: whether all bytes of the days' files are read now, and their SHA-256 compared with the manifests'.

        Raises:
            UsageError: if a day, column or condition is not valid, or none of the days is published.
            LakeError: if the lake cannot be read.
            PartError: if a file is damaged.
            ProofError: if a file is not the one that its manifest tells of, where `verify` is asked for.
        """
        manifests = self._manifests(start, end)
        if verify:
            from logpress.quality.proof import prove_file  # what it imports takes longer than most scans do

            for manifest in manifests:
                for path, part in zip(self._lake.files(manifest)[0], manifest.parts, strict=True):
                    prove_file(path, part)
        known = columns_of(self._contracts(manifests) or self._newest_contract())
        types = pa.schema([pa.field(column.name, column.type) for column in known])
        names = _chosen(columns, known)
        derived = frozenset(column.name for column in known if column.derived)
        wanted = None if where is None else compile_filter(where, types, derived)
        return Scan(
            days=tuple(date.fromisoformat(manifest.day) for manifest in manifests),
            files=tuple(path for manifest in manifests for path in self._lake.files(manifest)[0]),
            rows=sum(manifest.rows for manifest in manifests),
            schema=pa.schema([types.field(name) for name in names]),
            _told=tuple(Told.of(part) for manifest in manifests for part in manifest.parts),
            _request=Request(tuple(names), types, wanted),
            _repeating=frozenset(column.name for column in known if column.repeats),
            _threads=threads or default_threads(),
            _vocabularies=Vocabularies(self._lake, self.name),
            _derived=derived,
        )

    def history(self, *, days: int = 7) -> History:
        """The last calls of users, from the newest days that are sorted by user (`logpress history build`).

        Args:
            days: how many of these days are looked at.

        Raises:
            UsageError: if no day is sorted by user.
            LakeError: if the lake cannot be read.
        """
        from logpress.reading.user_history import History  # what it imports takes longer than opening a lake does

        if days < 1:
            raise UsageError(f"days is {days}; give 1 or more")
        return History(self._lake, self.name, days)

    def vocabulary(
        self, column: str, start: Day | None = None, end: Day | None = None, *, min_count: int = 1
    ) -> Vocabulary:
        """The codes of a column's texts, which the lake keeps for ever; words of days that are not in it are added.

        Args:
            column: a column of texts.
            start: first day (UTC) whose words are added, if they are not there yet; None for all published days.
            end: last day, included; as `start` if None.
            min_count: words that have fewer rows, on each of the days, have the code of unknown ones, 1.

        Raises:
            UsageError: if there is no such column, it is not of texts, or an argument is not valid.
            LakeError: if the lake cannot be read, or words are missing and it cannot be written.
            PartError: if a file is damaged.
        """
        scan = self.scan(start, end, columns=[column])
        days = scan.day_files()
        types = pa.schema([scan.schema.field(column)])
        return Vocabularies(self._lake, self.name).extended(column, days, types, default_threads(), min_count=min_count)

    def sequences(
        self,
        start: Day | None = None,
        end: Day | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        *,
        last: int = 512,
        codes: Sequence[str] | Mapping[str, Vocabulary] = (),
        entity: Sequence[str] | None = None,
        time: str | None = None,
        threads: int | None = None,
    ) -> Sequences:
        """The records of each entity, such as a user, in the order of time, whatever days and parts they are in.

        Args:
            start: first day (UTC), as for `scan`.
            end: last day, included; as `start` if None.
            columns: those that become lists; those of the contract without underscore if None.
            where: which records, as for `scan`.
            last: how many of the last records of an entity are kept.
            codes: columns of texts that become codes, by the vocabularies of the lake, to which words of these days
                are added first; or vocabularies by column.
            entity: the columns that say whose a record is; those of the table's contract if None.
            time: the column that orders them; that of the contract if None.
            threads: row groups that are read at a time.

        Raises:
            UsageError: if an argument is not valid, or nothing says whose a record is.
            LakeError: if the lake cannot be read, or a vocabulary lacks words and cannot be written.
            PartError: if a file is damaged.
        """
        if last < 1:
            raise UsageError(f"last is {last}; give a number of records, 1 or more")
        wide = self.scan(start, end, columns)
        types = pa.schema([pa.field(column.name, column.type) for column in self.columns])
        keys, by = entity_of(self.name, types, entity, time)
        names = tuple(wide.schema.names)
        scan = self.scan(start, end, [*dict.fromkeys([*keys, by, *names])], where, threads=threads)
        ends = end if end is not None else start
        as_of = scan.days[-1] if ends is None else _day(ends)
        return Sequences(keys, by, names, last, scan.coded(codes), end_of(as_of), scan, self.scan, self.days)

    def _manifests(self, start: Day | None, end: Day | None) -> list[DayManifest]:
        """The manifests of the published days from `start` to `end`; at least one."""
        first = None if start is None else _day(start)
        last = first if end is None else _day(end)
        if first is not None and last is not None and first > last:
            raise UsageError(f"the first day, {first}, is after the last, {last}; swap them")
        if first is not None and first == last:
            return [self._lake.need_day(self.name, first)]
        published = self.days()
        wanted = [d for d in published if (first is None or first <= d) and (last is None or d <= last)]
        found = [manifest for day in wanted if (manifest := self._lake.read_day(self.name, day)) is not None]
        if not found:
            known = f"its published days are {published[0]} to {published[-1]}" if published else "no day is published"
            raise UsageError(f"{self._lake.uri}: {self.name} has no day from {first} to {last}; {known}")
        return found

    def _contracts(self, manifests: Sequence[DayManifest]) -> list[Contract]:
        """The contracts that the parts were written with, the newest first: one for each set of columns and types."""
        of_days: dict[tuple[str, tuple[str, ...]], tuple[str, Told]] = {}
        for manifest in reversed(manifests):
            for part, path in zip(manifest.parts, self._lake.files(manifest)[0], strict=True):
                told = Told.of(part)
                of_days.setdefault((manifest.day, told.columns), (path, told))
        paths = [path for path, _ in of_days.values()]
        types: list[tuple[str, ...] | None]
        if len(paths) < 2:
            types = [()] * len(paths)  # nothing to tell apart
        elif any("://" in path for path in paths):
            with ThreadPoolExecutor(_FOOTERS_AT_A_TIME) as pool:
                types = list(pool.map(types_in_file, paths))
        else:
            types = [types_in_file(path) for path in paths]
        found: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, Told]] = {}
        for (path, told), types_of_it in zip(of_days.values(), types, strict=True):
            if types_of_it is not None:  # else the file is gone or damaged, which is told when it is read
                found.setdefault((told.columns, types_of_it), (path, told))
        return [Part.open(path, told=told).contract for path, told in (found or of_days).values()]

    def _newest_contract(self) -> list[Contract]:
        for day in reversed(self.days()):
            manifest = self._lake.read_day(self.name, day)
            found = self._contracts([manifest]) if manifest is not None else []
            if found:
                return found[:1]
        raise UsageError(
            f"{self._lake.uri}: {self.name} has no published rows yet, so its columns are unknown; publish a day first"
        )


def _day(day: Day) -> date:
    if isinstance(day, datetime) or not isinstance(day, date | str):
        raise UsageError(f"{day!r} is not a day; give a date, or text such as 2021-12-26")
    try:
        return parse_day(day) if isinstance(day, str) else day
    except ValueError as error:
        raise UsageError(str(error)) from error


def _chosen(columns: Sequence[str] | None, known: Sequence[ColumnInfo]) -> list[str]:
    if columns is None:
        return [column.name for column in known if column.default]
    if isinstance(columns, str) or not columns:
        raise UsageError(f"`columns` is {columns!r}; give a list of one or more names")
    names = [column.name for column in known]
    for name in columns:
        if name not in names:
            raise no_column(name, names)
        if list(columns).count(name) > 1:
            raise UsageError(f"`columns` names {name!r} twice; remove one")
    return list(columns)
