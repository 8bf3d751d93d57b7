"""The kernels of open-addressing hash tables that number texts.

Bounds: a table is indexed by a hash modulo its size, a power of two, and has at least one free place. Hashes are
indexed by numbers of texts, which are below the number of texts.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import kernel


@kernel
def rebuild_table(table, hashes, known):
    """Fill a larger table with the known texts.

    Args:
        table: int32[2^k], all -1, with more places than texts.
        hashes: uint64[>= known].
        known: number of texts.
    """
    mask = table.shape[0] - 1
    for number in range(known):
        at = np.int64(hashes[number] & np.uint64(mask))
        while table[at] >= 0:
            at = (at + 1) & mask
        table[at] = number


@kernel
def empty_tables(tables, hashes, counts):
    """Remove all texts from a block's dictionaries.

    Places are freed text by text, because most dictionaries have few texts in a large table.

    Args:
        tables: int32[d, 2^k], open addressing, -1 where free.
        hashes: uint64[d, c], of the texts.
        counts: int64[d], number of texts of each dictionary; set to 0.
    """
    mask = tables.shape[1] - 1
    for number in range(tables.shape[0]):
        table = tables[number]
        for entry in range(counts[number]):
            # up to a free place, as in a search; entries behind it are freed from their own places
            at = np.int64(hashes[number, entry] & np.uint64(mask))
            while table[at] >= 0:
                table[at] = -1
                at = (at + 1) & mask
        counts[number] = 0
