"""The kernels between registers that number texts and stored columns.

Bounds: arrays are indexed by row, or by a number in another array of the same call. Each docstring gives the allowed
numbers, or says that the kernel checks them.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.ascii import FIRST_WIDE, SLASH
from logpress.kernel.compile import kernel


@kernel
def map_codes(codes, numbers, out):
    """Compute out[i] = numbers[codes[i]], or -1 for no code.

    Args:
        codes: int32[n], below the length of `numbers`, or negative for none.
        numbers: integers[entries].
        out: int32[n]; may be `codes`.
    """
    for i in range(codes.shape[0]):
        code = codes[i]
        out[i] = numbers[code] if code >= 0 else -1


@kernel
def count_codes(codes, counts):
    """Add 1 to counts[code + 1] for each code, and to counts[0] for each row without one.

    Args:
        codes: int32[n], below `entries`, or negative for none.
        counts: int64[entries + 1].
    """
    for i in range(codes.shape[0]):
        counts[max(codes[i], -1) + 1] += 1


@kernel
def find_rows(codes, marked, rows):
    """Find the rows whose code is marked; returns their number.

    Args:
        codes: int32[n], below `entries`, or negative for none.
        marked: bool[entries].
        rows: int64[n], gets the rows.
    """
    count = 0
    for i in range(codes.shape[0]):
        if codes[i] >= 0 and marked[codes[i]]:
            rows[count] = i
            count += 1
    return count


@kernel
def count_unusual(texts, offsets, used):
    """(texts with a slash, texts that are not ASCII, texts with at least one of both).

    Args:
        texts: uint8[m].
        offsets: int64[entries + 1].
        used: int64[count], entries to look at, below the number of entries of `offsets`.
    """
    slashes = wide = both = 0
    for k in range(used.shape[0]):
        has_slash = is_wide = False
        for i in range(offsets[used[k]], offsets[used[k] + 1]):
            has_slash |= texts[i] == SLASH
            is_wide |= texts[i] >= FIRST_WIDE
        slashes += has_slash
        wide += is_wide
        both += has_slash or is_wide
    return slashes, wide, both
