"""Sorting rows of many row groups in bounded memory: they are dealt out to buckets of keys, and each bucket is sorted.

Registers are dealt out, not records, because they take a seventh of the bytes; a bucket is rendered when its turn
comes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.texts import Ints, Texts
from logpress.engine.order.keys import Keys, TextWords, splitters
from logpress.engine.order.sort import sort_by
from logpress.engine.registers.kernels_rows import take_rows
from logpress.engine.registers.row_major import Merged, Packed, Pair, Space, empty_rows, used_texts
from logpress.engine.restore.kernels_buckets import choose_buckets

_FEW_TEXT_BYTES = 8
"""Bytes of texts a row up to which all are kept, because finding the used ones costs more."""

_PIECES = 8
"""Number of arrays that a row group's share of a bucket grows by, if its rows spread evenly."""

_SMALLEST_PIECE = 4

_ROWS_AT_A_TIME = 1 << 14
"""Rows that are dealt out again together, so that their keys stay in cache."""


@dataclass
class Run:
    """The rows of one row group in a bucket.

    Attributes:
        group: number of the row group.
        rows: number of rows.
        pieces: the rows, in consecutive pieces; None if they are on disk.
        texts: by register.
        nbytes: bytes of both in memory.
        offset: begin in the bucket's file.
    """

    group: int
    rows: int
    pieces: list[Pair] | None
    texts: dict[str, Texts]
    nbytes: int
    offset: int = 0


