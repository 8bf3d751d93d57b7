"""The kernels that convert records into registers: hash, match, and run the operations of the layout's program.

Bounds: `buffer` holds at least `PADDING` bytes behind its last record; row arrays are as long as there are rows; tables
hold at least twice as many places as there can be new entries in one call. Programs, operations, variants and extras
are made by `registers.programs`, and name only each other's places, registers, dictionaries and slots that there are.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_instants import read_instant, shift_of_label
from logpress.codecs.kernels_kinesis import read_kinesis
from logpress.codecs.kernels_text import BAD, NULL, read_decimal, read_integer
from logpress.codecs.kernels_typed import boolean_value, decimal_value, instant_value, integer_value, is_in_calendar
from logpress.engine.registers.kernels_codes import (
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
    END_OF_EXTRAS,
    END_OF_OPERATIONS,
    EXTRA_KIND,
    EXTRA_LABEL_LENGTH,
    EXTRA_PREFIX_AT,
    EXTRA_PREFIX_LENGTH,
    EXTRA_SLOT,
    FAILED,
    FIRST_EXTRA,
    FIRST_OPERATION,
    FIRST_VARIANT,
    INSTANT,
    INTEGER,
    KINESIS,
    LARGEST,
    NEXT_VARIANT,
    OFFSET_MIN,
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
    SUSPECT,
    TARGET,
    TYPED,
    UNITS,
    VALUE,
    VARIANT_PROGRAM,
    VARIANT_SLOTS,
    is_finished,
)
from logpress.hashing.kernels_hash import find_or_add, hash64, same_bytes
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.ascii import BRACE_CLOSE, LOWER_T
from logpress.kernel.compile import kernel
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import BROKEN, PLAIN, SURROGATE, is_bare, string_kind
from logpress.layout.kernels_match import match_record
from logpress.layout.kernels_tree import KIND_BOOLEAN, KIND_NUMBER, KIND_STRING
from logpress.records.kernels_lines import find_lines

BATCH = 128
"""[speed] Rows that are framed, hashed, matched and converted together, so that their bytes stay in the core's
cache."""

FRAME_AT = 0
"""Place in `framing`: where to find lines from; gets where the line behind the last one begins."""

FRAME_END = 1
"""Place in `framing`: up to where lines are found, or 0 if rows are known."""

FRAME_CRLF = 2
"""Place in `framing`: whether a carriage return belongs to a line's separator."""

FRAMED = 3
"""Place in `framing`: gets how many lines were found."""

FRAMING_WORDS = 4
"""Places in `framing`."""

_ONE = np.uint64(1)


@kernel
def _intern(
    buffer, rows, spans, row_base, table, starts, ends, hashes, kinds, count, is_string, target, masks, bit, suspects
):  # fmt: skip
    """Number one slot's texts in the block's dictionary.

    Args:
        buffer: uint8[n].
        rows: int64[k], places in the batch.
        spans: int64[BATCH, 2], start and end of each one's text.
        row_base: what is added to a place for its row.
        table: int32[2^k] of the dictionary; its starts, ends, hashes, kinds and count: see `press_rows`.
        starts: int64[c].
        ends: int64[c].
        hashes: uint64[c].
        kinds: uint8[c].
        count: int64[1].
        is_string: whether the texts stand between quotes.
        target: int64[rows], gets the numbers, or NULL where the text is no Unicode.
        masks: uint64[rows], gets `bit` there.
        bit: of the slot.
        suspects: uint8[BATCH], gets 1 where the text is no JSON.
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
def _convert(op, buffer, rows, spans, row_base, regs, masks, lookup, suspects, scratch):
    """Run one operation over the rows of one layout; sets bits in `masks` where the codec does not fit.

    The register then gets the value alone, as far as the text has one: the text will be in `_extra`.

    Args:
        op: int64[OPERATION_FIELDS].
        buffer: uint8[n].
        rows: int64[k], places in the batch.
        spans: int64[BATCH, 2 * depth], by place.
        row_base: what is added to a place for its row.
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
def _extra(buffer, spans, extras, first, last, texts, out, used):
    """Write the JSON text of a row's extra slots to out[used:]; (end, sound), end -1 where `out` is too small."""
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


