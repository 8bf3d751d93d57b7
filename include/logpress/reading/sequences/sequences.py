"""Sequences: the records of each entity of some days, in the order of time, with labels of later days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from logpress.conditions.filters import Where
from logpress.errors import UsageError
from logpress.reading.batches.loader import Settings
from logpress.reading.publications import Publications, digest
from logpress.reading.scan import Scan
from logpress.reading.sequences.buckets import Buckets
from logpress.reading.sequences.entity import KeyColumns, Keys, distinct
from logpress.reading.sequences.filled import Filled
from logpress.reading.sequences.loader import Padding, SequenceLoader
from logpress.reading.sequences.read import records
from logpress.reading.sequences.users import lists

if TYPE_CHECKING:
    from logpress.reading.sequences.torch_loader import TorchSequences
    from logpress.reading.vocabulary import Vocabulary

BUCKET_ROWS = 4_000_000
"""[memory] Records that are sorted at a time, about; of more, each bucket has a file."""


@dataclass(frozen=True)
class Label:
    """Whether an entity has events after the days of its sequence.

    Attributes:
        name: of the label.
        scan: of the events' keys and times.
        start: the first moment that counts, in microseconds.
        end: the moment from which on none counts.
    """

    name: str
    scan: Scan
    start: int
    end: int


@dataclass(frozen=True)
class Sequences:
    """The records of each entity, such as a user: each once, whatever days and parts his records are in.

    Make one with `TableReader.sequences`. Records without an entity or a time are left out.

    Attributes:
        entity: the columns that say whose a record is.
        time: the column that orders them.
        columns: the columns that become lists.
        last: how many of the last records of an entity are kept.
        codes: the vocabularies of columns that become codes.
        labels: what is told of later days.
        as_of: the end of the last day: what a model may know.
    """

    entity: tuple[str, ...]
    time: str
    columns: tuple[str, ...]
    last: int
    codes: Mapping[str, Vocabulary]
    as_of: datetime
    _scan: Scan
    _scan_of: Callable[..., Scan]
    _days: Callable[[], list[date]]
    _bucket_rows: int = BUCKET_ROWS
    labels: tuple[Label, ...] = ()

    def with_label(self, name: str, days: int = 1, where: Where | None = None) -> Sequences:
        """The same with a bool column: whether the entity has events in the next days.

        Only events that began at or after `as_of`, and less than `days` days after it, count: a record that arrived
        late, and began before, is not a return. Events are looked for in the published days that follow.

        Args:
            name: of the label.
            days: how many days after the last day.
            where: which events; all if None.

        Raises:
            UsageError: if one of these days is not published, or an argument is not valid.
            LakeError: if the lake cannot be read.
        """
        if days < 1:
            raise UsageError(f"days is {days}; give a number of days, 1 or more")
        if name in self._names:
            raise UsageError(f"there is a column {name!r} already; give the label another name")
        first = self.as_of.date()
        wanted = [first + timedelta(days=number) for number in range(days)]
        published = set(self._days())
        missing = [day for day in wanted if day not in published]
        if missing:
            raise UsageError(f"the label {name!r} needs the day {missing[0]}, which is not published; publish it first")
        scan = self._scan_of(wanted[0], wanted[-1], columns=[*dict.fromkeys((*self.entity, self.time))], where=where)
        start = _microseconds(self.as_of)
        label = Label(name, scan, start, start + days * 86_400_000_000)
        return replace(self, labels=(*self.labels, label))

    @property
    def schema(self) -> pa.Schema:
        """Of `to_batches`: the entity, a list of each column, and the labels."""
        types = self._scan.schema
        keys = [types.field(name) for name in self.entity]
        items = [
            pa.field(name, pa.list_(pa.int32() if name in self.codes else types.field(name).type))
            for name in self.columns
        ]
        return pa.schema([*keys, *items, *(pa.field(label.name, pa.bool_()) for label in self.labels)])

    def to_batches(self, *, users: int = 256) -> pa.RecordBatchReader:
        """Stream entities: a row each, with lists in the order of time. Memory is bounded, however many days there are.

        Args:
            users: largest number of entities of a batch.

        Raises:
            UsageError: if `users` is below 1.
            PartError: while reading, if a file is gone or damaged.
        """
        if users < 1:
            raise UsageError(f"users is {users}; give a number, 1 or more")
        return pa.RecordBatchReader.from_batches(self.schema, self._batches(users))

    def to_arrow(self) -> pa.Table:
        """All entities as a table.

        Raises:
            PartError: if a file is gone or damaged.
        """
        return self.to_batches(users=1 << 16).read_all()

    def to_numpy_batches(
        self,
        *,
        users: int = 256,
        length: int = 128,
        negatives: tuple[str, int] | None = None,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = False,
    ) -> SequenceLoader:
        """Batches for training: dicts of arrays [users, length], padded with zeros behind the last record.

        Each column of the sequences is one, codes int32, the others as `Scan.to_numpy_batches` gives them; a missing
        value is 0. `lengths` (int64[users]) says how many records there are; a label is bool[users].

        Args:
            users: entities of a batch.
            length: records of an entity; the last ones are taken.
            negatives: a column of codes and a number: `<column>_negatives`, int32[users, length, number], are codes
                that are drawn with a probability by count ** 0.75, whatever the record's own code is.
            seed: of the order, and of negatives.
            shuffle: whether entities are shuffled.
            rank: this process, of those that train together.
            world: how many processes train together.
            drop_last: whether entities that do not fill a batch of each rank are left out.

        Raises:
            UsageError: if an argument makes no sense, or a column of texts is not one of codes.
        """
        if users < 1:
            raise UsageError(f"users is {users}; give a number, 1 or more")
        padding = Padding.of(self._scan.schema, self.columns, self.codes, length, negatives)
        scans = [self._scan, *(label.scan for label in self.labels)]
        asked = {
            "columns": digest(
                self.entity, self.time, self.columns, self.last, padding.length, padding.negatives,
                [(label.name, label.start, label.end) for label in self.labels],
            )[:16],
            "where": digest([scan.condition for scan in scans])[:16],
        }  # fmt: skip
        days = dict.fromkeys(day for scan in scans for day in scan.days)
        files = dict.fromkeys(path for scan in scans for path in scan.files)
        publications = Publications.of(list(days), list(files))
        settings = Settings(users, seed, shuffle, 1, rank, world, drop_last)
        return SequenceLoader(self.fill, padding, asked, publications, settings)

    def to_torch(self, **options: Any) -> TorchSequences:
        """As `to_numpy_batches`, with tensors; codes are int64. It is an IterableDataset of batches for a DataLoader.

        Args:
            **options: those of `to_numpy_batches`.

        Raises:
            ImportError: if PyTorch is not installed: `pip install '.[torch]'`.
            UsageError: if an option makes no sense, or a column of texts is not one of codes.
        """
        from logpress.reading.sequences.torch_loader import TorchSequences

        return TorchSequences(*self.to_numpy_batches(**options).made_of)

    @property
    def _names(self) -> list[str]:
        return [*self.entity, *self.columns, *(label.name for label in self.labels)]

    # -- reading

    def fill(self) -> Filled:
        """Read the records, and which entities have events of the labels.

        Raises:
            PartError: if a file is gone or damaged.
        """
        keys = KeyColumns([self._scan.schema.field(name).type for name in self.entity])
        buckets = Buckets(max(1, -(-self._scan.rows // self._bucket_rows)))
        buckets.fill(records(self._scan, keys, self.entity, self.time, self.columns, self.codes))
        found = {}
        for label in self.labels:
            pieces: list[Keys] = [[np.empty(0, dtype=np.int64) for _ in self.entity]]
            for some, times, _ in records(label.scan, keys, self.entity, self.time, (), {}):
                in_time = (times >= label.start) & (times < label.end)
                pieces.append(distinct([column[in_time] for column in some]))
            found[label.name] = [np.concatenate(columns) for columns in zip(*pieces, strict=True)]
        return Filled(buckets, keys, found, self.last)

    def _batches(self, users: int) -> Iterator[pa.RecordBatch]:
        filled = self.fill()
        for bucket in range(filled.buckets.count):
            found = filled.users(bucket)
            if found is None:
                continue
            labels = filled.labels(found)
            for first in range(0, len(found), users):
                chosen = slice(first, min(first + users, len(found)))
                keys = filled.key_columns.arrays([column[chosen] for column in found.keys])
                arrays = [*keys, *lists(found, chosen), *(pa.array(labels[one.name][chosen]) for one in self.labels)]
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def end_of(last: date) -> datetime:
    """The end of a day, UTC."""
    return datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
