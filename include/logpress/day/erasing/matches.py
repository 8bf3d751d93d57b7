"""Find the records of a slice that match conditions: rows, and rejects."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logpress.contract.model import Contract
from logpress.day.erasing.records import Literal, literals_of, may_hide, parsed, unescaped
from logpress.engine.part.part_file import chunks_of, open_group
from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import DUPLICATE, NO_DAY, open_rejects
from logpress.engine.registers.registers import LAYOUT
from logpress.engine.restore.chosen import Rows, records_of
from logpress.engine.restore.part_input import press_records
from logpress.reading.places import Finder

TESTED_BYTES = 64 << 20
"""[memory] Bytes of records that are pressed at a time to be tested."""

TESTED_RECORDS = 100_000
"""[memory] Number of records that are."""


@dataclass(frozen=True)
class Matches:
    """Records of a slice that match.

    Attributes:
        rows: of the part, by row group: int64[n], ascending; none is empty.
        rejects: bool[rows of the rejects file]; None if none of them matches.
        broken: rejects among them that are no JSON objects and were searched for values.
    """

    rows: Mapping[int, Rows] = field(default_factory=dict)
    rejects: NDArray[np.bool_] | None = None
    broken: int = 0

    @property
    def count(self) -> int:
        """All records that match."""
        rejects = 0 if self.rejects is None else int(self.rejects.sum())
        return sum(map(len, self.rows.values())) + rejects


class Matcher:
    """Finds the records that match conditions which must all hold.

    A record matches a condition if

    - its row's column does, as the part's contract has it, or
    - its column does after it is pressed with today's contract, or
    - it names values (`=`, `in`) and the record has one of them at a path of the column, in any of equal keys.

    Only rows whose column may not tell, and rejects, are looked at in the second and third way. A reject that is no
    JSON object is searched for the values as text; conditions that name none are left out of account then.

    Args:
        finder: of the conditions.
        day: the UTC day of the records.
        folder: for records that are pressed to be tested; a temporary folder is made in it, or in the system's if None.
        tell: called with the number of rows of each row group that was looked at.
    """

    def __init__(
        self, finder: Finder, day: date, folder: str | None = None, tell: Callable[[int], None] | None = None
    ) -> None:
        self._finder = finder
        self._day = day
        self._folder = folder
        self._tell = tell
        contract = finder.contract
        # each record stays a row, and what the checks or the source say is of no use
        source = contract.source.model_copy(update={"duplicates": "keep"})
        self._contract: Contract = contract.model_copy(update={"source": source})
        self._literals = literals_of(finder.conditions, contract)
        self._names = list(dict.fromkeys(name for name, _, _ in finder.conditions))
        self._paths = {name: frozenset(contract.by_name[name].path) for name in self._names}

    def find(self, part: str | None, rejects: str | None) -> Matches:
        """Find the matching records of a slice.

        Args:
            part: its part, a path or fsspec URI, if it has one.
            rejects: its rejects file, if it has one.

        Raises:
            PartError: if a file is gone or damaged.
        """
        rows = {} if part is None else self._rows(part)
        flags, broken = (None, 0) if rejects is None else self._rejects(rejects)
        return Matches(rows, flags, broken)

    # -- rows

    def _rows(self, path: str) -> dict[int, Rows]:
        found = {}
        reader = PartReader(path)
        hiding = np.array([may_hide(layout, self._paths) for layout in reader.metadata.layouts] + [True])
        is_pressed = self._differs(reader.metadata.contract)
        by_all = self._finder.open(path)
        by_one = [self._finder.open(path, number) for number in range(len(self._finder.conditions))]
        for group in range(reader.row_groups):
            chosen = [by_all.rows(group)]
            hidden = _rows_of(reader, group, hiding)
            columns = [places.rows(group) for places in by_one] if len(hidden) else []
            for some, records in records_of(reader, group, hidden):
                masks = self._tested(records, is_pressed=is_pressed)
                for mask, column in zip(masks, columns, strict=True):
                    mask |= np.isin(some, column, assume_unique=True)
                chosen.append(some[np.logical_and.reduce(masks)])
            matching = np.unique(np.concatenate(chosen))
            if len(matching):
                found[group] = matching
            if self._tell is not None:
                self._tell(reader.rows_by_group[group])
        return found

    def _differs(self, contract: Contract) -> bool:
        """Whether a part's contract has one of the columns otherwise than today's."""
        now = self._contract.by_name
        shape = ("path", "codec", "type", "label_checked_by", "residual_of")
        return any(
            name not in contract.by_name
            or any(getattr(contract.by_name[name], key, None) != getattr(now[name], key, None) for key in shape)
            for name in self._names
        )

    # -- records

    def _tested(self, records: Sequence[bytes], *, is_pressed: bool) -> list[NDArray[np.bool_]]:
        """For each condition, which of some records meet it: bool[records]."""
        masks = [np.zeros(len(records), dtype=np.bool_) for _ in self._finder.conditions]
        if self._literals:
            for place, record in enumerate(records):
                document = parsed(record)
                forms = unescaped(record) if document is None else []
                for literal in self._literals:
                    is_met = literal.in_bytes(forms) if forms else literal.in_document(document)
                    masks[literal.number][place] = is_met
        if is_pressed and not all(mask.all() for mask in masks):
            for number, met in enumerate(self._pressed(records)):
                masks[number] |= np.fromiter((record in met for record in records), dtype=np.bool_, count=len(records))
        return masks

    def _pressed(self, records: Sequence[bytes]) -> list[set[bytes]]:
        """For each condition, the records that meet it after they are pressed with today's contract."""
        if self._folder is not None:
            os.makedirs(self._folder, exist_ok=True)
        with TemporaryDirectory(prefix="logpress-", dir=self._folder) as folder:
            manifest = press_records(self._contract, self._day, records, folder)
            if manifest.part is None:
                return [set() for _ in self._finder.conditions]
            path = f"{folder}/{manifest.part.path}"
            reader = PartReader(path)
            places = [self._finder.open(path, number) for number in range(len(self._finder.conditions))]
            return [
                {
                    record
                    for group in one.groups
                    for _, some in records_of(reader, group, one.rows(group))
                    for record in some
                }
                for one in places
            ]

    # -- rejects

    def _rejects(self, path: str) -> tuple[NDArray[np.bool_] | None, int]:
        """Which rejects match, and how many of them are no JSON objects."""
        whole: list[tuple[int, bytes]] = []
        broken, at, size = 0, 0, 0
        pieces = _Pieces(self._literals)
        found: set[int] = set()

        def test() -> None:
            nonlocal size
            masks = self._tested([record for _, record in whole], is_pressed=True)
            found.update(
                place for (place, _), is_met in zip(whole, np.logical_and.reduce(masks), strict=True) if is_met
            )
            whole.clear()
            size = 0

        for reasons, continued, records in _rejects_of(path):
            for reason, goes_on, record in zip(reasons, continued, records, strict=True):
                if reason in (DUPLICATE, NO_DAY):
                    whole.append((at, record))
                    size += len(record)
                    if size >= TESTED_BYTES or len(whole) >= TESTED_RECORDS:
                        test()
                else:
                    matching = pieces.add(at, record, goes_on=goes_on)
                    found.update(matching)
                    broken += len(matching)
                at += 1
        if whole:
            test()
        if not found:
            return None, 0
        flags = np.zeros(at, dtype=np.bool_)
        flags[list(found)] = True
        return flags, broken


