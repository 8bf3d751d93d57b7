"""The kernels of pressing: frame lines, match and convert records into registers, and append rows to a row group.

Bounds: `buffer` holds at least `PADDING` bytes behind its last record; row arrays are as long as there are rows;
tables hold at least twice as many places as there can be new entries in one call.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_codes import (
    ABSENT,
    BOOLEAN,
    COPY_EPOCH,
    COPY_INSTANT,
    DECIMAL,
    INSTANT,
    INTEGER,
    KINESIS,
    STRING,
    TYPED,
    VALUE,
)
from logpress.codecs.kernels_instants import read_instant
from logpress.codecs.kernels_kinesis import read_kinesis
from logpress.codecs.kernels_text import BAD, NULL, read_decimal, read_integer
from logpress.codecs.kernels_typed import boolean_value, decimal_value, instant_value, integer_value, is_in_calendar
from logpress.engine.registers.kernels_codes import FAILED, SUSPECT
from logpress.hashing.kernels_hash import find_or_add, hash64, same_bytes
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.compile import kernel
from logpress.layout.kernels_json import BROKEN, PLAIN, SURROGATE, is_bare, string_kind
from logpress.layout.kernels_match import match_record
from logpress.records.kernels_lines import _frame

BATCH = 128

_ONE = np.uint64(1)


@kernel
def _intern(
    buffer, rows, spans, row_base, table, starts, ends, hashes, kinds, count, is_string, target, masks, bit, suspects
):  # fmt: skip
    """Number one slot's texts in the block's dictionary."""
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
    """
    slot = op[0]
    code = op[1]
    bit = _ONE << np.uint64(min(slot, 63))
    target = regs[op[2]]
    second = regs[max(op[3], 0)]
    if code == INSTANT:
        scratch[0] = -1
        reference = regs[max(op[7], 0)]
        for r in rows:
            row = row_base + r
            value = read_instant(buffer, spans[r, 2 * slot], op[4], op[5], op[6], scratch)
            if value == BAD:
                masks[row] |= bit
                value = instant_value(buffer, spans[r, 2 * slot], op[4], op[5], op[6], scratch)
                if value == BAD:
                    target[row] = NULL
                    if op[3] >= 0:
                        second[row] = NULL
                    continue
            offset = op[8] * 60 * op[6]
            if op[3] >= 0:
                shift = np.int64(0)
                if op[7] >= 0 and reference[row] != NULL and op[8] != 0:
                    # the latest instant that does not lie more than a quarter of an hour after the reference is true
                    limit = reference[row] // op[9] + 900
                    wall = value // op[6]
                    labelled = wall - op[8] * 60
                    if op[8] > 0:
                        if wall <= limit:
                            shift = op[8]
                    elif labelled > limit and wall <= limit:
                        shift = op[8]
                second[row] = shift
                offset -= shift * 60 * op[6]
            value -= offset
            if offset != 0 and not is_in_calendar(value, op[6]):
                masks[row] |= bit
                value = NULL
            target[row] = value
    elif code == INTEGER:
        for r in rows:
            row = row_base + r
            value = read_integer(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1])
            if value == BAD or value < op[4] or value > op[5]:
                masks[row] |= bit
                value = integer_value(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1])
                if value < op[4] or value > op[5]:
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
                target[row] = 1 if buffer[start] == 0x74 else 0
    elif code == STRING or code == VALUE:
        tables, starts, ends, hashes, kinds, counts = lookup
        number = op[4]
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
            if op[4] == DECIMAL:
                value = decimal_value(buffer, start, end)
                second[row_base + r] = NULL
            elif op[4] == BOOLEAN:
                value = boolean_value(buffer, start, end)
            else:
                value = integer_value(buffer, start, end)
                if value < op[5] or value > op[6]:
                    value = NULL
            target[row_base + r] = value
    elif code == KINESIS:
        arrivals = regs[op[4]]
        counters = regs[op[5]]
        subs = regs[op[6]]
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
            value = read_instant(buffer, spans[r, 2 * slot], op[4], op[5], op[6], scratch)
            expected = target[row]
            if expected == NULL or value == BAD:
                masks[row] |= bit
                continue
            if op[3] >= 0:
                expected -= second[row] * 60 * op[6]
            if value - op[8] * 60 * op[6] != expected:
                masks[row] |= bit
    elif code == COPY_EPOCH:
        for r in rows:
            row = row_base + r
            value = read_integer(buffer, spans[r, 2 * slot], spans[r, 2 * slot + 1])
            expected = target[row]
            if value == BAD or expected == NULL:
                masks[row] |= bit
            elif op[4] >= op[5]:
                if value != expected // (op[4] // op[5]) or expected % (op[4] // op[5]) != 0:
                    masks[row] |= bit
            elif value != expected * (op[5] // op[4]):
                masks[row] |= bit


@kernel
def _extra(buffer, spans, extras, first, last, texts, out, used):
    """Write the JSON text of a row's extra slots to out[used:]; (end, sound), end -1 where `out` is too small."""
    at = used
    for k in range(first, last):
        slot = extras[k, 0]
        start = spans[2 * slot]
        end = spans[2 * slot + 1] + extras[k, 4]
        kind = extras[k, 3]
        if kind == 0:
            if string_kind(buffer, start, end) == BROKEN:
                return used, False
            start -= 1
            end += 1
        elif (kind == 1 or kind == 2) and not is_bare(buffer, start, end):
            return used, False
        size = extras[k, 2] + end - start
        if at + size + 1 > out.shape[0] - 64:
            return -1, True
        for i in range(extras[k, 2]):
            out[at + i] = texts[extras[k, 1] + i]
        at += extras[k, 2]
        for i in range(end - start):
            out[at + i] = buffer[start + i]
        at += end - start
    out[at] = 0x7D
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
        framing: int64[4]: where to find lines from, up to where (0 if rows are known), and whether a carriage return
            belongs to their separators; gets where the line behind the last one begins, and how many were found. They
            are found a batch at a time, so that a batch comes into the core's cache once.
        selected: int64[k], which rows to do, ascending; all, as many as lines are wanted, if lines are to be found.
        nodes: see `Trie`.
        literals: see `Trie`.
        ops: int64[m, 10], operations of all programs.
        programs: int64[n, 5]: first and last operation, first and last extra, first variant or -1.
        variants: int64[v, 3]: mask of slots whose codecs do not fit, the program of such records, next variant or -1.
        extras: int64[e, 5]: slot, position and length of what stands before it, kind, bytes its end lies further.
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
        if framing[1] > 0:
            size, framing[0] = _frame(buffer, framing[0], framing[1], framing[2] != 0, row_starts, row_ends, base, size)
            framing[3] = base + size
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
            pending[k] = states[row] >= 0
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
            for o in range(programs[program, 0], programs[program, 1]):
                _convert(ops[o], buffer, rows, spans, row_base, regs, masks, lookup, suspects, scratch)
            first = programs[program, 2]
            last = programs[program, 3]
            for k in rows:
                row = row_base + k
                pending[k] = 0
                waiting -= 1
                if suspects[k]:
                    states[row] = SUSPECT
                    continue
                if masks[row] != 0:
                    states[row] = FAILED
                    variant = programs[program, 4]
                    while variant >= 0:
                        if np.uint64(variants[variant, 0]) == masks[row]:
                            states[row] = variants[variant, 1]
                            masks[row] = 0
                            pending[k] = 1
                            waiting += 1
                            break
                        variant = variants[variant, 2]
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
