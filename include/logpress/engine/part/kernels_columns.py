"""The kernels between registers that number texts and stored columns.

Bounds: every array is indexed by row, or by a number that another array of the same call holds and the caller
has checked; each docstring says which.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.compile import kernel


@kernel
def map_codes(codes, numbers, out):
    """out[i] = numbers[codes[i]], or -1 where there is no code; int32[n] both, `out` may be `codes`."""
    for i in range(codes.shape[0]):
        code = codes[i]
        out[i] = numbers[code] if code >= 0 else -1


@kernel
def count_codes(codes, counts):
    """counts[code + 1] += 1 for each code (int32), and counts[0] += 1 where there is none; int64[codes + 1]."""
    for i in range(codes.shape[0]):
        counts[max(codes[i], -1) + 1] += 1


@kernel
def find_rows(codes, marked, rows):
    """The rows whose code (int32, negative for none) is marked, bool[entries]: int64[n]; returns how many."""
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
        used: int64[count], entries.
    """
    slashes = wide = both = 0
    for k in range(used.shape[0]):
        has_slash = is_wide = False
        for i in range(offsets[used[k]], offsets[used[k] + 1]):
            has_slash |= texts[i] == 0x2F
            is_wide |= texts[i] >= 0x80
        slashes += has_slash
        wide += is_wide
        both += has_slash or is_wide
    return slashes, wide, both
