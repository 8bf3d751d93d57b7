"""The last calls of a user, from the newest days that are sorted by user."""

from __future__ import annotations

import json
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.codecs.arrow_arrays import missing_of, values_of
from logpress.engine.part.part_file import opened
from logpress.errors import PartError, UsageError
from logpress.lake import Lake
from logpress.lake.by_user import FIRST_KEYS, ByUserDay, ByUserFile, days_by_user, read_by_user
from logpress.reading.users import Key, bucket_of, key_of

MOST_CALLS = 100_000
"""Rows that a lookup gives at most."""


@dataclass
class _File:
    """A file of a day, whose index is read once, and which each thread opens for itself."""

    path: str
    told: ByUserFile
    _own: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _first_keys: list[Key] | None = None
    _footer: Any = None

    def first_keys(self) -> list[Key]:
        """The users with which its row groups begin."""
        if self._first_keys is None:
            with self._lock:
                if self._first_keys is None:
                    self._read_footer()
        assert self._first_keys is not None
        return self._first_keys

    def _read_footer(self) -> None:
        try:
            with opened(self.path) as handle:
                size = handle.seek(0, 2)
                handle.seek(0)
                footer = pq.read_metadata(handle)
            text = (footer.metadata or {}).get(FIRST_KEYS)
            keys = [tuple(key) for key in json.loads(text)] if text is not None else []
        except (OSError, ValueError, pa.ArrowException) as error:
            raise PartError(f"{self.path}: cannot be read as a file sorted by user: {error}; make it again") from error
        if size != self.told.stored_bytes or len(keys) != footer.num_row_groups or footer.num_rows != self.told.rows:
            raise PartError(f"{self.path}: is not the file that its manifest tells of; make the day again")
        self._footer = footer
        self._first_keys = keys

    def read(self, group: int, columns: Sequence[str]) -> pa.Table:
        """Columns of a row group, strings as dictionaries."""
        try:
            file = getattr(self._own, "file", None)
            if file is None:
                handle = pa.memory_map(self.path) if "://" not in self.path else _remote(self.path)
                texts = [one.name for one in self._footer.schema.to_arrow_schema() if pa.types.is_string(one.type)]
                file = self._own.file = pq.ParquetFile(handle, metadata=self._footer, read_dictionary=texts)
            return file.read_row_group(group, columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise PartError(f"{self.path}: row group {group} cannot be read: {error}; make the day again") from error


def _remote(path: str) -> Any:
    import fsspec

    return fsspec.open(path, "rb").open()


@dataclass(frozen=True)
class _Day:
    made: ByUserDay
    files: dict[int, _File]


class History:
    """The last calls of users. It may be shared by threads; make one with `TableReader.history`.

    Args:
        lake: the lake.
        table: the table.
        days: newest days that are looked at.

    Raises:
        UsageError: if no day is sorted by user.
        LakeError: if the lake cannot be read.
    """

    def __init__(self, lake: Lake, table: str, days: int) -> None:
        self._lake = lake
        self._table = table
        self._most = days
        self._days: list[_Day] = []
        self._types: list[pa.DataType] = []
        self._schema = pa.schema([])
        self.refresh()

    def refresh(self) -> None:
        """Look for days that were made or made again since; days that did not change keep what was read of them.

        Raises:
            UsageError: if no day is sorted by user.
            LakeError: if the lake cannot be read.
            PartError: if the newest file is damaged.
        """
        known = {day.made.day: day for day in self._days}
        days = []
        for day in days_by_user(self._lake, self._table)[-self._most :]:
            made = read_by_user(self._lake, self._table, day)
            if made is None:
                continue
            before = known.get(made.day)
            days.append(before if before is not None and before.made == made else self._opened(made))
        if not days:
            raise UsageError(
                f"{self._lake.uri}: no day of {self._table} is sorted by user; run `logpress history build "
                f"{self._table}`, or its DAG {self._table}_history"
            )
        newest = next((file for day in reversed(days) for file in day.files.values()), None)
        if newest is not None:
            newest.first_keys()
            found = newest._footer.schema.to_arrow_schema().remove_metadata()
            wanted = days[-1].made.columns
            self._schema = pa.schema([found.field(name).remove_metadata() for name in wanted])
            self._types = [found.field(name).type for name in days[-1].made.entity]
        self._days = days

    def _opened(self, made: ByUserDay) -> _Day:
        folder = self._lake.by_user_folder(self._table, date.fromisoformat(made.day))
        return _Day(made, {file.bucket: _File(f"{folder}/{file.path}", file) for file in made.files})

    @property
    def days(self) -> list[date]:
        """The days (UTC) that are looked at, ascending."""
        return [date.fromisoformat(day.made.day) for day in self._days]

    @property
    def schema(self) -> pa.Schema:
        """The columns that there are, with their types."""
        return self._schema

    def last(self, *user: Any, calls: int = 200, columns: Sequence[str] | None = None, before: Any = None) -> pa.Table:
        """The last calls of a user, the newest last, in the order of the contract's `time`.

        Args:
            user: the values of the contract's `entity`, such as a game and the instant of sign-up: texts, numbers,
                `datetime`, ISO 8601 text, or microseconds since 1970 (UTC).
            calls: how many at most.
            columns: in the order they are wanted; all if None.
            before: only calls whose `time` is earlier than this instant, given like one of a user; None: any.

        Returns:
            A table without rows for a user who is unknown, or has no call in these days.

        Raises:
            UsageError: if the values do not fit, or a column is unknown.
            PartError: if a file is gone or damaged.
        """
        if not 1 <= calls <= MOST_CALLS:
            raise UsageError(f"calls is {calls}; give 1 to {MOST_CALLS:,}")
        days = self._days
        entity, time = days[-1].made.entity, days[-1].made.time
        names = list(self._schema.names if columns is None else columns)
        for name in names:
            if name not in self._schema.names:
                raise UsageError(f"there is no column {name!r}; there are {', '.join(self._schema.names)}")
        key = key_of(user, self._types, entity)
        limit = None if before is None else key_of([before], [pa.timestamp("us", "UTC")], ["before"])[0]
        found: list[pa.Table] = []
        times: list[np.ndarray[Any, Any]] = []
        needed = list(dict.fromkeys([*names, time]))
        for day in reversed(days):
            oldest = _nth_newest(times, calls)
            file = day.files.get(bucket_of(key, day.made.buckets))
            if file is None or (oldest is not None and (file.told.newest is None or file.told.newest < oldest)):
                continue
            for table in _rows_of(file, key, entity, [name for name in needed if name in day.made.columns]):
                instants = _micros_of(table.column(time))
                if limit is not None:
                    is_before = instants < int(limit)
                    if not is_before.all():
                        table, instants = table.filter(pa.array(is_before)), instants[is_before]
                if table.num_rows:
                    found.append(table)
                    times.append(instants)
        return self._sorted(found, times, calls, names)

    def _sorted(
        self, found: Sequence[pa.Table], times: Sequence[np.ndarray[Any, Any]], calls: int, names: Sequence[str]
    ) -> pa.Table:
        schema = pa.schema([self._schema.field(name) for name in names])
        if not found:
            return schema.empty_table()
        fitted = []
        for table in found:
            arrays = []
            for one in schema:
                if one.name in table.column_names:
                    column = table.column(one.name)
                    arrays.append(column if column.type == one.type else column.cast(one.type))
                else:  # the day was made before the column was asked for
                    arrays.append(pa.chunked_array([pa.nulls(table.num_rows, one.type)]))
            fitted.append(pa.table(arrays, schema=schema))
        order = np.argsort(np.concatenate(times), kind="stable")[-calls:]
        return pa.concat_tables(fitted).take(pa.array(order)).combine_chunks()


def _nth_newest(times: Sequence[np.ndarray[Any, Any]], calls: int) -> int | None:
    """The time of the oldest of the newest calls; None if there are not so many yet."""
    if sum(map(len, times)) < calls:
        return None
    return int(np.partition(np.concatenate(times), -calls)[-calls])


_NONE = np.iinfo(np.int64).min


def _micros_of(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    values, missing = values_of(array), missing_of(array)
    return np.array(values) if missing is None else np.where(missing, _NONE, values)


def _rows_of(file: _File, key: Key, entity: Sequence[str], columns: Sequence[str]) -> list[pa.Table]:
    """The rows of a user in a file, in its order, by row group. The keys are read first, the others if he is there."""
    keys = file.first_keys()
    found = []
    for group in range(max(0, bisect_left(keys, key) - 1), bisect_right(keys, key)):
        first, last = _span(file.read(group, entity), key, entity)
        if first < last:
            found.append(file.read(group, columns).slice(first, last - first))
    return found


def _span(table: pa.Table, key: Key, entity: Sequence[str]) -> tuple[int, int]:
    """The rows of a user among sorted ones: from the first to before the last."""
    first, last = 0, table.num_rows
    for name, value in zip(entity, key, strict=True):
        array = table.column(name).chunk(0)
        if pa.types.is_dictionary(array.type):
            places = np.flatnonzero(np.array(array.dictionary.to_pylist(), dtype=object) == value)
            if not len(places):
                return 0, 0
            rows = np.flatnonzero(values_of(array.indices)[first:last] == places[0])
        else:
            rows = np.flatnonzero(values_of(array)[first:last] == value)
        if not len(rows):
            return 0, 0
        first, last = first + int(rows[0]), first + int(rows[-1]) + 1
    return first, last
