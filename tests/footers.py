"""Part files whose footers say something else, as somebody might make them on purpose: with the right checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from logpress.parquet.metadata import NO_CHECKSUM, checksum_place
from logpress.parquet.thrift import varint


def with_footer_text(part: bytes, change: Callable[[str], str], key: bytes = b"logpress") -> bytes:
    """The part with another text under a key of its footer."""
    length = int.from_bytes(part[-8:-4], "little")
    body, footer = part[: -8 - length], part[-8 - length : -8]
    before = b"\x18" + varint(len(key)) + key + b"\x18"  # fields 1 and 2 of a KeyValue, both binary
    at = footer.index(before) + len(before)
    size = shift = 0
    while True:
        size |= (footer[at] & 127) << shift
        shift += 7
        at += 1
        if footer[at - 1] < 128:
            break
    head = footer[: footer.index(before) + len(before)]
    text = change(footer[at : at + size].decode()).encode()
    return body + sealed(head + varint(len(text)) + text + footer[at + size :])


def sealed(footer: bytes) -> bytes:
    """A footer with its checksum, its length and the magic number."""
    place = checksum_place(footer)
    assert place is not None
    blank = footer[:place] + NO_CHECKSUM + footer[place + len(NO_CHECKSUM) :]
    digest = hashlib.sha256(blank).hexdigest().encode()
    done = blank[:place] + digest + blank[place + len(NO_CHECKSUM) :]
    return done + len(done).to_bytes(4, "little") + b"PAR1"
