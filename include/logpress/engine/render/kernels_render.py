"""The kernel that writes records from registers, and the digest of what it writes.

Bounds: a record is written only if its layout's bound (literals, longest texts, 72 bytes for any other slot) leaves
`PADDING` bytes of `out` free. Dictionary numbers are checked against the dictionary's size before use, decimals
against what their scale leaves room for. Instants and integers may be any; `are_sequences` has checked sequence
numbers.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_codes import (
    BOOLEAN,
    COPY_EPOCH,
    COPY_INSTANT,
    CUT_EXTRA,
    DECIMAL,
    INSTANT,
    INTEGER,
    KINESIS,
)
from logpress.codecs.kernels_instants import write_instant
from logpress.codecs.kernels_kinesis import write_kinesis
from logpress.codecs.kernels_text import MOST_SCALE, NULL, write_decimal, write_integer
from logpress.hashing.kernels_multiset import add_hash
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import bits_double, copy32, prefetch, store64
from logpress.layout.kernels_match import slot_end

_TEXT_AHEAD = 8
"""Rows whose texts are loaded before they are needed; where these stand is looked up as many rows before that."""

_DECIMAL_BOUNDS = np.array([10.0 ** (18 - scale) for scale in range(MOST_SCALE + 1)])
"""By scale, where the decimals end that `write_decimal` can write: its integers have 63 bits."""

DAMAGED = -1
"""Added to the negative place of a row that cannot be written."""


@inner_kernel
def copy_bytes(source, start, out, at, length):
    """Copy bytes, 32 at a time; reads and writes up to 31 bytes more."""
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
def _begin_to_load(regs, order, here, far, texts, offsets, bases, sizes):
    """Begin to load the texts of the rows that come soon: in another order, each lies in a place of its own."""
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
    order, first, out, literals, steps, programs, regs, texts, offsets, bases, sizes, far,
    extra_register, extra_dictionary, raw_register, raw_dictionary, hashing, digest, lengths, counts,
    stack, dates, shards,
):  # fmt: skip
    """Write records, each followed by a newline, until `out` is full or `order` is done.

    Args:
        order: int32[k], rows in the order they are written.
        first: where in `order` to begin.
        out: uint8[n].
        literals: uint8[...], padded.
        steps: int64[m, 12]: literal's position and length, then an operation as `program.operation` makes it, code
            in column 3 (-1: the record ends after this literal).
        programs: int64[layouts, 3]: first and last step, bound of the record's length.
        regs: int64[registers, rows].
        texts: uint8[...], padded: the texts of all dictionaries.
        offsets: int64[...]: where they begin and end.
        bases: int64[dictionaries], where each dictionary's offsets begin.
        sizes: int64[dictionaries], how many texts each has.
        far: int64[k, 2], registers and their dictionaries that are too large for the cache.
        extra_register: register of the row's extra text.
        extra_dictionary: its dictionary.
        raw_register: register of the record that is kept whole.
        raw_dictionary: its dictionary.
        hashing: whether to add each record's hash to `digest`.
        digest: uint64[2].
        lengths: int64[k], gets each record's length with its newline, by place in `order`; or int64[0].
        counts: int64[2], gets records and their bytes (newlines not counted), added to.
        stack: uint8[MAX_DEPTH], scratch.
        dates: int64[16, 3], scratch, filled with NULL; see `write_instant`. Steps share an entry, as its key says all
            that it depends on: what was written before decides how fast a row is written, never its bytes.
        shards: int64[64, 8], scratch, filled with NULL; see `write_kinesis`.

    Returns:
        (next place in `order`, bytes written); the place is DAMAGED - place if the row there is damaged.
    """
    at = 0
    room = out.shape[0] - 64
    here = first
    while here < order.shape[0]:
        _begin_to_load(regs, order, here, far, texts, offsets, bases, sizes)
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
            if layout < 0 or layout >= programs.shape[0]:
                return DAMAGED - here, begin
            if at + programs[layout, 2] + 1 > room:
                return here, begin
            extra_at = np.int64(0)
            extra_end = np.int64(0)
            if regs[extra_register, row] != NULL:
                extra_at, extra_end = _text_slot(
                    regs, row, extra_register, extra_dictionary, texts, offsets, bases, sizes
                )
                if extra_at < 0:
                    return DAMAGED - here, begin
            for s in range(programs[layout, 0], programs[layout, 1]):
                step = steps[s]
                length = step[1]
                copy_bytes(literals, step[0], out, at, length)
                at += length
                code = step[3]
                if code < 0:
                    break
                if code == CUT_EXTRA:
                    kind = step[7]
                    extra_at += step[6]
                    if kind == 0:
                        extra_at += 1
                    if extra_at >= extra_end:
                        return DAMAGED - here, begin
                    stop = slot_end(texts, extra_at, extra_end, kind, 0, stack)
                    if stop < 0:
                        return DAMAGED - here, begin
                    copy_bytes(texts, extra_at, out, at, stop - extra_at)
                    at += stop - extra_at
                    extra_at = stop + (1 if kind == 0 else 0)
                    continue
                value = regs[step[4], row]
                if value == NULL:
                    return DAMAGED - here, begin
                if code == INSTANT or code == COPY_INSTANT:
                    wall = value + step[10] * 60 * step[8]
                    if step[5] >= 0:
                        wall -= regs[step[5], row] * 60 * step[8]
                    at = write_instant(out, at, wall, step[6], step[7], step[8], dates[s & 15])
                elif code == INTEGER:
                    at = write_integer(out, at, value)
                elif code == COPY_EPOCH:
                    if step[6] >= step[7]:
                        at = write_integer(out, at, value // (step[6] // step[7]))
                    else:
                        at = write_integer(out, at, value * (step[7] // step[6]))
                elif code == KINESIS:
                    at = write_kinesis(
                        out, at, value, regs[step[6], row], regs[step[7], row], regs[step[8], row], shards
                    )
                elif code == BOOLEAN:
                    word = np.uint64(0x65757274) if value == 1 else np.uint64(0x65736C6166)
                    store64(out, at, word)
                    at += 4 if value == 1 else 5
                elif code == DECIMAL:
                    scale = regs[step[5], row]
                    if scale < 0 or scale > 18 or not abs(bits_double(value)) < _DECIMAL_BOUNDS[scale]:
                        return DAMAGED - here, begin
                    at = write_decimal(out, at, value, scale)
                else:
                    start, end = _text_slot(regs, row, step[4], step[6], texts, offsets, bases, sizes)
                    if start < 0:
                        return DAMAGED - here, begin
                    copy_bytes(texts, start, out, at, end - start)
                    at += end - start
        counts[0] += 1
        counts[1] += at - begin
        out[at] = 0x0A
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
    """Hash records that stand one behind the other, each with a newline: the first word of each one's hash.

    Args:
        buffer: uint8[n], padded: the records.
        lengths: int64[>= count], of each with its newline.
        count: how many.
        hashes: uint64[>= count], filled.
    """
    at = 0
    for k in range(count):
        one, _ = hash128(buffer, at, at + lengths[k] - 1)
        hashes[k] = one
        at += lengths[k]
