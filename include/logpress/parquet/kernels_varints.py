"""The kernel that writes varints.

Bounds: writes at most 10 bytes of `out`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel

_LOW_SEVEN = np.uint64(127)
_MORE = np.uint64(128)
_SEVEN = np.uint64(7)


@inner_kernel
def put_varint(number, out, at):
    """Write a number as unsigned LEB128 (apache/parquet-format, Encodings.md); returns the end.

    Seven bits a byte, the lowest first. Each byte but the last has its high bit set: 300 is 0xAC 0x02.

    Args:
        number: uint64.
        out: uint8[>= at + 10].
        at: where to write.
    """
    while number > _LOW_SEVEN:
        out[at] = number & _LOW_SEVEN | _MORE
        number >>= _SEVEN
        at += 1
    out[at] = number
    return at + 1
