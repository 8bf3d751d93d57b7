"""The documents of a day: what raw records hold, apart from the envelope that some sources put around them, hashed."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.comparing.kernels_documents import find_documents
from logpress.comparing.kernels_values import (
    LARGEST_VALUE_BYTES,
    MOST_DEPTH,
    SMALLEST_TABLE,
    STACK_WORDS,
    hash_documents,
)
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import instant_of
from logpress.contract.model import Contract
from logpress.engine.convert.block import Block, Reject, convert, lines_in_cuts, some_now
from logpress.engine.convert.block_arrays import Spaces
from logpress.engine.convert.settle import Settler
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import Registers
from logpress.engine.row_group.row_group import SECONDS_A_DAY
from logpress.kernel.words import PADDING
from logpress.machine.inline import executor
from logpress.machine.memory import keep_freed_memory
from logpress.manifest import OriginStats, SliceSpec
from logpress.records.raw_blocks import Buffers, RawBlock, too_long_message
from logpress.records.slice_input import SliceInput, Undated, undated_in

_KEY_BYTES = 64


@dataclass(frozen=True)
class Documents:
    """Some consecutive records of one origin.

    Attributes:
        origin: where they come from.
        before: records of the origin before these.
        buffer: uint8[n], padded; valid until the next documents are asked for.
        record_starts: int64[rows].
        record_ends: int64[rows].
        prints: uint64[4, rows], hashes of each document: two words of its value's, two of its bytes'.
        flags: uint8[rows], see `kernels_value`.
        chosen: int64[...], the rows that are of the day.
        other_day: how many are of another day.
        damaged: those that are no JSON objects.
    """

    origin: str
    before: int
    buffer: NDArray[np.uint8]
    record_starts: NDArray[np.int64]
    record_ends: NDArray[np.int64]
    prints: NDArray[np.uint64]
    flags: NDArray[np.uint8]
    chosen: NDArray[np.int64]
    other_day: int = 0
    damaged: Sequence[Reject] = ()

    def record(self, row: int) -> bytes:
        """A record's bytes."""
        return self.buffer[self.record_starts[row] : self.record_ends[row]].tobytes()


def hash_records(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Find and hash the documents of records; returns their prints (uint64[4, rows]) and flags (uint8[rows]).

    Args:
        buffer: uint8[n], padded.
        starts: int64[rows].
        ends: int64[rows].
    """
    rows = len(starts)
    begins, stops = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=np.int64)
    flags, prints = np.empty(rows, dtype=np.uint8), np.empty((4, rows), dtype=np.uint64)
    find_documents(buffer, starts, ends, rows, begins, stops, flags, np.empty(_KEY_BYTES, dtype=np.uint8))
    longest = min(int((stops - begins).max(initial=0)), LARGEST_VALUE_BYTES)
    places = max(SMALLEST_TABLE, 1 << (longest // 3).bit_length())
    hash_documents(
        buffer, begins, stops, rows, prints, flags, np.empty((MOST_DEPTH, STACK_WORDS), dtype=np.uint64),
        np.empty(places, dtype=np.uint64), np.empty(longest + PADDING, dtype=np.uint8),
    )  # fmt: skip
    return prints, flags


@dataclass(frozen=True)
class _Hashed:
    block: Block
    prints: NDArray[np.uint64]
    flags: NDArray[np.uint8]


class DocumentReader:
    """Reads the documents of a day from raw inputs; days are told as pressing tells them.

    Args:
        contract: the table.
        day: the UTC day.
        threads: threads that convert and hash; 0: all is done in the calling thread.
    """

    def __init__(self, contract: Contract, day: date, threads: int) -> None:
        keep_freed_memory()
        self._contract = contract
        self._day = day
        self._units_a_day = UNITS_PER_SECOND[instant_of(contract.by_name, contract.day).unit] * SECONDS_A_DAY
        self._registers = Registers(contract)
        self._layouts = Layouts(contract, self._registers)
        self._settler = Settler(self._registers, self._layouts)
        self._spaces = Spaces(self._registers)
        self._buffers = Buffers()
        self._workers = executor(threads, "compare")
        self._ahead = 2 * threads + 1 if threads else 0
        self.origins: list[OriginStats] = []

    def close(self) -> None:
        """End the threads."""
        self._workers.shutdown(cancel_futures=True)

    def documents(self, spec: SliceSpec) -> Generator[Documents]:
        """The documents of a slice; `origins` tells of its inputs once all are read.

        Raises:
            SourceError: if an input is not there, cannot be read, or is not given whole.
            ProofError: if an index does not have the documents that were planned.
        """
        self.origins = []
        before = [0] * len(spec.inputs)
        # of an input that may be of any day, records that name none are compared too: they are rejects of each day
        takes = [undated is not Undated.others for undated in undated_in(self._contract, self._day, spec)]
        jobs: deque[tuple[int, RawBlock, Future[Iterator[_Hashed]]]] = deque()

        def settled(most: int) -> Iterator[Documents]:
            while len(jobs) > most:
                number, raw, future = jobs.popleft()
                for documents in self._settled(spec.inputs[number], before[number], takes[number], raw, future):
                    before[number] += len(documents.record_starts)
                    yield documents
                self._buffers.give_back(raw.buffer)

        with SliceInput(spec, self._contract.source, self._buffers) as source:
            with closing(source.blocks()) as blocks:
                for number, raw in blocks:
                    jobs.append((number, raw, self._workers.submit(self._hashed, raw)))
                    yield from settled(self._ahead)
                yield from settled(0)
            self.origins = source.origins()

    def _hashed(self, raw: RawBlock) -> Iterator[_Hashed]:
        return some_now(self._each_hashed(raw), 1 if self._ahead else 0)

    def _each_hashed(self, raw: RawBlock) -> Iterator[_Hashed]:
        if raw.piece:
            return
        starts, ends = raw.frame()
        for a, b in lines_in_cuts(len(starts), self._spaces.most_rows):
            known = self._layouts.known
            block = convert(raw.buffer, starts[a:b], ends[a:b], self._registers, known, self._spaces)
            yield _Hashed(block, *hash_records(raw.buffer, starts[a:b], ends[a:b]))

    def _settled(
        self, origin: str, before: int, takes: bool, raw: RawBlock, future: Future[Iterator[_Hashed]]
    ) -> Iterator[Documents]:
        """The documents of a block, once its records' days are known."""
        found = future.result()
        if raw.piece:
            damaged = [Reject(0, "too_long", too_long_message(self._buffers.limits))] if takes else []
            yield Documents(
                origin, before, raw.buffer, np.zeros(1, dtype=np.int64), np.full(1, raw.end, dtype=np.int64),
                np.empty((4, 1), dtype=np.uint64), np.zeros(1, dtype=np.uint8), np.empty(0, dtype=np.int64),
                int(not takes), damaged,
            )  # fmt: skip
        for hashed in found:
            block = hashed.block
            self._settler.settle(block)
            instants = block.regs[self._registers[self._contract.day], : block.rows]
            days = instants // self._units_a_day
            mine = np.where(instants == NULL, takes, days == (self._day - date(1970, 1, 1)).days)
            sound = block.finished
            yield Documents(
                origin, before, block.buffer, block.row_starts, block.row_ends, hashed.prints, hashed.flags,
                np.flatnonzero(mine & sound),
                other_day=int((sound & ~mine).sum()) + (0 if takes else len(block.rejects)),
                damaged=block.rejects if takes else (),
            )  # fmt: skip
            before += block.rows
            self._spaces.give_back(block.space)
