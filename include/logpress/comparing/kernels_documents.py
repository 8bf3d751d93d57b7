"""The kernels that find the document in a record."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.compile import inner_kernel, kernel
from logpress.layout.kernels_json import _blanks_end, bare_end, quote_at
from logpress.layout.kernels_unescape import unescape
from logpress.records.kernels_hits import object_end

HIT, REPEATED_KEY, BY_BYTES = 1, 2, 4
"""What is said of a document: it is a hit's `_source`; an object in it, or its hit, names a key twice; it is too deep,
too long or has a number too large to be compared by value. Those of the last two kinds are hashed by their bytes."""


@inner_kernel
def _first_end(buffer, i, end):
    """Where the text begins behind blanks and a byte order mark."""
    if i + 3 <= end and buffer[i] == 0xEF and buffer[i + 1] == 0xBB and buffer[i + 2] == 0xBF:
        i += 3
    return _blanks_end(buffer, i, end)


@kernel
def _nest_end(buffer, i, end):
    """End of the object or array at i, by its brackets and quotes alone; -1 if it does not end."""
    depth = 0
    while i < end:
        c = buffer[i]
        if c == 0x22:
            i = quote_at(buffer, i + 1, end)
        elif c == 0x7B or c == 0x5B:
            depth += 1
        elif c == 0x7D or c == 0x5D:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return -1


@kernel
def _is_source(buffer, start, end, out):
    """Whether the text between the quotes of a key means `_source`."""
    length = end - start
    text = buffer
    at = start
    if length != 7:
        if length < 8 or length > 42:
            return False
        length = unescape(buffer, start, end, out)
        text = out
        at = 0
        if length != 7:
            return False
    return (
        text[at] == 0x5F
        and text[at + 1] == 0x73
        and text[at + 2] == 0x6F
        and text[at + 3] == 0x75
        and text[at + 4] == 0x72
        and text[at + 5] == 0x63
        and text[at + 6] == 0x65
    )


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
        out: uint8[>= 42], scratch.
    """
    for row in range(rows):
        end = ends[row]
        start = _first_end(buffer, starts[row], end)
        doc_starts[row], doc_ends[row], flags[row] = starts[row], end, 0
        if start >= end or buffer[start] != 0x7B:
            continue
        sources = 0
        source_start = source_end = 0
        i = start + 1
        stop = -1  # where the object ends
        while i < end:
            i = _blanks_end(buffer, i, end)
            if i >= end:
                break
            c = buffer[i]
            if c == 0x7D:
                stop = i + 1
                break
            if c == 0x2C:
                i += 1
                continue
            if c != 0x22:
                break
            key, quote = i + 1, quote_at(buffer, i + 1, end)
            i = _blanks_end(buffer, quote + 1, end)
            if i >= end or buffer[i] != 0x3A:
                break
            i = _blanks_end(buffer, i + 1, end)
            if i >= end:
                break
            c = buffer[i]
            begin = i
            if c == 0x22:
                i = quote_at(buffer, i + 1, end) + 1
            elif c == 0x7B:
                i = object_end(buffer, i, end)
            elif c == 0x5B:
                i = _nest_end(buffer, i, end)
            else:
                i = bare_end(buffer, i, end)
            if i < 0:
                break
            if _is_source(buffer, key, quote, out):
                sources += 1
                if c == 0x7B:
                    source_start, source_end = begin, i
        if stop < 0:
            continue
        doc_starts[row], doc_ends[row] = start, stop
        if source_end > 0:
            doc_starts[row], doc_ends[row] = source_start, source_end
            flags[row] = HIT | (REPEATED_KEY if sources > 1 else 0)
            continue
        i = _blanks_end(buffer, stop, end)
        if i < end and buffer[i] == 0x7B:
            stop = object_end(buffer, i, end)
            if stop > 0:
                doc_starts[row], doc_ends[row] = i, stop
