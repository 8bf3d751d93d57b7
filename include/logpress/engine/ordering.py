"""Rows of many row groups in one order, in bounded memory: deal them out to buckets of the key space, sort each bucket.

What is dealt out are registers, not records: they are a seventh of the size, and are rendered when their turn comes.

A row's key is the contract's `restore_order` as words that compare like the values: instants and integers as they are,
sequence numbers by shard, counter and arrival (which is the order of their texts), texts by their first 48 bytes. What
has no value comes last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.contract.model import Contract, KinesisSequence
from logpress.engine.group import sort_by, widened
from logpress.engine.kernels_group import NARROW_NULL
from logpress.engine.kernels_store import choose_buckets, collect_texts, renumber, shift_codes, take_rows
from logpress.engine.program import Registers
from logpress.engine.rows import Rows, Texts, name_is_text

Ints = NDArray[np.int64]

_TEXT_WORDS = 6
_KEYS_AT_A_TIME = 1 << 15
"""Rows whose keys are in memory at a time: they stay in cache."""

_LAST = np.iinfo(np.int64).max


TextWords = Mapping[str, Ints]
"""By register: the words of each text, int64[texts + 1, words], the last of which are those of no text."""


def text_words(texts: Mapping[str, Texts], contract: Contract) -> TextWords:
    """The words of all texts that are part of a key."""
    names = [name for name in contract.restore_order if name_is_text(contract.by_name[name].codec)]
    return {name: _words_of(texts[name]) for name in names}


def sort_keys(rows: Rows, contract: Contract, words: TextWords) -> list[Ints]:
    """The key of each row as words, the most significant first; int64[rows] each."""
    keys: list[Ints] = []
    for name in contract.restore_order:
        column = contract.by_name[name]
        if isinstance(column, KinesisSequence):
            shard, arrival, counter, sub = (rows.regs[register] for register in column.registers_of(name))
            # as in the number: creation second, low digit of the shard, counter, arrival, shard
            head = np.where(shard == NULL, _LAST, ((shard >> 20) << 4) | (shard & 15))
            keys += [head, counter, arrival, shard, sub]
        elif name_is_text(column.codec):
            codes = rows.regs[name]
            chosen = words[name][np.where(codes == NULL, -1, codes)]
            keys += [np.ascontiguousarray(chosen[:, k]) for k in range(_TEXT_WORDS)]
        else:
            keys.append(np.where(rows.regs[name] == NULL, _LAST, rows.regs[name]))
    return keys


def positions(group: int, rows: NDArray[Any]) -> Ints:
    """The last word of a key that rows are dealt by: even those whose keys are equal go to several buckets."""
    return (group << 32) + rows.astype(np.int64)


def _words_of(texts: Texts) -> Ints:
    table = np.zeros((len(texts) + 1, 8 * _TEXT_WORDS), dtype=np.uint8)
    table[-1] = 0xFF
    for number in range(len(texts)):
        head = texts[number][: 8 * _TEXT_WORDS]
        table[number, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    words: Ints = (table.view(">u8").astype(np.uint64) ^ np.uint64(1 << 63)).view(np.int64)
    return words


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

    def take(self, rows: int, capacity: int = 0) -> tuple[Ints, NDArray[np.int32]]:
        """int64[rows, wide] and int32[rows, narrow] registers, of memory for `capacity` rows where that is more."""
        try:
            wide, narrow = self._free.pop()
            if len(wide) >= rows:
                return wide[:rows], narrow[:rows]
        except IndexError:
            pass
        most = max(rows, capacity)
        return (
            np.empty((most, self._wide), dtype=np.int64)[:rows],
            np.empty((most, self._narrow), dtype=np.int32)[:rows],
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

    def register(self, registers: Registers, name: str) -> Ints:
        """One register of all rows."""
        number = registers[name]
        matrix = self.narrow if registers.is_narrow[number] else self.wide
        return widened(matrix[:, registers.place_of[number]])

    def keys(self, registers: Registers, words: TextWords | None = None) -> list[Ints]:
        """The key of each row as words, the most significant first; int64[rows] each."""
        contract = registers.contract
        names = [name for column in contract.restore_order for name in registers.of_column(column)]
        regs = {name: self.register(registers, name) for name in names}
        words = text_words(self.texts, contract) if words is None else words
        return sort_keys(Rows(len(self.wide), regs, self.texts), contract, words)

    def taken(self, registers: Registers, rows: NDArray[np.int32] | NDArray[np.int64]) -> Packed:
        """Some of the rows, with just the texts that they use."""
        wide = np.empty((len(rows), self.wide.shape[1]), dtype=np.int64)
        narrow = np.empty((len(rows), self.narrow.shape[1]), dtype=np.int32)
        take_rows(self.wide, rows, wide)
        take_rows(self.narrow, rows, narrow)
        texts = {}
        for name, found in self.texts.items():
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
        texts = sum(found.data.nbytes + found.offsets.nbytes for found in self.texts.values())
        return int(self.wide.nbytes + self.narrow.nbytes + texts)


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


class Buckets:
    """Rows dealt out to buckets of the key space: in memory while they fit, then in a file each.

    Args:
        registers: of the rows.
        splitters: int64[words + 1, buckets - 1], the first keys and positions of all buckets but the first, ascending.
        most_bytes: what all of them together may hold in memory.
        folder: where the files go; a temporary folder in it is made when it is needed, and removed.
    """

    def __init__(self, registers: Registers, splitters: Ints, most_bytes: int, folder: str | None) -> None:
        self._registers = registers
        self._splitters = splitters
        self._most_bytes = most_bytes
        self._parent = folder
        self._holder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = Lock()
        self._in_memory: list[list[Packed]] = [[] for _ in range(len(self))]
        self._on_disk: list[list[int]] = [[] for _ in range(len(self))]  # rows of each run
        self._kept = 0
        self._rows = [0] * len(self)
        self._space = Space(registers, most=2)

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
            self._add(0, rows)
            return False
        buckets: NDArray[Any] = np.empty(len(rows.wide), dtype=np.int32)
        words = text_words(rows.texts, self._registers.contract)
        for first in range(0, len(buckets), _KEYS_AT_A_TIME):
            last = min(first + _KEYS_AT_A_TIME, len(buckets))
            some = Packed(rows.wide[first:last], rows.narrow[first:last], rows.texts)
            keys = np.stack([*some.keys(self._registers, words), positions(group, np.arange(first, last))])
            choose_buckets(keys, self._splitters, buckets[first:last])
        order = sort_by([buckets], len(buckets))
        cuts = np.concatenate([[0], np.cumsum(np.bincount(buckets, minlength=len(self)))])
        for bucket, (first, last) in enumerate(pairwise(cuts.tolist())):
            if first < last:
                self._add(bucket, rows.taken(self._registers, order[first:last]))
        return True

    def _add(self, bucket: int, run: Packed) -> None:
        with self._lock:
            self._rows[bucket] += len(run.wide)
            if self._holder is None and self._kept + run.nbytes <= self._most_bytes:
                self._in_memory[bucket].append(run)
                self._kept += run.nbytes
                return
            # what is in memory stays there until its bucket's turn comes
            if self._holder is None:
                self._holder = tempfile.TemporaryDirectory(prefix="logpress-restore-", dir=self._parent)
            with self._path(bucket).open("ab") as file:
                file.write(run.wide.data)
                file.write(run.narrow.data)
                for name in self._registers.dictionaries:
                    np.lib.format.write_array(file, run.texts[name].data, allow_pickle=False)
                    np.lib.format.write_array(file, run.texts[name].offsets, allow_pickle=False)
            self._on_disk[bucket].append(len(run.wide))

    def _path(self, bucket: int) -> Path:
        assert self._holder is not None
        return Path(self._holder.name) / f"{bucket}"

    def rows(self, bucket: int) -> Packed | None:
        """All rows of a bucket, which is then empty; None where there are none."""
        runs, self._in_memory[bucket] = self._in_memory[bucket], []
        self._kept -= sum(run.nbytes for run in runs)
        if not self._on_disk[bucket] and len(runs) < 2:
            return runs[0] if runs else None
        merged = _Merged(self._registers, *self._space.take(self._rows[bucket], max(self._rows)))
        while runs:
            run = runs.pop(0)
            wide, narrow = merged.room(len(run.wide))
            wide[:], narrow[:] = run.wide, run.narrow
            merged.add_texts(run.texts)
            del run, wide, narrow
        if self._on_disk[bucket]:
            self._read(bucket, merged)
        return merged.packed()

    def _read(self, bucket: int, merged: _Merged) -> None:
        """Read what a bucket has on disk, straight to where it is wanted."""
        with self._path(bucket).open("rb") as file:
            for rows in self._on_disk[bucket]:
                for array in merged.room(rows):
                    if file.readinto(array.data) != array.nbytes:
                        raise OSError(f"{file.name}: ends within what was written to it; nothing else may write there")
                texts = {}
                for name in self._registers.dictionaries:
                    data, offsets = (np.lib.format.read_array(file, allow_pickle=False) for _ in range(2))
                    texts[name] = Texts(data, offsets)
                merged.add_texts(texts)
        self._path(bucket).unlink()

    def give_back(self, rows: Packed) -> None:
        """Let the next bucket have the memory of one that is done with."""
        self._space.give_back(rows.wide, rows.narrow)
