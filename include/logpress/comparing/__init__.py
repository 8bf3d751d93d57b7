"""Two sources of a day, compared: which records one has and the other has not, and which they spell differently.

First both sides are read, and hashes of their documents kept; then, where they differ, once more, to name the records.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from logpress.comparing.document_hashes import BINS, Prints
from logpress.comparing.kernels_multisets import match_prints
from logpress.comparing.output import Outputs
from logpress.comparing.reading import Counting, Finding, Wanted, read_side
from logpress.comparing.result import Comparison, Difference, Kind, Side, SideName
from logpress.comparing.sides import Named, OpenSide, open_side
from logpress.contract.model import Contract
from logpress.day.stages import default_threads
from logpress.kernel.ahead import compile_ahead
from logpress.progress import Silent, StageProgress

__all__ = ["Comparison", "Named", "compare_day"]

MOST_ROWS = 1 << 21
"""Different documents of both sides that are matched, or looked for, at a time: about 250 MB."""

SHOWN = 5
"""Examples of each kind and side."""

_NAMES: tuple[SideName, SideName] = ("a", "b")


def compare_day(
    contract: Contract,
    day: date,
    a: Named,
    b: Named,
    *,
    shown: int = SHOWN,
    output: Path | None = None,
    threads: int | None = None,
    progress: StageProgress | None = None,
) -> Comparison:
    """Compare the records of a day in two sources, as multisets.

    What is compared are documents: the `_source` of a search hit, what follows an action of `_bulk`, else the record
    itself, from brace to brace. Two are equal byte for byte, or by value: then their keys may stand in another order,
    and blanks, escapes and numbers may be written in another way, but no digit may differ.

    Args:
        contract: the table.
        day: the UTC day; records of others are counted and left out.
        a: one side.
        b: the other.
        shown: how many examples of each kind and side are named.
        output: a folder that gets all records that differ.
        threads: threads that convert and hash; as many as cores if None.
        progress: hears of the stages.

    Raises:
        UsageError: if a side has nothing of the day, or the folder cannot be written.
        SourceError: if an input is not there, cannot be read, or changed between the two readings.
    """
    heard = progress or Silent()
    workers = threads or default_threads()
    compile_ahead("compare")
    with ExitStack() as stack:
        outputs = stack.enter_context(Outputs(output)) if output is not None else None
        sides = []
        for named in (a, b):
            side = open_side(contract, day, named, workers)
            stack.callback(side.close)
            sides.append(side)
        counted, damage = [], []
        for name, side in zip(_NAMES, sides, strict=True):
            prints = Prints()
            stack.callback(prints.close)
            counted.append(Counting(prints))
            tell = heard.begin(f"read {name.upper()}", side.raw_bytes)
            damage.append(read_side(side, counted[-1], contract.source.restarts, tell))
            heard.end(f"read {name.upper()}")
        totals = _Totals()
        for matched in _matched(counted[0].prints, counted[1].prints):
            totals.add(matched)
        search = _Search(contract, sides, shown, outputs, heard)
        if totals.differ and (shown or outputs is not None):
            search.run(counted[0].prints, counted[1].prints)
        return Comparison(
            table=contract.table,
            day=day.isoformat(),
            equal_bytes=totals.equal_bytes,
            equal_value=totals.equal_value,
            a=_side(sides[0], counted[0], damage[0], totals, 0),
            b=_side(sides[1], counted[1], damage[1], totals, 1),
            differences=tuple(search.in_order()),
        )


@dataclass(frozen=True)
class _Matched:
    """Documents of some bins of both sides, and how many of each the other side has: see `match_prints`."""

    rows: tuple[NDArray[np.uint64], NDArray[np.uint64]]
    told: tuple[NDArray[np.int64], NDArray[np.int64]]
    more_copies: tuple[int, int]

    def wanted(self, place: int) -> Wanted:
        """Those of one side that are not equal byte for byte."""
        differ = self.told[place][:, 1:].any(axis=1)
        return Wanted(self.rows[place][differ], self.told[place][differ])


def _matched(a: Prints, b: Prints) -> Iterator[_Matched]:
    """Match both sides, as many bins at a time as fit into memory."""
    sizes = a.sizes() + b.sizes()
    first = 0
    while first < BINS:
        last = first + 1
        while last < BINS and sizes[first : last + 1].sum() <= MOST_ROWS:
            last += 1
        rows = a.rows(first, last), b.rows(first, last)
        told = np.empty((len(rows[0]), 3), dtype=np.int64), np.empty((len(rows[1]), 3), dtype=np.int64)
        more_a, more_b = match_prints(*rows, *told)
        yield _Matched(rows, told, (int(more_a), int(more_b)))
        first = last


class _Totals:
    """What the bins add up to."""

    def __init__(self) -> None:
        self.equal_bytes = self.equal_value = 0
        self.only = [0, 0]
        self.more_copies = [0, 0]

    def add(self, matched: _Matched) -> None:
        self.equal_bytes += int(matched.told[0][:, 0].sum())
        self.equal_value += int(matched.told[0][:, 1].sum())
        for place in (0, 1):
            self.only[place] += int(matched.told[place][:, 2].sum())
            self.more_copies[place] += matched.more_copies[place]

    @property
    def differ(self) -> bool:
        return bool(self.equal_value or any(self.only))


class _Search:
    """Reads the sides again for the documents that differ; several times, where they are too many for memory."""

    def __init__(
        self, contract: Contract, sides: list[OpenSide], shown: int, outputs: Outputs | None, heard: StageProgress
    ) -> None:
        self._contract = contract
        self._sides = sides
        self._shown = shown
        self._outputs = outputs
        self._heard = heard
        self._examples: list[Difference] = []

    def run(self, a: Prints, b: Prints) -> None:
        for matched in _matched(a, b):
            for place, side in enumerate(self._sides):
                wanted = matched.wanted(place)
                if len(wanted.keys) and not self._has_enough(place, wanted):
                    self._find(_NAMES[place], side, wanted)

    def _has_enough(self, place: int, wanted: Wanted) -> bool:
        if self._outputs is not None:
            return False
        return not any(
            wanted.left[:, column].any() and self._count(_NAMES[place], kind) < self._shown
            for column, kind in ((1, "spelling"), (2, "only"))
        )

    def _count(self, name: SideName, kind: str) -> int:
        return sum(example.side == name and example.kind == kind for example in self._examples)

    def _find(self, name: SideName, side: OpenSide, wanted: Wanted) -> None:
        stage = f"find in {name.upper()}"
        tell = self._heard.begin(stage, side.raw_bytes)
        finding = Finding(name, wanted, self._shown, self._outputs)
        read_side(side, finding, self._contract.source.restarts, tell)
        finding.check()
        self._examples += finding.examples
        self._heard.end(stage)

    def in_order(self) -> list[Difference]:
        """The examples: what only one side has, then what is spelt differently; no more of each than are shown."""
        kinds: tuple[Kind, Kind] = ("only", "spelling")
        return [
            example
            for kind in kinds
            for name in _NAMES
            for example in [e for e in self._examples if (e.kind, e.side) == (kind, name)][: self._shown]
        ]


def _side(side: OpenSide, counted: Counting, damage: dict[str, str], totals: _Totals, place: int) -> Side:
    counts = counted.counts
    by_bytes = {reason: count for reason, count in sorted(counted.by_bytes.items()) if count}
    return Side(
        named=side.named,
        inputs=sum(len(spec.inputs) for spec in side.slices),
        records=counts["records"],
        documents=counts["documents"],
        hits=counts["hits"],
        other_day=counts["other_day"],
        damaged=counted.damaged.total(),
        damaged_reasons=dict(sorted(counted.damaged.items())),
        damaged_origins=damage,
        by_bytes_only=sum(by_bytes.values()),
        by_bytes_reasons=by_bytes,
        only=totals.only[place],
        more_copies=totals.more_copies[place],
    )