@kernel
def press_rows(
    buffer, row_starts, row_ends, framing, selected, nodes, literals, ops, programs, variants, extras, extra_texts,
    lookup, extra_number, extra_register, extra_out, extra_used, regs, states, masks, row_hashes,
    spans, trail, stack, chosen, pending, suspects, scratch,
):  # fmt: skip
    """Hash, match and convert rows of a block.

    Args:
        buffer: uint8[n], the block.
        row_starts: int64[rows], first byte of each record; filled if lines are to be found.
        row_ends: int64[rows].
        framing: int64[FRAMING_WORDS]. Lines are found a batch at a time, so that a batch comes into the core's cache
            once.
        selected: int64[k], which rows to do, ascending; all, as many as lines are wanted, if lines are to be found.
        nodes: see `Trie`.
        literals: see `Trie`.
        ops: int64[m, OPERATION_FIELDS], operations of all programs; for these and the next three, see `kernels_codes`.
        programs: int64[n, PROGRAM_FIELDS].
        variants: int64[v, VARIANT_FIELDS].
        extras: int64[e, EXTRA_FIELDS].
        extra_texts: uint8[...], what stands before extra values.
        lookup: (int32[d, 2^k] tables, int64[d, c] starts, int64[d, c] ends, uint64[d, c] hashes, uint8[d, c] kinds,
            int64[d] counts) of the block's dictionaries.
        extra_number: the dictionary of extra texts, which stand in `extra_out`, not in `buffer`.
        extra_register: the register of extra texts.
        extra_out: uint8[...], gets the extra texts.
        extra_used: int64[1], bytes of it in use.
        regs: int64[registers, rows], filled in rows whose state is a program's number: every operation fills its
            registers, be it with NULL. In rows that FAILED, register 0 gets the number of the program that did.
        states: int64[rows], gets the program's number, MISSED, FAILED (then `masks` says which slots) or SUSPECT.
        masks: uint64[rows].
        row_hashes: uint64[2, rows], filled. Hashing comes first, as it reads front to back: what follows finds a
            batch in the core's cache.
        spans: int64[BATCH, 2 * depth], scratch.
        trail: int64[2 * depth + 2], scratch.
        stack: uint8[MAX_DEPTH], scratch.
        chosen: int64[BATCH], scratch.
        pending: int64[BATCH], scratch.
        suspects: uint8[BATCH], scratch.
        scratch: int64[4], scratch.

    Returns:
        True, or False if `extra_out` is too small; then everything is to be done again with a larger one.
    """
    tables, starts, ends, hashes, kinds, counts = lookup
    base = 0
    while base < selected.shape[0]:
        size = min(BATCH, selected.shape[0] - base)
        if framing[FRAME_END] > 0:
            at, end, crlf = framing[FRAME_AT], framing[FRAME_END], framing[FRAME_CRLF] != 0
            size, framing[FRAME_AT] = find_lines(buffer, at, end, crlf, row_starts, row_ends, base, size)
            framing[FRAMED] = base + size
            if size == 0:
                break
        # `chosen` holds places in the batch; registers are addressed by row, spans by place
        waiting = 0
        for k in range(size):
            row = selected[base + k]
            one, two = hash128(buffer, row_starts[row], row_ends[row])
            row_hashes[0, row] = one
            row_hashes[1, row] = two
        for k in range(size):
            row = selected[base + k]
            masks[row] = 0
            suspects[k] = 0
            states[row] = match_record(buffer, row_starts[row], row_ends[row], nodes, literals, spans[k], trail, stack)
            pending[k] = is_finished(states[row])
            waiting += pending[k]
        contiguous = selected[base + size - 1] - selected[base] == size - 1
        while waiting > 0:
            program = np.int64(-1)
            count = 0
            for k in range(size):
                if pending[k]:
                    state = states[selected[base + k]]
                    if program < 0:
                        program = state
                    if state == program:
                        if not contiguous and count > 0:
                            continue
                        chosen[count] = k
                        count += 1
            rows = chosen[:count]
            row_base = selected[base] if contiguous else selected[base + chosen[0]] - chosen[0]
            for o in range(programs[program, FIRST_OPERATION], programs[program, END_OF_OPERATIONS]):
                _convert(ops[o], buffer, rows, spans, row_base, regs, masks, lookup, suspects, scratch)
            first = programs[program, FIRST_EXTRA]
            last = programs[program, END_OF_EXTRAS]
            for k in rows:
                row = row_base + k
                pending[k] = 0
                waiting -= 1
                if suspects[k]:
                    states[row] = SUSPECT
                    continue
                if masks[row] != 0:
                    states[row] = FAILED
                    variant = programs[program, FIRST_VARIANT]
                    while variant >= 0:
                        if np.uint64(variants[variant, VARIANT_SLOTS]) == masks[row]:
                            states[row] = variants[variant, VARIANT_PROGRAM]
                            masks[row] = 0
                            pending[k] = 1
                            waiting += 1
                            break
                        variant = variants[variant, NEXT_VARIANT]
                    if variant < 0:
                        regs[0, row] = program  # whose codecs did not fit
                    continue
                if last > first:
                    begin = extra_used[0]
                    stop, sound = _extra(buffer, spans[k], extras, first, last, extra_texts, extra_out, begin)
                    if stop < 0:
                        return False
                    if not sound:
                        states[row] = SUSPECT
                        continue
                    number = extra_number
                    entry = find_or_add(
                        extra_out, begin, stop, tables[number], extra_out, starts[number], ends[number],
                        hashes[number], counts[number : number + 1],
                    )  # fmt: skip
                    if entry == counts[number]:
                        starts[number, entry] = begin
                        ends[number, entry] = stop
                        kinds[number, entry] = PLAIN
                        counts[number] += 1
                        extra_used[0] = stop
                    regs[extra_register, row] = entry
        base += size
    return True
