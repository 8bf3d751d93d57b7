"""The kernel that adds a record's hash to the digest of a multiset.

Bounds: reads and writes two words of `totals`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel


@inner_kernel
def add_hash(totals, one, two):
    """Add a record's hash, a 128-bit number, to totals: uint64[2] (low, high), modulo 2^128."""
    low = totals[0] + one
    totals[1] += two
    if low < totals[0]:
        totals[1] += np.uint64(1)
    totals[0] = low