class Dealing:
    """Deals the rows of one row group out to buckets; call `finish` after the last one.

    Args:
        buckets: receive the rows.
        group: number of the row group.
        rows: expected number of rows.
    """

    def __init__(self, buckets: Buckets, group: int, rows: int) -> None:
        self._buckets = buckets
        self._group = group
        self._pieces: list[list[Pair]] = [[] for _ in range(len(buckets))]
        self._rows = [0] * len(buckets)
        self._free = [0] * len(buckets)  # free rows in the last piece of each bucket
        self._piece_rows = rows // (_PIECES * len(buckets)) + _SMALLEST_PIECE

    def add(self, wide: Ints, narrow: NDArray[np.int32], rows: NDArray[np.int32], first: int, words: TextWords) -> None:
        """Deal out some rows.

        Args:
            wide: int64[n, wide registers].
            narrow: int32[n, narrow registers].
            rows: int32[rows], the rows to deal out, below n.
            first: position of row 0 in its row group.
            words: of the rows' texts.
        """
        places: NDArray[np.int32] = np.zeros(len(rows), dtype=np.int32)
        if len(self._pieces) > 1:
            keys = self._buckets.keys.with_positions(wide, narrow, rows, words, (self._group << 32) + first)
            choose_buckets(keys, self._buckets.splitters, places)
        order = rows[sort_by([places], len(rows))]
        counts = np.bincount(places, minlength=len(self._pieces))
        ends = np.cumsum(counts)
        for bucket in np.flatnonzero(counts).tolist():
            self._put(bucket, wide, narrow, order[ends[bucket] - counts[bucket] : ends[bucket]])

    def _put(self, bucket: int, wide: Ints, narrow: NDArray[np.int32], rows: NDArray[np.int32]) -> None:
        pieces = self._pieces[bucket]
        while len(rows):
            if not self._free[bucket]:
                self._free[bucket] = max(self._piece_rows, self._rows[bucket] // 2)
                pieces.append(empty_rows(self._buckets.registers, self._free[bucket]))
            some, rows = rows[: self._free[bucket]], rows[self._free[bucket] :]
            wide_piece, narrow_piece = pieces[-1]
            first = len(wide_piece) - self._free[bucket]
            take_rows(wide, some, wide_piece[first : first + len(some)])
            take_rows(narrow, some, narrow_piece[first : first + len(some)])
            self._free[bucket] -= len(some)
            self._rows[bucket] += len(some)

    def finish(self, texts: Mapping[str, Texts]) -> None:
        """Hand the rows over.

        Args:
            texts: of all rows, by register.
        """
        numbers: dict[str, Ints] = {}  # scratch, by register
        for bucket in range(len(self._pieces)):
            pieces, self._pieces[bucket] = self._pieces[bucket], []
            if not pieces:
                continue
            wide, narrow = pieces[-1]
            used = len(wide) - self._free[bucket]
            pieces[-1] = wide[:used].copy(), narrow[:used].copy()  # so that the unused rest is freed
            rows = self._rows[bucket]
            chosen = {name: self._chosen(name, some, pieces, rows, numbers) for name, some in texts.items()}
            nbytes = sum(wide.nbytes + narrow.nbytes for wide, narrow in pieces)
            nbytes += sum(some.nbytes for some in chosen.values())
            self._buckets.add(bucket, Run(self._group, rows, pieces, chosen, nbytes))

    def _chosen(self, name: str, texts: Texts, pieces: list[Pair], rows: int, numbers: dict[str, Ints]) -> Texts:
        """The texts of a register for a bucket: those that it uses, or all if they are few."""
        if texts.nbytes <= _FEW_TEXT_BYTES * rows:
            return texts
        if name not in numbers:
            numbers[name] = np.full(len(texts), -1, dtype=np.int64)
        registers = self._buckets.registers
        place = registers.place_of[registers[name]]
        return used_texts([narrow[:, place] for _, narrow in pieces], texts, numbers[name])


class Buckets:
    """Rows dealt out to buckets of keys: in memory while they fit, then in a file each.

    Args:
        keys: sort keys of the rows.
        splitters: int64[words + 1, buckets - 1], first keys and positions of all buckets but the first, ascending.
        most_bytes: largest size of all buckets in memory.
        folder: for a temporary folder of the files, which is made when needed, and removed.
        space: arrays for rows that are read again.
    """

    def __init__(self, keys: Keys, splitters: Ints, most_bytes: int, folder: str | None, space: Space) -> None:
        self.keys = keys
        self.registers = keys.registers
        self.splitters = splitters
        self._most_bytes = most_bytes
        self._parent = folder
        self._space = space
        self._holder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = Lock()
        self._runs: list[list[Run]] = [[] for _ in range(len(self))]
        self._kept = 0

    def __len__(self) -> int:
        return int(self.splitters.shape[1]) + 1

    def __enter__(self) -> Buckets:
        return self

    def __exit__(self, *_: object) -> None:
        if self._holder is not None:
            self._holder.cleanup()

    def add(self, bucket: int, run: Run) -> None:
        """Add the rows of a row group to a bucket; several threads may call this."""
        with self._lock:
            self._runs[bucket].append(run)
            if self._holder is None and self._kept + run.nbytes <= self._most_bytes:
                self._kept += run.nbytes
                return
            pieces = run.pieces or []
            # rows in memory stay there until the turn of their bucket
            if self._holder is None:
                self._holder = tempfile.TemporaryDirectory(prefix="logpress-restore-", dir=self._parent)
            with self._path(bucket).open("ab") as file:
                run.offset = file.tell()
                for array in [wide for wide, _ in pieces] + [narrow for _, narrow in pieces]:
                    file.write(array.data)
                for name in self.registers.dictionaries:
                    np.lib.format.write_array(file, run.texts[name].data, allow_pickle=False)
                    np.lib.format.write_array(file, run.texts[name].offsets, allow_pickle=False)
            run.pieces, run.texts = None, {}

    def _path(self, bucket: int) -> Path:
        assert self._holder is not None
        return Path(self._holder.name) / f"{bucket}"

    def rows(self, bucket: int) -> Packed | None:
        """All rows of a bucket, which is then empty; None if there are none.

        They are in the order of row groups, and of rows in each.
        """
        runs = self._taken(bucket)
        if not runs:
            return None
        merged = Merged(self.registers, *self._space.take(sum(run.rows for run in runs)))
        for run in runs:
            merged.add_texts(self._load(bucket, run, *merged.room(run.rows)))
            run.pieces = None
        self._remove(bucket)
        return merged.packed()

    def dealt_again(self, bucket: int, bucket_bytes: int) -> Buckets | None:
        """A bucket's rows in smaller buckets, if they take more than 1.5 times these bytes; the bucket is then empty.

        Buckets are chosen by a few keys of each row group, from which the keys of the wanted rows may differ.
        """
        size = sum(run.nbytes for run in self._runs[bucket])
        if 2 * size <= 3 * bucket_bytes or sum(run.rows for run in self._runs[bucket]) < 2:
            return None
        most_bytes = max(0, self._most_bytes - self._kept)
        runs = self._taken(bucket)
        samples = []
        for number, run in enumerate(runs):
            with self._loaded(bucket, run) as rows:
                samples.append((run.nbytes, self.keys.sample(rows.wide, rows.narrow, rows.texts, number)))
        folder = self._parent if self._holder is None else self._holder.name
        again = Buckets(self.keys, splitters(samples, max(2, size // bucket_bytes)), most_bytes, folder, self._space)
        with ExitStack() as stack:
            stack.enter_context(again)
            for number, run in enumerate(runs):
                with self._loaded(bucket, run) as rows:
                    run.pieces = None
                    words = self.keys.text_words(rows.texts)
                    dealing = Dealing(again, number, run.rows)
                    for first in range(0, run.rows, _ROWS_AT_A_TIME):
                        some = np.arange(first, min(first + _ROWS_AT_A_TIME, run.rows), dtype=np.int32)
                        dealing.add(rows.wide, rows.narrow, some, 0, words)
                    dealing.finish(rows.texts)
            self._remove(bucket)
            stack.pop_all()
        return again

    def _taken(self, bucket: int) -> list[Run]:
        """A bucket's runs, in the order of their row groups; the bucket is then empty."""
        runs, self._runs[bucket] = self._runs[bucket], []
        self._kept -= sum(run.nbytes for run in runs if run.pieces is not None)
        return sorted(runs, key=lambda run: run.group)

    @contextmanager
    def _loaded(self, bucket: int, run: Run) -> Iterator[Packed]:
        """Within a `with` block: a run's rows in memory."""
        wide, narrow = self._space.take(run.rows)
        yield Packed(wide, narrow, self._load(bucket, run, wide, narrow))
        self._space.give_back(wide, narrow)

    def _load(self, bucket: int, run: Run, wide: Ints, narrow: NDArray[np.int32]) -> dict[str, Texts]:
        """Copy a run's registers to these arrays; returns its texts."""
        if run.pieces is not None:
            np.concatenate([some for some, _ in run.pieces], out=wide)
            np.concatenate([some for _, some in run.pieces], out=narrow)
            return run.texts
        with self._path(bucket).open("rb") as file:
            file.seek(run.offset)
            for array in (wide, narrow):
                if file.readinto(array.data) != array.nbytes:
                    raise OSError(f"{file.name}: ends within what was written to it; nothing else may write there")
            texts = {}
            for name in self.registers.dictionaries:
                data, offsets = (np.lib.format.read_array(file, allow_pickle=False) for _ in range(2))
                texts[name] = Texts(data, offsets)
            return texts

    def _remove(self, bucket: int) -> None:
        if self._holder is not None:
            self._path(bucket).unlink(missing_ok=True)
