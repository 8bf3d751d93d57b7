"""The kernels that move rows between columns of registers and rows side by side.

Bounds: arrays are indexed by row, by register, or by a number in another array of the same call; each docstring gives
the allowed numbers. Callers check them: `row_group`, `order` and `restore` make rows and orders; numbers of texts come
from a dictionary of the same call, and `place_of` from `Registers`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_text import NULL
from logpress.codecs.nulls import NARROW_NULL
from logpress.engine.registers.kernels_codes import IRREGULAR
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import prefetch

ROWS_AT_A_TIME = 64
"""[speed] Rows whose registers are copied together, so that source and target stay in cache."""

_ROWS_AHEAD = 16
"""[speed] Loading a row begins this many rows before it is needed, because rows in another order are scattered."""


@inner_kernel
def _prefetch_row(rows, order, i):
    """Begin to load the row that is _ROWS_AHEAD places behind place i of `order`, or the last one."""
    size = rows.shape[1] * rows.itemsize
    following = np.int64(order[min(i + _ROWS_AHEAD, order.shape[0] - 1)]) * size
    prefetch(rows, following)
    prefetch(rows, following + size - 1)


@kernel
def append_rows(
    regs, states, layout_of, places, count, numbers, dictionary_of, is_narrow, place_of, wide, narrow, at
):  # fmt: skip
    """Append rows of a block to a row group.

    Args:
        regs: int64[registers, >= rows], of the block; numbers of texts are below the entries of their dictionary.
        states: int64[rows]: a program's number, or IRREGULAR for a row that is kept whole.
        layout_of: int64[programs], layout of each program.
        places: int64[>= count], the rows.
        count: number of rows.
        numbers: int64[dictionaries, entries], number in the row group of each of the block's texts.
        dictionary_of: int64[registers], or -1.
        is_narrow: bool[registers], whether the register is in `narrow`.
        place_of: int64[registers], its column in `narrow` or `wide`.
        wide: int64[capacity, wide registers].
        narrow: int32[capacity, narrow registers].
        at: number of rows in use; at + count is within the capacity.
    """
    for first in range(0, count, ROWS_AT_A_TIME):
        last = min(first + ROWS_AT_A_TIME, count)
        for k in range(first, last):
            state = states[places[k]]
            narrow[at + k, 0] = NARROW_NULL if state == IRREGULAR else layout_of[state]
        for register in range(1, regs.shape[0]):
            dictionary = dictionary_of[register]
            place = place_of[register]
            if dictionary >= 0:
                for k in range(first, last):
                    value = regs[register, places[k]]
                    narrow[at + k, place] = NARROW_NULL if value == NULL else numbers[dictionary, value]
            elif is_narrow[register]:
                for k in range(first, last):
                    value = regs[register, places[k]]
                    narrow[at + k, place] = NARROW_NULL if value == NULL else value
            else:
                for k in range(first, last):
                    wide[at + k, place] = regs[register, places[k]]


@kernel
def gather(rows, order, columns):
    """Transpose rows in another order: columns[k, i] = rows[order[i], k].

    Args:
        rows: int64 or int32[capacity, k].
        order: int32[n], rows in use.
        columns: of the same type, [k, n].
    """
    for i in range(order.shape[0]):
        _prefetch_row(rows, order, i)
        row = order[i]
        for k in range(rows.shape[1]):
            columns[k, i] = rows[row, k]


@kernel
def take_rows(rows, order, taken):
    """Copy rows in another order: taken[i] = rows[order[i]].

    Args:
        rows: int64 or int32[capacity, k].
        order: int32 or int64[n], rows in use.
        taken: of the type of `rows` [n, k].
    """
    for i in range(order.shape[0]):
        _prefetch_row(rows, order, i)
        row = order[i]
        for k in range(rows.shape[1]):
            taken[i, k] = rows[row, k]


@kernel
def shift_codes(rows, first, last, places, bases):
    """Add bases[k] to the numbers of texts in column places[k] of the rows first to last - 1.

    Args:
        rows: int32[capacity, k].
        first: row.
        last: row, within the capacity.
        places: int64[n], columns.
        bases: int64[n].
    """
    for i in range(first, last):
        for k in range(places.shape[0]):
            code = rows[i, places[k]]
            if code >= 0:
                rows[i, places[k]] = code + bases[k]


@kernel
def pack_rows(columns, count, is_narrow, place_of, wide, narrow, at):
    """Transpose columns to rows, the reverse of `unpack_rows`: columns[:, i] becomes row at + i.

    Args:
        columns: int64[registers, >= count].
        count: number of rows; at + count is within the capacity.
        is_narrow: bool[registers], whether the register is in `narrow`.
        place_of: int64[registers], its column in `narrow` or `wide`.
        wide: int64[capacity, wide registers].
        narrow: int32[capacity, narrow registers].
        at: first row to write.
    """
    for first in range(0, count, ROWS_AT_A_TIME):
        last = min(first + ROWS_AT_A_TIME, count)
        for register in range(is_narrow.shape[0]):
            place = place_of[register]
            if is_narrow[register]:
                for i in range(first, last):
                    value = columns[register, i]
                    narrow[at + i, place] = NARROW_NULL if value == NULL else value
            else:
                for i in range(first, last):
                    wide[at + i, place] = columns[register, i]


@kernel
def unpack_rows(wide, narrow, order, is_narrow, place_of, columns):
    """Transpose rows in another order to columns: row order[i] becomes columns[:, i].

    Args:
        wide: int64[capacity, wide registers].
        narrow: int32[capacity, narrow registers].
        order: int32[n], rows in use.
        is_narrow: bool[registers], whether the register is in `narrow`.
        place_of: int64[registers], its column in `narrow` or `wide`.
        columns: int64[registers, >= n].
    """
    for i in range(order.shape[0]):
        _prefetch_row(wide, order, i)
        _prefetch_row(narrow, order, i)
        row = order[i]
        for register in range(is_narrow.shape[0]):
            if is_narrow[register]:
                value = narrow[row, place_of[register]]
                columns[register, i] = NULL if value == NARROW_NULL else value
            else:
                columns[register, i] = wide[row, place_of[register]]
