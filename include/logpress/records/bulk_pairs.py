"""Bodies of `_bulk` as input: an action line, its newline and the line of its document are one record.

A pair becomes one row, whose id comes from the action, and is restored as a pair.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.words import PADDING
from logpress.records.kernels_bulk import is_action, pair_lines
from logpress.records.raw_blocks import RawBlock


def paired(blocks: Iterator[RawBlock]) -> Iterator[RawBlock]:
    """Blocks of an object's lines, with lines paired if the object begins with an action of `_bulk`."""
    first = next(blocks, None)
    if first is None:
        return
    if first.piece:
        yield first
        yield from blocks
        return
    line = first.first()
    if line is None or not is_action(first.buffer, *line):
        yield first
        yield from blocks
        return
    waiting = b""  # the last action, if its document is in the next block
    following: RawBlock | None = first
    while following is not None:
        block, following = following, next(blocks, None)
        if block.piece:
            yield block
            continue
        block = _behind(waiting, block)
        starts, ends = block.frame()
        pair_starts, pair_ends = np.empty_like(starts), np.empty_like(ends)
        rows, left = pair_lines(block.buffer, starts, ends, len(starts), pair_starts, pair_ends)
        waiting = b""
        if left >= 0:
            if following is None:
                pair_starts[rows], pair_ends[rows] = starts[left], ends[left]
                rows += 1
            else:
                waiting = block.buffer[starts[left] : ends[left]].tobytes() + b"\n"
        yield RawBlock(block.buffer, block.end, spans=(pair_starts[:rows], pair_ends[:rows]))


def _behind(waiting: bytes, block: RawBlock) -> RawBlock:
    """The block with the bytes `waiting` before it."""
    if not waiting:
        return block
    end = len(waiting) + block.end
    buffer: NDArray[np.uint8] = np.zeros(end + PADDING, dtype=np.uint8)
    buffer[: len(waiting)] = np.frombuffer(waiting, dtype=np.uint8)
    buffer[len(waiting) : end] = block.buffer[: block.end]
    return RawBlock(buffer, end, block.crlf)
