"""The kernels between registers that number texts and stored columns.

Bounds: every array is indexed by row, or by a number that another array of the same call holds; each docstring says
which numbers those may be, or that the kernel checks them.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.ascii import FIRST_WIDE, SLASH
from logpress.kernel.compile import kernel


@kernel
def map_codes(codes, numbers, out):
    """Do out[i] = numbers[codes[i]], or -1 where there is no code.

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
    """Do counts[code + 1] += 1 for each code, and counts[0] += 1 where there is none.

    Args:
        codes: int32[n], below `entries`, or negative for none.
        counts: int64[entries + 1].
    """
    for i in range(codes.shape[0]):
        counts[max(codes[i], -1) + 1] += 1


@kernel
def find_rows(codes, marked, rows):
    """Find the rows whose code is marked; returns how many.

    Args:
        codes: int32[n], below `entries`, or negative for none.
        marked: bool[entries].
        rows: int64[n], gets them.
    """
    count = 0
    for i in range(codes.shape[0]):
        if codes[i] >= 0 and marked[codes[i]]:
            rows[count] = i
            count += 1
    return count


@kernel
def count_unusual(texts, offsets, used):
    """How many texts have a slash, how many are not ASCII, and how many are one of both.

    Args:
        texts: uint8[m].
        offsets: int64[entries + 1].
        used: int64[count], entries, of which there are as many as `offsets` says.
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
