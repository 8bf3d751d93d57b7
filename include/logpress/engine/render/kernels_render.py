"""The kernel that writes records from registers, and the digest of what it writes.

Bounds: a record is written only if its layout's bound (literals, longest texts, `LONGEST_SLOT` for any other slot)
leaves `PADDING` bytes of `out` free. Numbers of texts are checked against the dictionary's size, and decimals against
the largest number for their scale. Instants, integers and what `kernels_dispatch` writes need no check; `are_sequences`
has checked sequences.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_codes import (
    ARRIVAL,
    BOOLEAN,
    CODE,
    COLUMN_UNITS,
    COPY_EPOCH,
    COPY_INSTANT,
    COPY_UNITS,
    COUNTER,
    CUT_EXTRA,
    CUT_KIND,
    CUT_PREFIX_LENGTH,
    DECIMAL,
    DICTIONARY,
    DIGITS,
    END_OF_RECORD,
    FIRST_OWN,
    INSTANT,
    INTEGER,
    KINESIS,
    OFFSET_MIN,
    OPTION,
    SECOND,
    SEPARATOR,
    SUB,
    TARGET,
    UNITS,
)
from logpress.codecs.kernels_dispatch import write_own
from logpress.codecs.kernels_instants import write_instant
from logpress.codecs.kernels_kinesis import write_kinesis
from logpress.codecs.kernels_text import MOST_SCALE, NULL, write_decimal, write_integer
from logpress.engine.registers.kernels_codes import (
    END_OF_STEPS,
    FIRST_STEP,
    LENGTH_BOUND,
    STEP_AT,
    STEP_LITERAL_AT,
    STEP_LITERAL_LENGTH,
)
from logpress.hashing.kernels_multiset import add_hash
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.ascii import NEWLINE, word_of
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import PADDING, bits_double, copy32, prefetch, store64
from logpress.layout.kernels_match import slot_end
from logpress.layout.kernels_tree import KIND_STRING

_TEXT_AHEAD = 8
"""[speed] Loading a text begins this many rows before it is needed, and looking its position up as many rows earlier.
"""

_DECIMAL_BOUNDS = np.array([10.0 ** (18 - scale) for scale in range(MOST_SCALE + 1)])
"""By scale, upper bound of the decimals that `write_decimal` can write: its integers have 63 bits."""

DATES_MET = 16
"""[speed] Instants whose minute is cached; a step's number modulo this, a power of two, is its place."""

DATE_WORDS = 3
"""Words of a cached minute: the minute, and its 16 bytes."""

DAMAGED = -1
"""Base of the result for a row that cannot be written: DAMAGED - place."""

_TRUE, _FALSE = word_of(b"true"), word_of(b"false")


@inner_kernel
def copy_bytes(source, start, out, at, length):
    """Copy bytes, 32 at a time; reads and writes up to 31 bytes behind them."""
    k = 0
    while k < length:
        copy32(source, start + k, out, at + k)
        k += 32


@inner_kernel
def _text_slot(regs, row, register, dictionary, texts, offsets, bases, sizes):
    """(start, end) of a row's text in `texts`, or (-1, -1) if its number is out of range."""
    number = regs[register, row]
    if number < 0 or number >= sizes[dictionary]:
        return np.int64(-1), np.int64(-1)
    place = bases[dictionary] + number
    return offsets[place], offsets[place + 1]


@inner_kernel
def _prefetch_texts(regs, order, here, far, texts, offsets, bases, sizes):
    """Begin to load the texts of the next rows, because texts of rows in another order are scattered."""
    for ahead in (_TEXT_AHEAD, 2 * _TEXT_AHEAD):
        if here + ahead < order.shape[0]:
            row = order[here + ahead]
            for k in range(far.shape[0]):
                number = regs[far[k, 0], row]
                if 0 <= number < sizes[far[k, 1]]:
                    place = bases[far[k, 1]] + number
                    if ahead == _TEXT_AHEAD:
                        prefetch(texts, offsets[place])
                    else:
                        prefetch(offsets, place * offsets.itemsize)


