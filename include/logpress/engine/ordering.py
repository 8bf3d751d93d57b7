"""Rows of many row groups in one order, in bounded memory: deal them out to buckets of the key space, sort each bucket.

What is dealt out are registers, not records: they are a seventh of the size, and are rendered when their turn comes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.engine.group import sort_by
from logpress.engine.kernels_group import NARROW_NULL
from logpress.engine.kernels_store import choose_buckets, collect_texts, renumber, shift_codes, take_rows
from logpress.engine.keys import Keys, splitters
from logpress.engine.program import Registers
from logpress.engine.rows import Ints, Texts

_FEW_TEXT_BYTES = 8
"""Bytes of texts, for each row, that are kept as they are: it costs more to find out which of them are used."""

_KEYS_AT_A_TIME = 1 << 14
"""Rows whose keys are in memory at a time: they stay in cache."""


class Space:
    """Memory for rows side by side that is used again: arrays of this size come from the system each time, cleared.

    Args:
        registers: of the rows.
        most: how many pairs of arrays are kept while nobody uses them.
    """

    def __init__(self, registers: Registers, most: int) -> None:
        self._most = most
        self._narrow = int(registers.is_narrow.sum())
        self._wide = len(registers) - self._narrow
        self._free: list[tuple[Ints, NDArray[np.int32]]] = []

    def take(self, rows: int) -> tuple[Ints, NDArray[np.int32]]:
        """int64[rows, wide] and int32[rows, narrow] registers."""
        try:
            wide, narrow = self._free.pop()
            if len(wide) >= rows:
                return wide[:rows], narrow[:rows]
        except IndexError:
            pass
        capacity = rows + rows // 8  # the next one may have a few more
        return (
            np.empty((capacity, self._wide), dtype=np.int64)[:rows],
            np.empty((capacity, self._narrow), dtype=np.int32)[:rows],
        )

    def give_back(self, wide: Ints, narrow: NDArray[np.int32]) -> None:
        """Let others have what `take` gave."""
        if len(self._free) < self._most:
            self._free.append((_owner(wide), _owner(narrow)))

    def clear(self) -> None:
        """Give the memory back to the system."""
        self._free.clear()


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """The whole of what `take` gave a part of; what was read from a file is a view of something flat."""
    base = array.base
    return base if isinstance(base, np.ndarray) and base.ndim == array.ndim else array


@dataclass
class Packed:
    """Rows side by side, as a row group keeps them while it fills, with the texts that their registers number.

    Attributes:
        wide: int64[rows, wide registers].
        narrow: int32[rows, narrow registers].
        texts: by register name.
    """

    wide: Ints
    narrow: NDArray[np.int32]
    texts: dict[str, Texts]

    def taken(self, registers: Registers, rows: NDArray[np.int32] | NDArray[np.int64]) -> Packed:
        """Some of the rows, with just the texts that they use, or with all where these are few."""
        wide = np.empty((len(rows), self.wide.shape[1]), dtype=np.int64)
        narrow = np.empty((len(rows), self.narrow.shape[1]), dtype=np.int32)
        take_rows(self.wide, rows, wide)
        take_rows(self.narrow, rows, narrow)
        texts = {}
        for name, found in self.texts.items():
            if found.nbytes <= _FEW_TEXT_BYTES * len(rows):
                texts[name] = found
                continue
            codes = np.ascontiguousarray(narrow[:, registers.place_of[registers[name]]])
            used = np.empty(len(found), dtype=np.int64)
            count = renumber(codes, np.full(len(found), -1, dtype=np.int64), used)
            codes[codes < 0] = NARROW_NULL
            narrow[:, registers.place_of[registers[name]]] = codes
            texts[name] = _taken_texts(found, used[:count])
        return Packed(wide, narrow, texts)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return int(self.wide.nbytes + self.narrow.nbytes + sum(found.nbytes for found in self.texts.values()))


def _taken_texts(texts: Texts, places: Ints) -> Texts:
    offsets = np.zeros(len(places) + 1, dtype=np.int64)
    np.cumsum(texts.offsets[places + 1] - texts.offsets[places], out=offsets[1:])
    data = np.empty(int(offsets[-1]), dtype=np.uint8)
    collect_texts(texts.data, texts.offsets, places, data, np.empty(len(places) + 1, dtype=np.int64))
    return Texts(data, offsets)


class _Merged:
    """The rows of several runs as one.

    Args:
        registers: of the rows.
        wide: int64[rows, wide registers], gets them.
        narrow: int32[rows, narrow registers].
    """

    def __init__(self, registers: Registers, wide: Ints, narrow: NDArray[np.int32]) -> None:
        self._wide = wide
        self._narrow = narrow
        self._names = list(registers.dictionaries)
        self._places = np.array([registers.place_of[registers[name]] for name in self._names], dtype=np.int64)
        self._bases = np.zeros(len(self._names), dtype=np.int64)  # by dictionary: how many texts there are so far
        self._texts: list[Mapping[str, Texts]] = []
        self._first = self._last = 0

    def room(self, rows: int) -> tuple[Ints, NDArray[np.int32]]:
        """Where the registers of the next run go."""
        self._first, self._last = self._last, self._last + rows
        return self._wide[self._first : self._last], self._narrow[self._first : self._last]

    def add_texts(self, texts: Mapping[str, Texts]) -> None:
        """Add the texts of the run whose registers are there now."""
        shift_codes(self._narrow, self._first, self._last, self._places, self._bases)
        self._bases += [len(texts[name]) for name in self._names]
        self._texts.append(texts)

    def packed(self) -> Packed:
        """All rows; to be called once."""
        texts = {name: _joined([found[name] for found in self._texts]) for name in self._names}
        return Packed(self._wide, self._narrow, texts)


def _joined(texts: Sequence[Texts]) -> Texts:
    starts = np.cumsum([0, *(found.offsets[-1] for found in texts)])
    offsets = [found.offsets[:-1] + start for found, start in zip(texts, starts[:-1], strict=True)]
    return Texts(np.concatenate([found.data for found in texts]), np.concatenate([*offsets, starts[-1:]]))


@dataclass
class _Run:
    """What one row group brought to a bucket.

    Attributes:
        group: the row group's number.
        packed: its rows; None where they are on disk.
        offset: where they begin in the bucket's file.
    """

    group: int
    rows: int
    nbytes: int
    packed: Packed | None
    offset: int = 0


class Buckets:
    """Rows dealt out to buckets of the key space: in memory while they fit, then in a file each.

    Args:
        registers: of the rows.
        splitters: int64[words + 1, buckets - 1], the first keys and positions of all buckets but the first, ascending.
        most_bytes: what all of them together may hold in memory.
        folder: where the files go; a temporary folder in it is made when it is needed, and removed.
        space: where rows come that are read again.
    """

    def __init__(
        self, registers: Registers, splitters: Ints, most_bytes: int, folder: str | None, space: Space
    ) -> None:
        self._registers = registers
        self._keys = Keys(registers)
        self._splitters = splitters
        self._most_bytes = most_bytes
        self._parent = folder
        self._space = space
        self._holder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = Lock()
        self._runs: list[list[_Run]] = [[] for _ in range(len(self))]
        self._kept = 0

    def __len__(self) -> int:
        return int(self._splitters.shape[1]) + 1

    def __enter__(self) -> Buckets:
        return self

    def __exit__(self, *_: object) -> None:
        if self._holder is not None:
            self._holder.cleanup()

    def deal(self, rows: Packed, group: int) -> bool:
        """Deal out the rows of a row group; may be called from several threads.

        Returns:
            Whether they were copied, so that their memory may be used again.
        """
        if len(self) == 1:
            self._add(0, rows, group)
            return False
        buckets: NDArray[Any] = np.empty(len(rows.wide), dtype=np.int32)
        words = self._keys.text_words(rows.texts)
        for first in range(0, len(buckets), _KEYS_AT_A_TIME):
            some = np.arange(first, min(first + _KEYS_AT_A_TIME, len(buckets)), dtype=np.int32)
            keys = self._keys.with_positions(rows.wide, rows.narrow, some, words, group)
            choose_buckets(keys, self._splitters, buckets[first:])
        order = sort_by([buckets], len(buckets))
        cuts = np.concatenate([[0], np.cumsum(np.bincount(buckets, minlength=len(self)))])
        for bucket, (first, last) in enumerate(pairwise(cuts.tolist())):
            if first < last:
                self._add(bucket, rows.taken(self._registers, order[first:last]), group)
        return True

    def _add(self, bucket: int, packed: Packed, group: int) -> None:
        run = _Run(group, len(packed.wide), packed.nbytes, packed)
        with self._lock:
            self._runs[bucket].append(run)
            if self._holder is None and self._kept + run.nbytes <= self._most_bytes:
                self._kept += run.nbytes
                return
            # what is in memory stays there until its bucket's turn comes
            if self._holder is None:
                self._holder = tempfile.TemporaryDirectory(prefix="logpress-restore-", dir=self._parent)
            with self._path(bucket).open("ab") as file:
                run.offset = file.tell()
                file.write(packed.wide.data)
                file.write(packed.narrow.data)
                for name in self._registers.dictionaries:
                    np.lib.format.write_array(file, packed.texts[name].data, allow_pickle=False)
                    np.lib.format.write_array(file, packed.texts[name].offsets, allow_pickle=False)
            run.packed = None

    def _path(self, bucket: int) -> Path:
        assert self._holder is not None
        return Path(self._holder.name) / f"{bucket}"

    def rows(self, bucket: int) -> Packed | None:
        """All rows of a bucket, which is then empty; None where there are none.

        Those of each row group come behind those of the one before, in their order.
        """
        runs = self._taken(bucket)
        if len(runs) < 2 and all(run.packed is not None for run in runs):
            return runs[0].packed if runs else None
        merged = _Merged(self._registers, *self._space.take(sum(run.rows for run in runs)))
        for run in runs:
            wide, narrow = merged.room(run.rows)
            if run.packed is None:
                merged.add_texts(self._read(bucket, run, wide, narrow))
            else:
                wide[:], narrow[:] = run.packed.wide, run.packed.narrow
                merged.add_texts(run.packed.texts)
                run.packed = None
        self._remove(bucket)
        return merged.packed()

    def dealt_again(self, bucket: int, bucket_bytes: int) -> Buckets | None:
        """A bucket's rows in smaller buckets, where they take more than twice these bytes; the bucket is then empty.

        Buckets come from a few keys of each row group, and these need not be like the keys that are wanted.
        """
        size = sum(run.nbytes for run in self._runs[bucket])
        if size <= 2 * bucket_bytes or sum(run.rows for run in self._runs[bucket]) < 2:
            return None
        most_bytes = max(0, self._most_bytes - self._kept)
        runs = self._taken(bucket)
        samples = []
        for number, run in enumerate(runs):
            with self._loaded(bucket, run) as packed:
                samples.append((run.nbytes, self._keys.sample(packed.wide, packed.narrow, packed.texts, number)))
        found = splitters(samples, size // bucket_bytes)
        folder = self._parent if self._holder is None else self._holder.name
        again = Buckets(self._registers, found, most_bytes, folder, self._space)
        for number, run in enumerate(runs):
            with self._loaded(bucket, run) as packed:
                again.deal(packed, number)
            run.packed = None
        self._remove(bucket)
        return again

    def _taken(self, bucket: int) -> list[_Run]:
        """A bucket's runs, in the order of the row groups that they came from; the bucket is then empty."""
        runs, self._runs[bucket] = self._runs[bucket], []
        self._kept -= sum(run.nbytes for run in runs if run.packed is not None)
        return sorted(runs, key=lambda run: run.group)

    @contextmanager
    def _loaded(self, bucket: int, run: _Run) -> Iterator[Packed]:
        """A run's rows in memory, for as long as they are looked at."""
        if run.packed is not None:
            yield run.packed
            return
        wide, narrow = self._space.take(run.rows)
        yield Packed(wide, narrow, self._read(bucket, run, wide, narrow))
        self._space.give_back(wide, narrow)

    def _read(self, bucket: int, run: _Run, wide: Ints, narrow: NDArray[np.int32]) -> dict[str, Texts]:
        """Read a run straight to where its registers are wanted; gives its texts."""
        with self._path(bucket).open("rb") as file:
            file.seek(run.offset)
            for array in (wide, narrow):
                if file.readinto(array.data) != array.nbytes:
                    raise OSError(f"{file.name}: ends within what was written to it; nothing else may write there")
            texts = {}
            for name in self._registers.dictionaries:
                data, offsets = (np.lib.format.read_array(file, allow_pickle=False) for _ in range(2))
                texts[name] = Texts(data, offsets)
            return texts

    def _remove(self, bucket: int) -> None:
        if self._holder is not None:
            self._path(bucket).unlink(missing_ok=True)
