"""The kernels that run a program's operations: the texts of slots to registers, and to the row's extra text.

Bounds: spans lie within the record, which has at least `PADDING` bytes behind it. Arrays of rows have an entry for each
row. Tables have at least twice as many places as one call can add entries. Operations and extras refer only to existing
registers, dictionaries and slots.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_codes import (
    ABSENT,
    ARRIVAL,
    BOOLEAN,
    CODE,
    COLUMN_UNITS,
    COPY_EPOCH,
    COPY_INSTANT,
    COPY_UNITS,
    COUNTER,
    DECIMAL,
    DICTIONARY,
    DIGITS,
    FIRST_OWN,
    INSTANT,
    INTEGER,
    KINESIS,
    LARGEST,
    OFFSET_MIN,
    OPTION,
    OWN_CODE,
    OWN_LARGEST,
    OWN_SMALLEST,
    REFERENCE,
    REFERENCE_UNITS,
    SECOND,
    SEPARATOR,
    SLOT,
    SMALLEST,
    STRING,
    SUB,
    TARGET,
    TYPED,
    UNITS,
    VALUE,
)
from logpress.codecs.kernels_dispatch import read_own
from logpress.codecs.kernels_instants import read_instant, shift_of_label
from logpress.codecs.kernels_kinesis import read_kinesis
from logpress.codecs.kernels_text import BAD, NULL, read_decimal, read_integer
from logpress.codecs.kernels_typed import boolean_value, decimal_value, instant_value, integer_value, is_in_calendar
from logpress.engine.registers.kernels_codes import (
    EXTRA_KIND,
    EXTRA_LABEL_LENGTH,
    EXTRA_PREFIX_AT,
    EXTRA_PREFIX_LENGTH,
    EXTRA_SLOT,
)
from logpress.hashing.kernels_hash import hash64, same_bytes
from logpress.kernel.ascii import BRACE_CLOSE, LOWER_T
from logpress.kernel.compile import kernel
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import BROKEN, PLAIN, SURROGATE, is_bare, string_kind
from logpress.layout.kernels_tree import KIND_BOOLEAN, KIND_NUMBER, KIND_STRING

_ONE = np.uint64(1)


@kernel
def _intern(
    buffer, rows, spans, row_base, table, starts, ends, hashes, kinds, count, is_string, target, masks, bit, suspects
):  # fmt: skip
    """Number the texts of one slot in the block's dictionary.

    Args:
        buffer: uint8[n].
        rows: int64[k], places in the batch.
        spans: int64[BATCH, 2], start and end of each text.
        row_base: row of place 0.
        table: int32[2^k] of the dictionary; its starts, ends, hashes, kinds and count: see `press_rows`.
        starts: int64[c].
        ends: int64[c].
        hashes: uint64[c].
        kinds: uint8[c].
        count: int64[1].
        is_string: whether the texts are between quotes.
        target: int64[rows], gets the numbers, or NULL if the text is not Unicode.
        masks: uint64[rows], gets `bit` in that case.
        bit: bit of the slot.
        suspects: uint8[BATCH], gets 1 if the text is not JSON.
    """
    mask = table.shape[0] - 1
    for r in rows:
        start = spans[r, 0]
        length = spans[r, 1] - start
        word = hash64(buffer, start, start + length)
        at = np.int64(word & np.uint64(mask))
        while True:
            found = np.int64(table[at])
            if found < 0:
                found = count[0]
                table[at] = found
                hashes[found] = word
                starts[found] = start
                ends[found] = start + length
                kinds[found] = string_kind(buffer, start, start + length) if is_string else PLAIN
                count[0] += 1
                break
            if hashes[found] == word and ends[found] - starts[found] == length:
                if same_bytes(buffer, start, buffer, starts[found], length):
                    break
            at = (at + 1) & mask
        if kinds[found] == BROKEN:
            suspects[r] = 1
        elif kinds[found] == SURROGATE:
            masks[row_base + r] |= bit
            found = NULL
        target[row_base + r] = found


@kernel
def run_operation(op, buffer, rows, spans, row_base, regs, masks, lookup, suspects, scratch):
    """Run one operation over the rows of one layout; sets the slot's bit in `masks` if the codec does not fit.

    In that case the register gets the value of the text, if it has one, and the text will be in `_extra`.

    Args:
        op: int64[OPERATION_FIELDS].
        buffer: uint8[n].
        rows: int64[k], places in the batch.
        spans: int64[BATCH, 2 * depth], by place.
        row_base: row of place 0.
        regs: int64[registers, rows].
        masks: uint64[rows].
        lookup: see `press_rows`.
        suspects: uint8[BATCH].
        scratch: int64[4].
    """
    slot = op[SLOT]
    code = op[CODE]
    bit = _ONE << np.uint64(min(slot, 63))
    target = regs[op[TARGET]]
    second = regs[max(op[SECOND], 0)]
    if code == INSTANT:
        scratch[0] = -1
        reference = regs[max(op[REFERENCE], 0)]
        for r in rows:
            row = row_base + r
            value = read_instant(buffer, spans[r, 2 * slot], op[SEPARATOR], op[DIGITS], op[UNITS], scratch)
            if value == BAD:
                masks[row] |= bit
                value = instant_value(buffer, spans[r, 2 * slot], op[SEPARATOR], op[DIGITS], op[UNITS], scratch)
                if value == BAD:
                    target[row] = NULL
                    if op[SECOND] >= 0:
                        second[row] = NULL
                    continue
            offset = op[OFFSET_MIN] * 60 * op[UNITS]
            if op[SECOND] >= 0:
                shift = np.int64(0)
                if op[REFERENCE] >= 0 and reference[row] != NULL and op[OFFSET_MIN] != 0:
                    reference_s = reference[row] // op[REFERENCE_UNITS]
                    shift = shift_of_label(value // op[UNITS], op[OFFSET_MIN], reference_s)
                second[row] = shift
                offset -= shift * 60 * op[UNITS]
            value -= offset
            if offset != 0 and not is_in_calendar(value, op[UNITS]):
                masks[row] |= bit
                value = NULL
            target[row] = value
    elif code == INTEGER:
        for r in rows:
            row = row_base + r
            value = read_integer(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1])
            if value == BAD or value < op[SMALLEST] or value > op[LARGEST]:
                masks[row] |= bit
                value = integer_value(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1])
                if value < op[SMALLEST] or value > op[LARGEST]:
                    value = NULL
            target[row] = value
    elif code == DECIMAL:
        for r in rows:
            row = row_base + r
            value, scale = read_decimal(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1])
            if value == BAD:
                masks[row] |= bit
                value = decimal_value(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1])
                scale = NULL
            target[row] = value
            second[row] = scale
    elif code == BOOLEAN:
        for r in rows:
            row = row_base + r
            start = spans[r, 2 * slot]
            if not is_bare(buffer, start, spans[r, 2 * slot + 1]):
                masks[row] |= bit
                target[row] = NULL
            else:
                target[row] = 1 if buffer[start] == LOWER_T else 0
    elif code == STRING or code == VALUE:
        tables, starts, ends, hashes, kinds, counts = lookup
        number = op[DICTIONARY]
        _intern(
            buffer, rows, spans[:, 2 * slot : 2 * slot + 2], row_base, tables[number], starts[number], ends[number],
            hashes[number], kinds[number], counts[number : number + 1], code == STRING, target, masks, bit, suspects,
        )  # fmt: skip
    elif code == ABSENT:
        for r in rows:
            target[row_base + r] = NULL
    elif code == TYPED:
        for r in rows:
            start = spans[r, 2 * slot]
            end = spans[r, 2 * slot + 1]
            if op[OWN_CODE] == DECIMAL:
                value = decimal_value(buffer, start, end)
                second[row_base + r] = NULL
            elif op[OWN_CODE] == BOOLEAN:
                value = boolean_value(buffer, start, end)
            else:
                value = integer_value(buffer, start, end)
                if value < op[OWN_SMALLEST] or value > op[OWN_LARGEST]:
                    value = NULL
            target[row_base + r] = value
    elif code >= FIRST_OWN:
        for r in rows:
            row = row_base + r
            fits, value, other = read_own(code, buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1], op[OPTION])
            if not fits:
                masks[row] |= bit
            target[row] = value
            if op[SECOND] >= 0:
                second[row] = other
    elif code == KINESIS:
        arrivals = regs[op[ARRIVAL]]
        counters = regs[op[COUNTER]]
        subs = regs[op[SUB]]
        for r in rows:
            row = row_base + r
            if read_kinesis(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1], scratch):
                target[row] = scratch[0]
                arrivals[row] = scratch[1]
                counters[row] = scratch[2]
                subs[row] = scratch[3]
            else:
                masks[row] |= bit
                target[row] = NULL
                arrivals[row] = NULL
                counters[row] = NULL
                subs[row] = NULL
    elif code == COPY_INSTANT:
        scratch[0] = -1
        for r in rows:
            row = row_base + r
            value = read_instant(buffer, spans[r, 2 * slot], op[SEPARATOR], op[DIGITS], op[UNITS], scratch)
            expected = target[row]
            if expected == NULL or value == BAD:
                masks[row] |= bit
                continue
            if op[SECOND] >= 0:
                expected -= second[row] * 60 * op[UNITS]
            if value - op[OFFSET_MIN] * 60 * op[UNITS] != expected:
                masks[row] |= bit
    elif code == COPY_EPOCH:
        for r in rows:
            row = row_base + r
            value = read_integer(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1])
            expected = target[row]
            if value == BAD or expected == NULL:
                masks[row] |= bit
            elif op[COLUMN_UNITS] >= op[COPY_UNITS]:
                divisor = op[COLUMN_UNITS] // op[COPY_UNITS]
                if value != expected // divisor or expected % divisor != 0:
                    masks[row] |= bit
            elif value != expected * (op[COPY_UNITS] // op[COLUMN_UNITS]):
                masks[row] |= bit


@kernel
def write_extra(buffer, spans, extras, first, last, texts, out, used):
    """Write the JSON text of a row's extra slots to out[used:].

    Returns:
        (end, whether all values are JSON); end is -1 if `out` is too small.
    """
    at = used
    for k in range(first, last):
        slot = extras[k, EXTRA_SLOT]
        start = spans[2 * slot]
        end = spans[2 * slot + 1] + extras[k, EXTRA_LABEL_LENGTH]
        kind = extras[k, EXTRA_KIND]
        if kind == KIND_STRING:
            if string_kind(buffer, start, end) == BROKEN:
                return used, False
            start -= 1
            end += 1
        elif (kind == KIND_NUMBER or kind == KIND_BOOLEAN) and not is_bare(buffer, start, end):
            return used, False
        prefix = extras[k, EXTRA_PREFIX_LENGTH]
        size = prefix + end - start
        if at + size + 1 > out.shape[0] - PADDING:
            return -1, True
        for i in range(prefix):
            out[at + i] = texts[extras[k, EXTRA_PREFIX_AT] + i]
        at += prefix
        for i in range(end - start):
            out[at + i] = buffer[start + i]
        at += end - start
    out[at] = BRACE_CLOSE
    return at + 1, True
