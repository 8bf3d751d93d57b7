"""The kernels of hits and of `_bulk` bodies up against a page that may not be touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.conftest import SEED, compact
from tests.fuzz.test_kernels_fuzz import TEXTS, Guarded, in_the_open

from logpress.comparing.kernels_documents import find_documents
from logpress.comparing.kernels_values import MOST_DEPTH, SMALLEST_TABLE, STACK_WORDS, hash_documents
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH
from logpress.layout.kernels_scan import braces_end
from logpress.layout.kernels_unescape import unescape_text
from logpress.records.bulk_writer import _NAMES
from logpress.records.kernels_bulk import ACTION_BYTES, is_action, pair_lines, spans_of_objects, write_pairs
from logpress.records.kernels_hits import frame_hits, hash_ids

STACK = np.empty(MAX_DEPTH, dtype=np.uint8)
PIECES = [
    *TEXTS, compact(SEED), b"{", b"}", b"]", b",", b" ", b'"', b"\\", b'{"_id":"', b'{"_index":"i","_id":"a"}',
    b'"_source":', b'"\\u005fsource":{', b"-1.50e+3", b"\\ud83d\\ude0",
    b'{"_source":{"a":1}}', b'"_id"', b":", b'{"index":{"_id":"a"}}', b'{ "delete" : {} }', b'{"create":', b"\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def guard() -> Guarded:
    return Guarded()


def read_all(buffer: NDArray[np.uint8], end: int) -> list[Any]:
    """Everything that the kernels say of buffer[:end]."""
    starts, ends = np.zeros(end + 1, dtype=np.int64), np.zeros(end + 1, dtype=np.int64)
    found: list[Any] = [braces_end(buffer, 0, end), *frame_hits(buffer, 0, end, starts, ends)]
    rows = max(0, found[1])
    hashes = np.zeros((2, rows + 1), dtype=np.uint64)
    found += [starts[:rows].tolist(), ends[:rows].tolist()]
    found += [hash_ids(buffer, starts, ends, rows, hashes, STACK), hashes.tolist()]
    whole = np.array([0], dtype=np.int64), np.array([end], dtype=np.int64)  # as if it were one hit
    found += [hash_ids(buffer, *whole, 1, hashes, STACK)]
    found += [is_action(buffer, 0, end), pair_lines(buffer, *whole, 1, starts, ends)]
    rows = int(spans_of_objects(buffer, end, starts, ends))
    found.append(rows)
    if rows > 0:
        out = np.zeros(end + (ACTION_BYTES + 8) * rows + 100, dtype=np.uint8)
        used = write_pairs(buffer, starts, ends, rows, _NAMES, out, np.empty((4, 2), dtype=np.int64), STACK)
        assert used <= len(out) - 100
        assert not out[used:].any()
        found.append(out[:used].tobytes())
    return found + read_documents(buffer, end)


def read_documents(buffer: NDArray[np.uint8], end: int) -> list[Any]:
    """The results for buffer[:end] as one record, and as a document or a string."""
    whole = np.array([0], dtype=np.int64), np.array([end], dtype=np.int64)
    starts, ends = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    prints, flags = np.zeros((4, 1), dtype=np.uint64), np.zeros(1, dtype=np.uint8)
    stack, table = (
        np.zeros((MOST_DEPTH, STACK_WORDS), dtype=np.uint64),
        np.zeros(max(SMALLEST_TABLE, 2 * end), dtype=np.uint64),
    )
    out = np.zeros(end + PADDING, dtype=np.uint8)
    find_documents(buffer, *whole, 1, starts, ends, flags, np.zeros(64, dtype=np.uint8))
    found: list[Any] = [starts[0], ends[0], flags[0]]
    assert 0 <= starts[0] <= ends[0] <= end
    for spans in ((starts, ends), whole):
        hash_documents(buffer, *spans, 1, prints, flags, stack, table, out)
        found += [prints.tolist(), flags[0]]
    return [*found, unescape_text(buffer, 0, end, out)]


@given(st.lists(st.sampled_from(PIECES), max_size=6).map(b"".join) | st.binary(max_size=120))
def test_kernels_stay_inside_the_padding(guard: Guarded, text: bytes) -> None:
    assert read_all(guard.text(text), len(text)) == read_all(in_the_open(text), len(text))
