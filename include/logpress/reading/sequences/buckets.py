"""Records dealt to buckets by the hash of their entity: in memory if they are few, else in files of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from logpress.reading.sequences.entity import Keys, mixed
from logpress.reading.sequences.users import Users, sorted_users

_KEY, _TIME = "key ", "time "
"""Names of columns beside those of the records, which have no blank in theirs."""


@dataclass(eq=False)
class Buckets:
    """Records of entities in buckets; those of an entity are in one.

    Attributes:
        count: number of buckets; of one, the records stay in memory.
    """

    count: int
    _pieces: list[pa.Table] = field(default_factory=list)
    _files: list[Path] = field(default_factory=list)
    _writers: list[Any] = field(default_factory=list)

    def fill(self, pieces: Iterator[tuple[Keys, pa.Array, pa.Table]]) -> None:
        """Take records: their keys, their times, and their columns."""
        with ExitStack() as stack:
            for keys, times, records in pieces:
                for number, column in enumerate(keys):
                    records = records.append_column(f"{_KEY}{number}", pa.array(column))
                records = records.append_column(_TIME, pa.array(times))
                if self.count == 1:
                    self._pieces.append(records)
                else:
                    self._deal(stack, keys, records)
        self._writers.clear()

    def users(self, bucket: int, last: int) -> Users | None:
        """The entities of a bucket, with their last records; None if it has none."""
        if self.count == 1:
            pieces = self._pieces
        else:
            path = self._files[bucket] if self._files else None
            if path is None:
                return None
            with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
                pieces = [reader.read_all()]
        if not pieces:
            return None
        records = pa.concat_tables(pieces)
        if not records.num_rows:
            return None
        names = [name for name in records.column_names if name.startswith(_KEY)]
        keys = [records.column(name).to_numpy() for name in names]
        times = records.column(_TIME).to_numpy()
        return sorted_users(keys, times, records.drop_columns([*names, _TIME]), last)

    def of(self, keys: Keys) -> Any:
        """The bucket of each key."""
        return mixed(keys) % np.uint64(self.count)

    def _deal(self, stack: ExitStack, keys: Keys, records: pa.Table) -> None:
        if not self._writers:
            folder = tempfile.mkdtemp(prefix="logpress-sequences-")
            weakref.finalize(self, _remove, folder, os.getpid())
            self._files = [Path(folder) / f"{number}" for number in range(self.count)]
            self._writers = [
                stack.enter_context(pa.ipc.new_stream(stack.enter_context(path.open("wb")), records.schema))
                for path in self._files
            ]
        buckets = self.of(keys)
        order = np.argsort(buckets, kind="stable")
        ends = np.searchsorted(buckets[order], np.arange(self.count + 1, dtype=np.uint64))
        dealt = records.take(pa.array(order))
        for number, writer in enumerate(self._writers):
            writer.write_table(dealt.slice(int(ends[number]), int(ends[number + 1] - ends[number])))


def _remove(folder: str, process: int) -> None:
    """Remove the files, in the process that made them: those that were forked from it may end sooner."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
