"""The kernels that find the document in a record.

Bounds: every function reads `buffer[start:end]` and at most `PADDING` bytes behind `end`, which the caller guarantees
to be there; what is read behind `end` never decides a result. Text that is no JSON is given up, never followed.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.ascii import BRACE_CLOSE, BRACE_OPEN, BRACKET_OPEN, COLON, COMMA, QUOTE, word_of
from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import load64
from logpress.layout.kernels_scan import bare_end, blanks_end, braces_end, brackets_end, is_mark, quote_at
from logpress.layout.kernels_unescape import unescape_text

HIT = 1
"""Flag: the document is the `_source` of a search hit."""

REPEATED_KEY = 2
"""Flag: an object in the document, or its hit, has the same key twice; the document is hashed by its bytes."""

BY_BYTES = 4
"""Flag: the document is too deep or too long, or an exponent is out of range; it is hashed by its bytes."""

ESCAPED_SOURCE_BYTES = 6 * len("_source")
"""Bytes of `_source` where each letter is an escape of six bytes: the longest spelling of that key."""

_SOURCE = word_of(b"_source")
_SEVEN_BYTES = np.uint64((1 << 56) - 1)


@inner_kernel
def _first_end(buffer, i, end):
    """Where the text begins behind blanks and a byte order mark."""
    if is_mark(buffer, i, end):
        i += 3
    return blanks_end(buffer, i, end)


@kernel
def _is_source(buffer, start, end, out):
    """Whether the text between the quotes of a key means `_source`."""
    length = end - start
    text = buffer
    at = start
    if length != 7:
        if length < 7 or length > ESCAPED_SOURCE_BYTES:
            return False
        length = unescape_text(buffer, start, end, out)
        text = out
        at = 0
        if length != 7:
            return False
    return load64(text, at) & _SEVEN_BYTES == _SOURCE


@kernel
def find_documents(buffer, starts, ends, rows, doc_starts, doc_ends, flags, out):
    """Find the document of each record: a hit's `_source`, what follows an action of `_bulk`, else the record's object.

    A record with an object `_source` at its top level is a hit; where it has several, the last one counts, as for most
    readers, and it is flagged. A document is taken from brace to brace, without what stands around it.

    Args:
        buffer: uint8[n], padded.
        starts: int64[>= rows], of records that are JSON objects; of others, the whole record is taken.
        ends: int64[>= rows].
        rows: how many.
        doc_starts: int64[>= rows], filled.
        doc_ends: int64[>= rows], filled.
        flags: uint8[>= rows], filled: HIT, REPEATED_KEY.
        out: uint8[>= ESCAPED_SOURCE_BYTES], scratch.
    """
    for row in range(rows):
        end = ends[row]
        start = _first_end(buffer, starts[row], end)
        doc_starts[row], doc_ends[row], flags[row] = starts[row], end, 0
        if start >= end or buffer[start] != BRACE_OPEN:
            continue
        sources = 0
        source_start = source_end = 0
        i = start + 1
        stop = -1  # where the object ends
        while i < end:
            i = blanks_end(buffer, i, end)
            if i >= end:
                break
            c = buffer[i]
            if c == BRACE_CLOSE:
                stop = i + 1
                break
            if c == COMMA:
                i += 1
                continue
            if c != QUOTE:
                break
            key, quote = i + 1, quote_at(buffer, i + 1, end)
            i = blanks_end(buffer, quote + 1, end)
            if i >= end or buffer[i] != COLON:
                break
            i = blanks_end(buffer, i + 1, end)
            if i >= end:
                break
            c = buffer[i]
            begin = i
            if c == QUOTE:
                i = quote_at(buffer, i + 1, end) + 1
            elif c == BRACE_OPEN:
                i = braces_end(buffer, i, end)
            elif c == BRACKET_OPEN:
                i = brackets_end(buffer, i, end)
            else:
                i = bare_end(buffer, i, end)
            if i < 0:
                break
            if _is_source(buffer, key, quote, out):
                sources += 1
                if c == BRACE_OPEN:
                    source_start, source_end = begin, i
        if stop < 0:
            continue
        doc_starts[row], doc_ends[row] = start, stop
        if source_end > 0:
            doc_starts[row], doc_ends[row] = source_start, source_end
            flags[row] = HIT | (REPEATED_KEY if sources > 1 else 0)
            continue
        i = blanks_end(buffer, stop, end)
        if i < end and buffer[i] == BRACE_OPEN:
            stop = braces_end(buffer, i, end)
            if stop > 0:
                doc_starts[row], doc_ends[row] = i, stop
