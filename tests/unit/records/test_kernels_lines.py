"""The kernels that frame lines, against plain Python."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import padded
from tests.twins import lines_of

from logpress.records import kernels_lines

BEHIND = st.sampled_from([b"", b"\n", b"\r\n", b"0", b'"'])
PIECES = st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b"{}", b"x" * 31, b"\n\n", b"y" * 64])
DATA = st.lists(PIECES, max_size=12).map(b"".join)


@given(DATA, BEHIND, st.integers(0, 5))
@example(b"\n", b"\n", 0)
@example(b"a\n", b"", 1)
def test_count_lines_last_newline_and_all_crlf(data: bytes, behind: bytes, start: int) -> None:
    buffer, start = padded(data, behind), min(start, len(data))
    assert kernels_lines.count_lines(buffer, len(data)) == data.count(b"\n")
    assert kernels_lines.last_newline(buffer, start, len(data)) == data.rfind(b"\n", start)
    newlines = [match.start() for match in re.finditer(b"\n", data)]
    assert kernels_lines.all_crlf(buffer, len(data)) == (
        bool(newlines) and all(data[:at].endswith(b"\r") for at in newlines)
    )


def plain_lines(data: bytes, crlf: bool) -> list[tuple[int, int]]:
    """Spans of lines that are not blank; a carriage return alone on its line belongs to the separator, too."""
    spans, at = [], 0
    for line in data.split(b"\n"):
        end = at + len(line)
        last = end - (line.endswith(b"\r") and (crlf or line == b"\r"))
        if last > at:
            spans.append((at, last))
        at = end + 1
    return spans


@given(DATA, st.booleans(), st.integers(0, 12), BEHIND)
@example(b"a\nb", False, 1, b"")
@example(b"a\n", False, 1, b"\n")
@example(b"a\n\n", False, 1, b"")
def test_frame_lines(data: bytes, crlf: bool, places: int, behind: bytes) -> None:
    starts, ends = np.full((2, places), -5, dtype=np.int64)
    rows = kernels_lines.frame_lines(padded(data, behind), len(data), crlf, starts, ends)
    spans = plain_lines(data, crlf)
    if not crlf and b"\r\n" not in data:
        assert [data[a:b] for a, b in spans] == lines_of(data)
    found = list(zip(starts.tolist(), ends.tolist(), strict=True))
    assert found == (spans[:places] + [(-5, -5)] * (places - len(spans)))
    if places > len(spans):
        assert rows == len(spans)
        return
    newline = data.find(b"\n", spans[places - 1][1]) if places else -1
    next_line = 0 if places == 0 else newline + 1 if newline >= 0 else len(data)
    assert rows == (-1 if next_line < len(data) else places)
