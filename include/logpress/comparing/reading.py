"""Reads a side for something that takes its documents: first to count them, later to find those that differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from contextlib import closing
from typing import Any

import numpy as np

from logpress.comparing.document_hashes import Prints
from logpress.comparing.documents import Documents
from logpress.comparing.kernels_documents import BY_BYTES, HIT, REPEATED_KEY
from logpress.comparing.kernels_multisets import BYTES_1, BYTES_2
from logpress.comparing.matching import KIND_COLUMNS, Wanted
from logpress.comparing.output import Outputs
from logpress.comparing.result import Difference, Kind, SideName
from logpress.comparing.sides import OpenSide
from logpress.errors import BrokenOffError, SourceError
from logpress.manifest import SliceSpec
from logpress.progress import Progress
from logpress.sources.restart import begun_again
from logpress.sources.search.address import is_cluster

LONGEST_EXAMPLE = 4_000
"""Characters of a record that an example holds."""


class Taker(ABC):
    """What a side is read for.

    Attributes:
        is_done: whether no more need be read.
    """

    is_done = False

    @abstractmethod
    def take(self, documents: Documents) -> None:
        """Take some documents."""

    @abstractmethod
    def mark(self) -> Any:
        """What `back_to` takes."""

    @abstractmethod
    def back_to(self, mark: Any) -> None:
        """Forget all that was taken since a mark."""


def read_side(side: OpenSide, taker: Taker, restarts: int, progress: Progress) -> dict[str, str]:
    """Read a side; a slice that a cluster breaks off is forgotten, and read again.

    Args:
        side: what is read.
        taker: gets its documents.
        restarts: how often a slice begins again, at the most.
        progress: called with bytes and records read so far.

    Returns:
        Inputs that could be read in part only, and why.

    Raises:
        SourceError: if an input cannot be read.
    """
    damage: dict[str, str] = {}
    done = (0, 0)

    def read(spec: SliceSpec) -> tuple[int, int]:
        size, records = done
        with closing(side.documents(spec)) as found:
            for documents in found:
                taker.take(documents)
                size += int((documents.record_ends - documents.record_starts).sum())
                records += len(documents.record_starts)
                progress(size, records)
                if taker.is_done:
                    break
        return size, records

    for spec in side.slices:
        if any(map(is_cluster, spec.inputs)):
            mark = taker.mark()

            def read_again(mark: Any = mark) -> tuple[int, int]:
                nonlocal spec
                taker.back_to(mark)
                try:
                    return read(spec)
                except BrokenOffError as error:
                    spec = spec.after(error)
                    raise

            done = begun_again(read_again, restarts, f"slice {spec.name}")
        else:
            done = read(spec)
        if taker.is_done:
            break
        damage.update(side.damage())
    return damage


class Counting(Taker):
    """Counts a side's documents, and keeps their hashes.

    Attributes:
        prints: the hashes.
        counts: by name: records, documents, hits, other_day.
        damaged: why records are damaged, and how many.
        by_bytes: why documents can be compared by their bytes only, and how many.
    """

    def __init__(self, prints: Prints) -> None:
        self.prints = prints
        self.counts: Counter[str] = Counter()
        self.damaged: Counter[str] = Counter()
        self.by_bytes: Counter[str] = Counter()

    def take(self, documents: Documents) -> None:
        """Take some documents."""
        self.prints.add(documents.prints[:, documents.chosen])
        flags = documents.flags[documents.chosen]
        self.counts.update(
            records=len(documents.record_starts),
            documents=len(flags),
            hits=int(np.count_nonzero(flags & HIT)),
            other_day=documents.other_day,
        )
        self.damaged.update(reject.reason for reject in documents.damaged)
        if (flags & (REPEATED_KEY | BY_BYTES)).any():
            self.by_bytes["repeated_key"] += int(np.count_nonzero(flags & REPEATED_KEY))
            self.by_bytes["too_large"] += int(np.count_nonzero(flags & BY_BYTES))

    def mark(self) -> Any:
        """What `back_to` takes."""
        return self.prints.mark(), self.counts.copy(), self.damaged.copy(), self.by_bytes.copy()

    def back_to(self, mark: Any) -> None:
        """Forget all that was taken since a mark."""
        prints, counts, damaged, by_bytes = mark
        self.prints.back_to(prints)
        self.counts, self.damaged, self.by_bytes = counts.copy(), damaged.copy(), by_bytes.copy()


class Finding(Taker):
    """Finds the documents that the other side has not, or spells differently.

    Of equal documents, those that were read first are the ones that the other side has too.

    Args:
        name: of the side.
        wanted: what is looked for.
        shown: how many examples of each kind are kept.
        outputs: gets each record that was found; None stops the search once there are examples enough.
    """

    def __init__(self, name: SideName, wanted: Wanted, shown: int, outputs: Outputs | None) -> None:
        self._name = name
        self._wanted = wanted
        self._shown = shown
        self._outputs = outputs
        self.examples: list[Difference] = []
        self._numbers: Counter[Kind] = Counter()

    def take(self, documents: Documents) -> None:
        """Take some documents."""
        keys = self._wanted.keys
        hashes = documents.prints[BYTES_1 : BYTES_2 + 1, documents.chosen]
        places = np.searchsorted(keys[:, 0], hashes[0])
        there = np.flatnonzero(keys[np.minimum(places, len(keys) - 1), 0] == hashes[0])
        for index in there.tolist():
            kind = self._wanted.kind_of(int(hashes[0, index]), int(hashes[1, index]), int(places[index]))
            if kind is not None:
                self._found(kind, documents, int(documents.chosen[index]))
        if self._outputs is None:
            left = self._wanted.left
            self.is_done = all(self._numbers[kind] >= self._shown or not left[:, at].any() for at, kind in KIND_COLUMNS)

    def _found(self, kind: Kind, documents: Documents, row: int) -> None:
        record = documents.record(row)
        if self._outputs is not None:
            self._outputs.write(kind, self._name, record)
        self._numbers[kind] += 1
        if self._numbers[kind] <= self._shown:
            text = record[: 4 * LONGEST_EXAMPLE].decode(errors="replace")[:LONGEST_EXAMPLE]
            self.examples.append(
                Difference(
                    side=self._name, kind=kind, origin=documents.origin, record_number=documents.before + row + 1,
                    record=text,
                )
            )  # fmt: skip

    def check(self) -> None:
        """See that all were found.

        Raises:
            SourceError: if some were not.
        """
        missing = int(self._wanted.left[:, 1:].sum())
        if missing and not self.is_done:
            raise SourceError(
                f"side {self._name.upper()} has changed while it was compared: {missing:,} of its records were not "
                "there any more when it was read again; compare once nothing writes to it"
            )

    def mark(self) -> Any:
        """What `back_to` takes."""
        written = self._outputs.mark() if self._outputs is not None else {}
        return self._wanted.left.copy(), len(self.examples), self._numbers.copy(), written

    def back_to(self, mark: Any) -> None:
        """Forget all that was taken since a mark."""
        left, examples, numbers, written = mark
        self._wanted.left = left.copy()
        del self.examples[examples:]
        self._numbers = numbers.copy()
        if self._outputs is not None:
            self._outputs.back_to(written)
