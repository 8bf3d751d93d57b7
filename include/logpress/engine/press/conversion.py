"""Raw blocks to blocks of registers, on all cores and in input order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from logpress.engine.convert.block import Block, convert, convert_lines, lines_in_cuts, some_now
from logpress.engine.convert.block_arrays import Spaces
from logpress.engine.registers.programs import Layouts
from logpress.limits import Limits
from logpress.machine.inline import executor
from logpress.records.raw_blocks import Buffers, RawBlock


@dataclass(frozen=True)
class Converted:
    """A raw block and its blocks; some blocks are converted only when their turn comes."""

    origin: int
    raw: RawBlock
    blocks: Iterator[Block]


class Conversion:
    """Converts raw blocks in threads, and returns them in input order; ended by `stop`.

    Attributes:
        buffers: buffers of raw blocks.
        ahead: number of raw blocks that are converted ahead.
    """

    def __init__(self, layouts: Layouts, threads: int, limits: Limits) -> None:
        self.buffers = Buffers(limits)
        self.ahead = 2 * threads + 1 if threads else 0
        self._limits = limits
        self._layouts = layouts
        self._spaces = Spaces(layouts.registers, limits)
        self._threads = executor(threads, "press")

    def in_order(self, raws: Iterable[tuple[int, RawBlock]]) -> Iterator[Converted]:
        """The blocks of each raw block. They, and their buffers, are valid until the next one is requested."""
        waiting: deque[tuple[int, RawBlock, Future[Iterator[Block]]]] = deque()
        for origin, raw in raws:
            waiting.append((origin, raw, self._threads.submit(self._convert, raw)))
            while len(waiting) > self.ahead:
                yield from self._next(*waiting.popleft())
        while waiting:
            yield from self._next(*waiting.popleft())

    def stop(self) -> None:
        """End the threads after their current work."""
        self._threads.shutdown(cancel_futures=True)

    def _next(self, origin: int, raw: RawBlock, job: Future[Iterator[Block]]) -> Iterator[Converted]:
        yield Converted(origin, raw, self._each(job.result()))
        self.buffers.give_back(raw.buffer)

    def _each(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            yield block
            self._spaces.give_back(block.space)

    def _convert(self, raw: RawBlock) -> Iterator[Block]:
        return some_now(self._each_converted(raw), self._limits.converted_ahead if self.ahead else 0)

    def _each_converted(self, raw: RawBlock) -> Iterator[Block]:
        registers, layouts, spaces = self._layouts.registers, self._layouts, self._spaces
        if raw.piece:
            return
        if raw.spans is not None:
            starts, ends = raw.spans
            for a, b in lines_in_cuts(len(starts), spaces.most_rows):
                yield convert(raw.buffer, starts[a:b], ends[a:b], registers, layouts.known, spaces)
            return
        at = 0
        while at < raw.end:
            block, at = convert_lines(raw.buffer, at, raw.end, raw.crlf, registers, layouts.known, spaces)
            if block.rows:
                yield block
            else:
                spaces.give_back(block.space)
