"""The kernel that chooses the rows of a block that a row group takes.

Bounds: arrays of rows are indexed from `first` to below the length of `states`; the others are at least as long.
`places` gets at most that many rows.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.codecs.kernels_text import NULL
from logpress.engine.registers.kernels_codes import is_finished
from logpress.hashing.kernels_multiset import add_hash
from logpress.kernel.compile import kernel

TAKEN = 0
"""Index in a row group's totals: rows taken."""

OTHER_DAY = 1
"""Index in a row group's totals: rows of other days."""

TAKEN_BYTES = 2
"""Index in a row group's totals: bytes of the records taken."""

TOTALS = 3
"""Length of a row group's totals."""


@kernel
def choose_rows(
    first, room, row_starts, row_ends, states, hashes, days, units_per_day, day, take_unknown, totals, digest, places
):  # fmt: skip
    """Choose finished rows of a block until `room` is used up; rows of other days are only counted.

    Args:
        first: first row of the block to look at.
        room: largest number of rows to take.
        row_starts: int64[rows].
        row_ends: int64[rows].
        states: int64[rows]: number of a program, or IRREGULAR; rows in other states are skipped.
        hashes: uint64[2, >= rows].
        days: int64[>= rows], register of the instant whose UTC date is the record's day.
        units_per_day: units of that register a day.
        day: days since 1970-01-01.
        take_unknown: whether records without a readable day are taken.
        totals: int64[TOTALS], added to.
        digest: uint64[2]; the hashes of taken rows are added.
        places: int64[>= rows], gets the taken rows.

    Returns:
        (next row of the block, number of taken rows).
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
