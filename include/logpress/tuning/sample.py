"""A sample of real records for tuning: runs of consecutive records from several places of the input.

A run is as long as a row group, because the size of columns depends on how similar the records of a row group are.
Records drawn one by one would be less similar than those of a real row group.
"""

from __future__ import annotations

import errno
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from logpress.contract.model import Contract
from logpress.day.plan import list_objects
from logpress.errors import SourceError, UsageError
from logpress.records.bulk_pairs import paired
from logpress.records.raw_blocks import Buffers, RawBlock, read_blocks
from logpress.sources import Place, RawObject, list_inputs, open_raw
from logpress.sources.search.address import is_cluster

_LOOKED_AT = 200
"""Upper limit of records of an object, and of objects, that are searched for the day of the sample."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass
class Run:
    """Consecutive records, in files with the same framing as their raw objects."""

    files: list[str] = field(default_factory=list)
    records: int = 0


@dataclass(frozen=True)
class Sample:
    """Records for tuning.

    Attributes:
        runs: the runs, none of them empty.
        objects: number of raw objects that they are from.
        days: number of records for each UTC day, among those whose day was read.
    """

    runs: tuple[Run, ...]
    objects: int
    days: Counter[date]

    @property
    def records(self) -> int:
        """Number of records."""
        return sum(run.records for run in self.runs)

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the files, in order."""
        return tuple(file for run in self.runs for file in run.files)


def objects_of(contract: Contract, day: date | None, inputs: Sequence[str]) -> list[RawObject]:
    """The raw objects of which a sample is taken.

    Args:
        contract: the table.
        day: the UTC day; objects of any day if None.
        inputs: files, folders, globs or URIs; those of the contract if empty.

    Raises:
        UsageError: if there are none, or an input is an index.
    """
    named = list(inputs or contract.source.inputs)
    if not named:
        raise UsageError(
            f"no raw input of {contract.table} is named; give --input, or set `source.inputs` in its contract"
        )
    for uri in named:
        if is_cluster(uri):
            raise UsageError(
                f"{uri}: tune reads files and objects, not indices; press a day of it, and tune the file that "
                "`logpress restore` writes"
            )
    if day is not None:
        objects = list_objects(contract, day, named)
    else:
        source = contract.source
        place = Place(ZoneInfo(source.path_time_zone), source.skip, source.storage_options)
        objects = list_inputs(named, place=place)
    if not objects:
        raise UsageError(f"no raw input{f' for {day}' if day else ''} was found at {', '.join(named)}")
    return objects


def take_sample(
    contract: Contract,
    objects: Sequence[RawObject],
    records: int,
    folder: Path,
    tell: Callable[[int, int], None] | None = None,
) -> Sample:
    """Copy a sample of records to a folder.

    Args:
        contract: the table.
        objects: raw objects to take records from.
        records: largest number of records.
        folder: folder to copy them to.
        tell: called with bytes and records done so far.

    Raises:
        SourceError: if an object cannot be read.
        UsageError: if there is no record in any of them.
    """
    taker = _Taker(contract, folder, tell or (lambda size, count: None))
    count = max(1, min(-(-records // contract.files.row_group_rows), len(objects)))
    bounds = [number * len(objects) // count for number in range(count + 1)]
    runs: list[Run] = []
    for number in range(count):
        # This run also takes the records that earlier runs were too short for.
        wanted = (records - taker.records) // (count - number)
        run = Run()
        for entry in objects[bounds[number] : bounds[number + 1]]:
            if run.records < wanted:
                taker.take(entry.uri, run, wanted - run.records)
        if run.records:
            runs.append(run)
    if not runs:
        what = f"the {len(objects)} objects" if len(objects) > 1 else objects[0].uri
        raise UsageError(f"there are no records in {what} to measure; give another --input or --day")
    return Sample(tuple(runs), taker.objects, taker.days)


class _Taker:
    """Copies records, and counts their days."""

    def __init__(self, contract: Contract, folder: Path, tell: Callable[[int, int], None]) -> None:
        self._options = dict(contract.source.storage_options)
        self._paths = [_steps(path) for path in contract.by_name[contract.day].path]
        self._folder = folder
        self._tell = tell
        self._size = 0
        self.objects = 0
        self.records = 0
        self.days: Counter[date] = Counter()

    def take(self, uri: str, run: Run, wanted: int) -> None:
        """Copy up to `wanted` records from the beginning of an object."""
        buffers = Buffers()
        left = wanted
        looked_at = 0 if self.objects < _LOOKED_AT else _LOOKED_AT
        target = self._folder / f"{self.objects:05d}.raw"
        try:
            with open_raw(uri, self._options) as reader, target.open("wb") as file:
                for block in paired(read_blocks(reader, buffers)):
                    if left and not block.piece:  # pieces of a record that is too long have no columns
                        starts, ends = block.frame()
                        taken = min(left, len(starts))
                        file.write(_text(block, starts, ends, taken))
                        if looked_at < _LOOKED_AT:
                            first = min(taken, _LOOKED_AT - looked_at)
                            looked_at += first
                            spans = zip(starts[:first].tolist(), ends[:first].tolist(), strict=True)
                            self._look(block.buffer[a:b].tobytes() for a, b in spans)
                        left -= taken
                        self.records += taken
                        self._size += block.end
                        self._tell(self._size, self.records)
                    buffers.give_back(block.buffer)
                    if not left:
                        break
        except OSError as error:
            if error.errno == errno.ENOSPC:  # the local disk is full, which is not the source's fault
                raise
            raise SourceError(f"{uri}: cannot be read: {error}") from error
        if left < wanted:
            run.files.append(str(target))
            run.records += wanted - left
            self.objects += 1

    def _look(self, records: Iterator[bytes]) -> None:
        for record in records:
            day = _day_of(record, self._paths)
            if day is not None:
                self.days[day] += 1


def _text(block: RawBlock, starts: Any, ends: Any, taken: int) -> bytes:
    """The block's first records: unchanged if they are lines, else concatenated."""
    if block.spans is None:
        end = int(starts[taken]) if taken < len(starts) else block.end
        return bytes(block.buffer[:end].tobytes())
    spans = zip(starts[:taken].tolist(), ends[:taken].tolist(), strict=True)
    return b"".join(block.buffer[a:b].tobytes() + b"\n" for a, b in spans)


def _steps(path: str) -> list[str | int]:
    return [int(index) if index else key for key, index in _STEP.findall(path)]


def _day_of(record: bytes, paths: Sequence[Sequence[str | int]]) -> date | None:
    """The UTC day of a record; None if it has none."""
    texts = record.split(b"\n", 1) if record.count(b"\n") == 1 else [record]  # a `_bulk` pair has two lines
    for text in reversed([record, *texts]):
        try:
            document = json.loads(text)
        except ValueError:
            continue
        for path in paths:
            value = document
            try:
                for step in path:
                    value = value[step]
                instant = datetime.fromisoformat(value)
                return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC).date()
            except (LookupError, TypeError, ValueError, OverflowError):
                continue
    return None
