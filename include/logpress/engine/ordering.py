"""Records of many row groups in one order, in bounded memory: sort each, deal out to buckets on disk, sort each bucket.

A row's key is the contract's `restore_order` as fixed-width bytes that compare like the values: instants and integers
as big-endian words, sequence numbers by shard, counter and arrival (which is the order of their texts), texts by
their first 48 bytes. What has no value comes last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.contract.model import Contract, KinesisSequence
from logpress.engine.rows import Rows, Texts, name_is_text

Ints = NDArray[np.int64]

BUCKET_BYTES = 192 << 20
_TEXT_WORDS = 6
_LAST = np.iinfo(np.int64).max


def sort_keys(rows: Rows, contract: Contract) -> list[Ints]:
    """The key of each row as words, the most significant first; int64[rows] each."""
    keys: list[Ints] = []
    for name in contract.restore_order:
        column = contract.by_name[name]
        if isinstance(column, KinesisSequence):
            shard, counter, arrival, sub = (
                rows.regs[f"{name}#{part}"] for part in ("shard", "counter", "arrival", "sub")
            )
            # as in the number: creation second, low digit of the shard, counter, arrival, shard
            head = np.where(shard == NULL, _LAST, ((shard >> 20) << 4) | (shard & 15))
            keys += [head, counter, arrival, shard, sub]
        elif name_is_text(column.codec):
            keys += _text_words(rows.regs[name], rows.texts[name])
        else:
            keys.append(np.where(rows.regs[name] == NULL, _LAST, rows.regs[name]))
    return keys


def _text_words(codes: Ints, texts: Texts) -> list[Ints]:
    table = np.zeros((len(texts) + 1, 8 * _TEXT_WORDS), dtype=np.uint8)
    table[-1] = 0xFF
    for number in range(len(texts)):
        head = texts[number][: 8 * _TEXT_WORDS]
        table[number, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    words = table.view(">u8").astype(np.uint64) ^ np.uint64(1 << 63)
    chosen = words[np.where(codes == NULL, -1, codes)].view(np.int64)
    return [np.ascontiguousarray(chosen[:, k]) for k in range(_TEXT_WORDS)]


def key_bytes(keys: Sequence[Ints], order: NDArray[Any]) -> NDArray[np.bytes_]:
    """Keys as bytes that compare like the values, in this order of rows; a final byte keeps zeros from being cut."""
    packed = np.empty((len(order), 8 * len(keys) + 1), dtype=np.uint8)
    packed[:, -1] = 1
    for place, key in enumerate(keys):
        words = key[order].view(np.uint64) ^ np.uint64(1 << 63)
        packed[:, 8 * place : 8 * place + 8] = words.astype(">u8").view(np.uint8).reshape(-1, 8)
    return packed.view(f"S{packed.shape[1]}").ravel()


class Buckets:
    """Sorted runs dealt out to buckets of the key space, each a file, and given back in order.

    Args:
        splitters: the first keys of all buckets but the first, ascending.
        folder: where the files go; a temporary folder in it is made and removed.
    """

    def __init__(self, splitters: NDArray[np.bytes_], folder: str | None) -> None:
        self._splitters = splitters
        self._holder = tempfile.TemporaryDirectory(prefix="logpress-restore-", dir=folder)
        self._runs: list[list[tuple[int, int]]] = [[] for _ in range(len(splitters) + 1)]  # rows, first byte

    def __enter__(self) -> Buckets:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.cleanup()

    def _path(self, bucket: int) -> Path:
        return Path(self._holder.name) / f"{bucket}"

    def _keys_path(self, bucket: int) -> Path:
        return Path(self._holder.name) / f"{bucket}.keys"

    def deal(
        self, keys: NDArray[np.bytes_], render: Callable[[int, int, Callable[[NDArray[np.uint8]], object]], Ints]
    ) -> None:
        """Deal out one sorted run.

        Args:
            keys: the run's keys, ascending.
            render: writes the records from one place of the run to another, and returns the length of each.
        """
        cuts = [0, *np.searchsorted(keys, self._splitters, side="left").tolist(), len(keys)]
        for bucket, (first, last) in enumerate(pairwise(cuts)):
            if first == last:
                continue
            with self._path(bucket).open("ab") as file:
                begin = file.tell()
                lengths = render(first, last, lambda chunk, file=file: file.write(memoryview(chunk)))  # type: ignore[misc]
            with self._keys_path(bucket).open("ab") as file:
                file.write(keys[first:last].tobytes())
                file.write(lengths.tobytes())
            self._runs[bucket].append((last - first, begin))

    def records(self) -> Iterator[tuple[NDArray[np.uint8], Ints, Ints]]:
        """Per bucket: the bytes of its records, and where each begins and ends, in order."""
        for bucket, runs in enumerate(self._runs):
            if not runs:
                continue
            data = np.fromfile(self._path(bucket), dtype=np.uint8)
            packed = self._keys_path(bucket).read_bytes()
            width = self._splitters.dtype.itemsize
            keys, starts, ends = [], [], []
            at = 0
            for rows, begin in runs:
                keys.append(np.frombuffer(packed, dtype=f"S{width}", count=rows, offset=at))
                lengths = np.frombuffer(packed, dtype=np.int64, count=rows, offset=at + rows * width)
                at += rows * (width + 8)
                ends.append(begin + np.cumsum(lengths))
                starts.append(ends[-1] - lengths)
            order = np.argsort(np.concatenate(keys), kind="stable")
            yield data, np.concatenate(starts)[order], np.concatenate(ends)[order]
            self._path(bucket).unlink()
            self._keys_path(bucket).unlink()
