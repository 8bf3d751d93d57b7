"""The kernels that find lines.

Bounds: `frame_lines` and `find_lines` read `buffer[:end]` and at most `PADDING` bytes behind `end`; callers guarantee
that these bytes exist. They write at most as many spans as their docstrings say. The others read `buffer[:end]` only.
Bytes behind `end` never change a result.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.ascii import CARRIAGE_RETURN, NEWLINE
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import equal32, trailing_zeros


@kernel
def count_lines(buffer, end):
    """Number of newlines in buffer[:end]."""
    count = 0
    for i in range(end):
        count += buffer[i] == NEWLINE
    return count


@kernel
def last_newline(buffer, start, end):
    """Index of the last newline in buffer[start:end], or -1."""
    i = end - 1
    while i >= start:
        if buffer[i] == NEWLINE:
            return i
        i -= 1
    return -1


@kernel
def all_crlf(buffer, end):
    """Whether buffer[:end] has a newline, and a carriage return stands before each one."""
    found = False
    for i in range(end):
        if buffer[i] == NEWLINE:
            if i == 0 or buffer[i - 1] != CARRIAGE_RETURN:
                return False
            found = True
    return found


@inner_kernel
def _next_newline(buffer, start, end):
    """Index of the first newline in buffer[start:end], or `end`."""
    i = start
    while i < end:
        found = equal32(buffer, i, NEWLINE)
        if found != 0:
            return min(i + trailing_zeros(found), end)
        i += 32
    return end


@inner_kernel
def find_lines(buffer, at, end, crlf, row_starts, row_ends, row, most):
    """Find the next lines that are not blank.

    Args:
        buffer: uint8[n].
        at: begin of a line.
        end: bytes to frame; the last line may lack its newline.
        crlf: whether a carriage return before a newline belongs to the separator.
        row_starts: int64[>= row + most], gets the begin of each line, from `row` on.
        row_ends: int64[>= row + most], gets the end of each line, without its separator.
        row: index for the first line's span.
        most: largest number of lines to find.

    Returns:
        (number of lines, begin of the line behind them).
    """
    found = 0
    while at < end and found < most:
        stop = _next_newline(buffer, at, end)
        last = stop
        if last > at and buffer[last - 1] == CARRIAGE_RETURN and (crlf or last - at == 1):
            last -= 1
        if last > at:
            row_starts[row + found] = at
            row_ends[row + found] = last
            found += 1
        at = stop + 1
    return found, at


@kernel
def frame_lines(buffer, end, crlf, row_starts, row_ends):
    """Spans of the lines of buffer[:end] that are not blank, without their separators.

    Args:
        buffer: uint8[n].
        end: bytes to frame; the last line may lack its newline.
        crlf: whether a carriage return before a newline belongs to the separator.
        row_starts: int64[n], filled.
        row_ends: int64[n], filled.

    Returns:
        Number of lines, or -1 if there are more than n.
    """
    rows, at = find_lines(buffer, 0, end, crlf, row_starts, row_ends, 0, row_starts.shape[0])
    return rows if at >= end else -1