@kernel
def render_rows(
    order, first, out, literals, steps, plans, regs, texts, offsets, bases, sizes, far,
    extra_register, extra_dictionary, raw_register, raw_dictionary, hashing, digest, lengths, counts,
    stack, dates, shards,
):  # fmt: skip
    """Write records, each followed by a newline, until `out` is full or `order` is done.

    Args:
        order: int32[k], rows in the order in which they are written.
        first: first place in `order`.
        out: uint8[n].
        literals: uint8[...], padded.
        steps: int64[m, STEP_FIELDS], see `kernels_codes`: a literal, then an operation, or END_OF_RECORD as its code.
        plans: int64[layouts, PLAN_FIELDS], see `kernels_codes`.
        regs: int64[registers, rows].
        texts: uint8[...], padded: the texts of all dictionaries.
        offsets: int64[...], begins and ends of the texts.
        bases: int64[dictionaries], begin of each dictionary's offsets.
        sizes: int64[dictionaries], number of texts of each.
        far: int64[k, 2], registers and their dictionaries that are too large for the cache.
        extra_register: register of the row's extra text.
        extra_dictionary: its dictionary.
        raw_register: register of records that are kept whole.
        raw_dictionary: its dictionary.
        hashing: whether to add each record's hash to `digest`.
        digest: uint64[2].
        lengths: int64[k], gets each record's length with its newline, by place in `order`; or int64[0].
        counts: int64[2]; the numbers of records, and of their bytes without newlines, are added.
        stack: uint8[MAX_DEPTH], scratch.
        dates: int64[DATES_MET, DATE_WORDS], scratch, filled with NULL; see `write_instant`. Steps may share an entry,
            because its key is all that it depends on. Rows written before change the speed, never the bytes.
        shards: int64[SHARDS_MET, SHARD_WORDS], scratch, filled with NULL; see `write_kinesis`.

    Returns:
        (next place in `order`, number of bytes written); DAMAGED - place if the row at that place is damaged.
    """
    at = 0
    room = out.shape[0] - PADDING
    here = first
    while here < order.shape[0]:
        _prefetch_texts(regs, order, here, far, texts, offsets, bases, sizes)
        row = order[here]
        begin = at
        layout = regs[0, row]
        if layout == NULL:
            start, end = _text_slot(regs, row, raw_register, raw_dictionary, texts, offsets, bases, sizes)
            if start < 0:
                return DAMAGED - here, begin
            if at + (end - start) + 1 > room:
                return here, begin
            copy_bytes(texts, start, out, at, end - start)
            at += end - start
        else:
            if layout < 0 or layout >= plans.shape[0]:
                return DAMAGED - here, begin
            if at + plans[layout, LENGTH_BOUND] + 1 > room:
                return here, begin
            extra_at = np.int64(0)
            extra_end = np.int64(0)
            if regs[extra_register, row] != NULL:
                extra_at, extra_end = _text_slot(
                    regs, row, extra_register, extra_dictionary, texts, offsets, bases, sizes
                )
                if extra_at < 0:
                    return DAMAGED - here, begin
            for s in range(plans[layout, FIRST_STEP], plans[layout, END_OF_STEPS]):
                step = steps[s]
                length = step[STEP_LITERAL_LENGTH]
                copy_bytes(literals, step[STEP_LITERAL_AT], out, at, length)
                at += length
                code = step[STEP_AT + CODE]
                if code == END_OF_RECORD:
                    break
                if code == CUT_EXTRA:
                    kind = step[STEP_AT + CUT_KIND]
                    extra_at += step[STEP_AT + CUT_PREFIX_LENGTH]
                    if kind == KIND_STRING:
                        extra_at += 1
                    if extra_at >= extra_end:
                        return DAMAGED - here, begin
                    stop = slot_end(texts, extra_at, extra_end, kind, 0, stack)
                    if stop < 0:
                        return DAMAGED - here, begin
                    copy_bytes(texts, extra_at, out, at, stop - extra_at)
                    at += stop - extra_at
                    extra_at = stop + (1 if kind == KIND_STRING else 0)
                    continue
                value = regs[step[STEP_AT + TARGET], row]
                if value == NULL:
                    return DAMAGED - here, begin
                if code == INSTANT or code == COPY_INSTANT:
                    units = step[STEP_AT + UNITS]
                    second = step[STEP_AT + SECOND]
                    wall = value + step[STEP_AT + OFFSET_MIN] * 60 * units
                    if second >= 0:
                        wall -= regs[second, row] * 60 * units
                    met = dates[s & (DATES_MET - 1)]
                    at = write_instant(out, at, wall, step[STEP_AT + SEPARATOR], step[STEP_AT + DIGITS], units, met)
                elif code == INTEGER:
                    at = write_integer(out, at, value)
                elif code == COPY_EPOCH:
                    column_units = step[STEP_AT + COLUMN_UNITS]
                    copy_units = step[STEP_AT + COPY_UNITS]
                    if column_units >= copy_units:
                        at = write_integer(out, at, value // (column_units // copy_units))
                    else:
                        at = write_integer(out, at, value * (copy_units // column_units))
                elif code == KINESIS:
                    arrival = regs[step[STEP_AT + ARRIVAL], row]
                    counter = regs[step[STEP_AT + COUNTER], row]
                    at = write_kinesis(out, at, value, arrival, counter, regs[step[STEP_AT + SUB], row], shards)
                elif code >= FIRST_OWN:
                    other = regs[max(step[STEP_AT + SECOND], 0), row]
                    at = write_own(code, out, at, value, other, step[STEP_AT + OPTION])
                elif code == BOOLEAN:
                    store64(out, at, _TRUE if value == 1 else _FALSE)
                    at += 4 if value == 1 else 5
                elif code == DECIMAL:
                    scale = regs[step[STEP_AT + SECOND], row]
                    if scale < 0 or scale > MOST_SCALE or not abs(bits_double(value)) < _DECIMAL_BOUNDS[scale]:
                        return DAMAGED - here, begin
                    at = write_decimal(out, at, value, scale)
                else:
                    start, end = _text_slot(
                        regs, row, step[STEP_AT + TARGET], step[STEP_AT + DICTIONARY], texts, offsets, bases, sizes
                    )
                    if start < 0:
                        return DAMAGED - here, begin
                    copy_bytes(texts, start, out, at, end - start)
                    at += end - start
        counts[0] += 1
        counts[1] += at - begin
        out[at] = NEWLINE
        if hashing:
            one, two = hash128(out, begin, at)
            add_hash(digest, one, two)
        at += 1
        if lengths.shape[0] > 0:
            lengths[here] = at - begin
        here += 1
    return here, at


@kernel
def hash_lines(buffer, lengths, count, hashes):
    """Hash records, each followed by a newline; keeps the first word of each hash.

    Args:
        buffer: uint8[n], padded: the records.
        lengths: int64[>= count], of each record with its newline.
        count: number of records.
        hashes: uint64[>= count], filled.
    """
    at = 0
    for k in range(count):
        one, _ = hash128(buffer, at, at + lengths[k] - 1)
        hashes[k] = one
        at += lengths[k]
