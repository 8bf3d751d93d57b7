"""The kernels that convert records into registers: hash, match, and run the operations of the layout's program.

Bounds: `buffer` has at least `PADDING` bytes behind its last record. Arrays of rows have an entry for each row. Tables
have at least twice as many places as one call can add entries. `registers.programs` makes programs, operations,
variants and extras; they refer only to existing places, registers, dictionaries and slots.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.engine.convert.kernels_operations import run_operation, write_extra
from logpress.engine.registers.kernels_codes import (
    END_OF_EXTRAS,
    END_OF_OPERATIONS,
    FAILED,
    FIRST_EXTRA,
    FIRST_OPERATION,
    FIRST_VARIANT,
    NEXT_VARIANT,
    SUSPECT,
    VARIANT_PROGRAM,
    VARIANT_SLOTS,
    is_finished,
)
from logpress.hashing.kernels_hash import find_or_add
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.compile import kernel
from logpress.layout.kernels_json import PLAIN
from logpress.layout.kernels_match import match_record
from logpress.records.kernels_lines import find_lines

BATCH = 128
"""[speed] Rows that are framed, hashed, matched and converted together, so that their bytes stay in the core's cache.
"""

FRAME_AT = 0
"""Index in `framing`: begin of the first line to find; set to the begin of the line behind the last one found."""

FRAME_END = 1
"""Index in `framing`: end of the lines to find, or 0 if rows are known."""

FRAME_CRLF = 2
"""Index in `framing`: whether a carriage return belongs to a line's separator."""

FRAMED = 3
"""Index in `framing`: set to the number of lines found."""

FRAMING_WORDS = 4
"""Length of `framing`."""

_ONE = np.uint64(1)


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
        framing: int64[FRAMING_WORDS]. Lines are found batch by batch, so that each batch is loaded into the core's
            cache once.
        selected: int64[k], the rows to convert, ascending; if lines are found, 0 to k - 1 for at most k lines.
        nodes: see `Trie`.
        literals: see `Trie`.
        ops: int64[m, OPERATION_FIELDS], operations of all programs; for these and the next three, see `kernels_codes`.
        programs: int64[n, PROGRAM_FIELDS].
        variants: int64[v, VARIANT_FIELDS].
        extras: int64[e, EXTRA_FIELDS].
        extra_texts: uint8[...], texts before extra values.
        lookup: (int32[d, 2^k] tables, int64[d, c] starts, int64[d, c] ends, uint64[d, c] hashes, uint8[d, c] kinds,
            int64[d] counts) of the block's dictionaries.
        extra_number: dictionary of extra texts, which are in `extra_out`, not in `buffer`.
        extra_register: register of extra texts.
        extra_out: uint8[...], gets the extra texts.
        extra_used: int64[1], bytes of it in use.
        regs: int64[registers, rows], filled in rows whose state is a program's number: every operation fills its
            registers, with NULL if there is no value. In FAILED rows, register 0 gets the number of the program.
        states: int64[rows], gets the program's number, MISSED, FAILED (with the slots in `masks`) or SUSPECT.
        masks: uint64[rows].
        row_hashes: uint64[2, rows], filled. Hashing comes first, because it reads in order and so loads the batch
            into the core's cache.
        spans: int64[BATCH, 2 * depth], scratch.
        trail: int64[2 * depth + 2], scratch.
        stack: uint8[MAX_DEPTH], scratch.
        chosen: int64[BATCH], scratch.
        pending: int64[BATCH], scratch.
        suspects: uint8[BATCH], scratch.
        scratch: int64[4], scratch.

    Returns:
        True, or False if `extra_out` is too small; then the caller must repeat the call with a larger one.
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
                run_operation(ops[o], buffer, rows, spans, row_base, regs, masks, lookup, suspects, scratch)
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
                    stop, sound = write_extra(buffer, spans[k], extras, first, last, extra_texts, extra_out, begin)
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