class _Pieces:
    """Records that are no JSON objects, which may come in pieces; a value may lie across two of them."""

    def __init__(self, literals: Sequence[Literal]) -> None:
        self._literals = literals
        self._overlap = max((literal.longest for literal in literals), default=0)
        self._first: int | None = None
        self._tail = b""
        self._met: set[int] = set()

    def add(self, place: int, piece: bytes, *, goes_on: bool) -> range:
        """Take a piece; returns the places of all pieces of a record that ends with it and matches."""
        if self._first is None:
            self._first, self._tail, self._met = place, b"", set()
        data = self._tail + piece
        if self._literals:
            forms = unescaped(data)
            self._met.update(literal.number for literal in self._literals if literal.in_bytes(forms))
        if goes_on:
            self._tail = data[-self._overlap :]
            return range(0)
        first, self._first = self._first, None
        matches = bool(self._literals) and len(self._met) == len(self._literals)
        return range(first, place + 1) if matches else range(0)


def _rows_of(reader: PartReader, group: int, hiding: NDArray[np.bool_]) -> Rows:
    """Rows whose column may not tell: of a layout in which its path fills something else, or kept whole."""
    checksums = reader.metadata.checksums_of(group)
    chunks = {LAYOUT: chunks_of(reader.footer, group)[LAYOUT]}
    with open_group(reader.path, reader.footer, group, chunks, checksums) as file:
        layouts = file.read_row_group(group, columns=[LAYOUT])[LAYOUT]
    numbers = pc.fill_null(layouts, pa.scalar(len(hiding) - 1, pa.int32())).to_numpy()
    return np.flatnonzero(hiding[numbers])


def _rejects_of(path: str) -> Iterator[tuple[list[str], list[bool], list[bytes]]]:
    """Reasons, whether a record goes on, and bytes of the rejects of a file, row group by row group."""
    with open_rejects(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["reason", "continued", "record"])
            reasons, continued, records = (table[name].to_pylist() for name in ("reason", "continued", "record"))
            yield reasons, continued, records
