"""The kernel that chooses which rows of a block a row group takes.

Bounds: arrays of rows are indexed by row, from `first` to below the length of `states`, as which the others are at
least as long; `places` gets no more rows than that.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.codecs.kernels_text import NULL
from logpress.engine.registers.kernels_codes import is_finished
from logpress.hashing.kernels_multiset import add_hash
from logpress.kernel.compile import kernel

TAKEN = 0
"""Place in a row group's totals: rows taken."""

OTHER_DAY = 1
"""Place in a row group's totals: rows that are left to another day."""

TAKEN_BYTES = 2
"""Place in a row group's totals: bytes of the records taken."""

TOTALS = 3
"""Places in a row group's totals."""


@kernel
def choose_rows(
    first, room, row_starts, row_ends, states, hashes, days, units_per_day, day, take_unknown, totals, digest, places
):  # fmt: skip
    """Choose which of a block's finished rows are taken, until there is no room; rows of other days are only counted.

    Args:
        first: first row of the block to look at.
        room: how many rows can be taken.
        row_starts: int64[rows].
        row_ends: int64[rows].
        states: int64[rows]: a program's number, IRREGULAR; rows of any other are left out.
        hashes: uint64[2, >= rows].
        days: int64[>= rows], the register of the instant whose UTC date is the record's day.
        units_per_day: its units a day.
        day: days since 1970-01-01.
        take_unknown: whether records that name no day are taken.
        totals: int64[TOTALS], added to.
        digest: uint64[2], the multiset digest of what is taken; added to.
        places: int64[>= rows], gets the rows that are taken.

    Returns:
        (next row of the block, how many rows are taken)
    """
    row = first
    count = 0
    while row < states.shape[0]:
        if is_finished(states[row]):
            instant = days[row]
            mine = take_unknown if instant == NULL else instant // units_per_day == day
            if not mine:
                totals[OTHER_DAY] += 1
            else:
                if count == room:
                    break
                places[count] = row
                count += 1
                totals[TAKEN] += 1
                totals[TAKEN_BYTES] += row_ends[row] - row_starts[row]
                add_hash(digest, hashes[0, row], hashes[1, row])
        row += 1
    return row, count
