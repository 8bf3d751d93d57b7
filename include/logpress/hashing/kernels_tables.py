"""The kernels of open-addressing hash tables that number texts.

Bounds: a table is indexed by a hash modulo its size, a power of two, and holds a free place; hashes are indexed by
numbers of texts, below how many there are.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import kernel


@kernel
def rebuild_table(table, hashes, known):
    """Fill a larger table with the texts known so far.

    Args:
        table: int32[2^k], all -1, more places than texts.
        hashes: uint64[>= known].
        known: how many texts there are.
    """
    mask = table.shape[0] - 1
    for number in range(known):
        at = np.int64(hashes[number] & np.uint64(mask))
        while table[at] >= 0:
            at = (at + 1) & mask
        table[at] = number


@kernel
def empty_tables(tables, hashes, counts):
    """Take all texts out of a block's dictionaries; most are few, in tables that have room for many.

    Args:
        tables: int32[d, 2^k], open addressing, -1 where free.
        hashes: uint64[d, c], of the texts in them.
        counts: int64[d], how many each has; becomes 0.
    """
    mask = tables.shape[1] - 1
    for number in range(tables.shape[0]):
        table = tables[number]
        for entry in range(counts[number]):
            # up to the next free place: what stood before one that was freed is reached from a place of its own
            at = np.int64(hashes[number, entry] & np.uint64(mask))
            while table[at] >= 0:
                table[at] = -1
                at = (at + 1) & mask
        counts[number] = 0
