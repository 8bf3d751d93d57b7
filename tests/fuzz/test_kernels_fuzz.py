"""Kernels up against a page that may not be touched, with bounds checks, and, with LOGPRESS_FUZZ=1, for a long time."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.conftest import READING, SEED, compact

from logpress.codecs import kernels_instants, kernels_kinesis, kernels_text
from logpress.contract import Contract
from logpress.engine.convert.block import convert
from logpress.engine.convert.block_arrays import Spaces
from logpress.engine.convert.settle import Settler
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import Registers
from logpress.hashing import kernels_hash
from logpress.hashing.kernels_hash import same_bytes
from logpress.hashing.kernels_xxh3 import hash128
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH, is_bare, string_kind, value_end
from logpress.layout.kernels_match import slot_end
from logpress.layout.kernels_scan import bare_end, quote_at
from logpress.layout.model import Kind
from logpress.limits import Limits
from logpress.records.kernels_lines import all_crlf, count_lines, frame_lines, last_newline
from logpress.records.kernels_objects import LAST, STATE_WORDS, frame_objects, object_end

ROOT = Path(__file__).parents[2]
STACK = np.empty(MAX_DEPTH, dtype=np.uint8)
TEXTS = [
    b"", b'"', b"\\", b'\\"', b'\\u12', b"\\ud83d\\u", b"-", b"-0.", b"1e", b"tru", b"fals", b"nul",
    b"[", b'{"', b'{"a":',
    b"\xf0\x9f",
    b"2021-12-26T15:11:04.884",
    b"49623735927354776182646864847313121695850829503304564770.0", b"12345678", b"x" * 63, b"{" * 600,
    b'[{"a":"b\\u0041"},1.5e+3,true,null,"' + "값".encode() * 9 + b'"]',
]  # fmt: skip


class Guarded:
    """Memory whose last readable byte stands right before a page that no one may touch (POSIX mprotect)."""

    def __init__(self, pages: int = 16) -> None:
        size = pages * mmap.PAGESIZE
        self._map = mmap.mmap(-1, size + mmap.PAGESIZE)
        self._all = np.frombuffer(self._map, dtype=np.uint8)
        address = self._all.ctypes.data + size
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), 0) != 0:
            raise OSError(ctypes.get_errno(), "mprotect refuses")
        self.readable = self._all[:size]

    def text(self, text: bytes, padding: int = PADDING) -> NDArray[np.uint8]:
        """The text with exactly its padding behind it, up against the guard."""
        size = len(text) + padding
        buffer = self.readable[len(self.readable) - size :]
        buffer[: len(text)] = np.frombuffer(text, dtype=np.uint8)
        buffer[len(text) :] = 0x22
        return buffer


@pytest.fixture(scope="module")
def guard() -> Guarded:
    return Guarded()


def read_all(buffer: NDArray[np.uint8], start: int, end: int) -> list[Any]:
    """Everything that the kernels say of buffer[start:end]."""
    dates, parts = np.full(3, -1, dtype=np.int64), np.zeros(4, dtype=np.int64)
    found: list[Any] = [
        quote_at(buffer, start, end), bare_end(buffer, start, end), string_kind(buffer, start, end),
        is_bare(buffer, start, end), value_end(buffer, start, end, STACK),
        kernels_text.read_integer(buffer, start, end), *kernels_text.read_decimal(buffer, start, end),
        kernels_kinesis.read_kinesis(buffer, start, end, parts), kernels_hash.hash64(buffer, start, end),
        *hash128(buffer, start, end), same_bytes(buffer, start, buffer, start, end - start),
        count_lines(buffer, end), last_newline(buffer, start, end), all_crlf(buffer, end),
    ]  # fmt: skip
    found += [slot_end(buffer, start, end, kind, 23, STACK) for kind in Kind if kind is not Kind.END]
    if end - start >= 23:
        found.append(kernels_instants.read_instant(buffer, end - 23, ord("T"), 3, 1_000, dates))
    rows = int(count_lines(buffer, end)) + 1
    starts, ends = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    found.append(frame_lines(buffer, end, False, starts, ends))
    found += [*object_end(buffer, start, end)] if end > start and buffer[start] in b"{[" else []
    starts, ends = np.zeros(end + 1, dtype=np.int64), np.zeros(end + 1, dtype=np.int64)
    for is_array in (False, True):
        state = np.zeros(STATE_WORDS, dtype=np.int64)
        found += [frame_objects(buffer, end, LAST, is_array, state, starts, ends), *state, *starts, *ends]
    return [int(value) for value in found]


def in_the_open(text: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(text + bytes(2 * PADDING), dtype=np.uint8)


def test_the_guard_is_on_guard() -> None:
    """Reading past the padding ends the process: what the other tests of this file rely on."""
    code = (
        "from tests.fuzz.test_kernels_fuzz import Guarded; from logpress.hashing.kernels_hash import tail_word; "
        "buffer = Guarded().text(b'x'); print(tail_word(buffer, len(buffer) - 8, 8), flush=True); "
        "tail_word(buffer, len(buffer) - 7, 8)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(int.from_bytes(b'"' * 8, "little"))
    assert done.returncode == -11


@pytest.mark.parametrize("text", TEXTS)
def test_kernels_stay_inside_the_padding(guard: Guarded, text: bytes) -> None:
    for start in range(min(len(text), 9) + 1):
        assert read_all(guard.text(text), start, len(text)) == read_all(in_the_open(text), start, len(text))


@given(st.binary(max_size=120) | st.lists(st.sampled_from(TEXTS), max_size=4).map(b"".join), st.integers(0, 9))
def test_kernels_stay_inside_the_padding_whatever_they_read(guard: Guarded, text: bytes, start: int) -> None:
    start = min(start, len(text))
    assert read_all(guard.text(text), start, len(text)) == read_all(in_the_open(text), start, len(text))


# ------------------------------------------------------------------------------------------------------ whole records


def outcome(contract: Contract, buffer: NDArray[np.uint8], spans: list[tuple[int, int]]) -> list[Any]:
    """The results for the records at these spans: states, registers and rejects."""
    registers = Registers(contract)
    layouts = Layouts(contract, registers, Limits(layouts=50))
    starts, ends = (np.array(column, dtype=np.int64) for column in zip(*spans, strict=True))
    block = convert(buffer, starts, ends, registers, layouts.known, Spaces(registers))
    Settler(registers, layouts).settle(block)
    again = convert(buffer, starts, ends, registers, layouts.known, Spaces(registers))
    Settler(registers, layouts).settle(again)
    assert again.rejects == block.rejects
    return [block.states.tolist(), block.rejects, len(layouts.all), again.states.tolist()]


def spans_in(records: list[bytes]) -> list[tuple[int, int]]:
    ends = np.cumsum([len(record) for record in records]).tolist()
    return [(end - len(record), end) for end, record in zip(ends, records, strict=True)]


@st.composite
def record_lists(draw: st.DrawFn, table: str) -> list[bytes]:
    model = compact(SEED if table == "sdk_log" else READING)
    records = [model]
    for _ in range(draw(st.integers(0, 4))):
        record = bytearray(draw(st.sampled_from(records)))
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, max(0, len(record) - 1)))
            record[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from(TEXTS) | st.binary(min_size=1, max_size=3))
        cut = draw(st.integers(1, max(1, len(record))))
        records.append(bytes(record[:cut] if draw(st.booleans()) else record) or b"{")
    return records


@given(st.data())
def test_pressing_stays_inside_the_padding(contract: Contract, guard: Guarded, data: st.DataObject) -> None:
    records = data.draw(record_lists(contract.table))
    text, spans = b"".join(records), spans_in(records)
    assert outcome(contract, guard.text(text), spans) == outcome(contract, in_the_open(text), spans)


def test_records_that_end_at_the_end(contract: Contract, guard: Guarded) -> None:
    model = compact(SEED if contract.table == "sdk_log" else READING)
    for cut in (*range(1, len(model) - 40, 9), *range(len(model) - 40, len(model) + 1)):
        records = [model, model[:cut]]
        states = outcome(contract, guard.text(b"".join(records)), spans_in(records))
        assert [reject.row for reject in states[1]] == ([1] if cut < len(model) else [])


@given(st.integers(-(10**18), 10**18), st.integers(0, 2**63 - 1), st.integers(0, 14), st.data())
def test_writers_stay_inside_their_room(
    guard: Guarded, number: int, counter: int, scale: int, data: st.DataObject
) -> None:
    """A codec writes at most 72 bytes, with 64 bytes of room behind what it writes."""
    out = guard.readable[len(guard.readable) - 72 - PADDING :]
    out[:] = 0xAA
    wall = data.draw(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
    bits = int(np.float64(data.draw(st.floats(-1e3, 1e3))).view(np.int64))
    written = [
        kernels_text.write_integer(out, 0, number),
        kernels_instants.write_instant(
            out, 0, wall, ord("T"), 9, 1_000_000, np.full(4, kernels_text.NULL, dtype=np.int64)
        ),
        kernels_text.write_decimal(out, 0, bits, scale),
        kernels_kinesis.write_kinesis(
            out,
            0,
            counter % 2**56,
            counter % 2**36,
            counter,
            999_999_999,
            np.full((kernels_kinesis.SHARDS_MET, kernels_kinesis.SHARD_WORDS), kernels_text.NULL, dtype=np.int64),
        ),
    ]
    assert max(written) <= 72
    assert (out[72:] == 0xAA).all()


# ------------------------------------------------------------------------------------------------------ bounds checks


def _cases() -> Iterator[str]:
    yield "tests/property/test_round_trip.py::test_realistic_records_come_back"
    yield "tests/property/test_round_trip.py::test_values_out_of_the_ordinary"
    yield "tests/property/test_round_trip.py::test_odd_readings"
    yield "tests/property/test_round_trip.py::test_spellings_of_the_same_value"
    yield "tests/property/test_round_trip.py::test_many_slots_come_back"
    yield "tests/property/test_round_trip.py::test_row_groups_of_any_size"
    yield "tests/property/test_round_trip.py::test_a_block_of_records_kept_whole_that_each_bring_two_texts"
    yield "tests/unit/codecs/test_codecs.py"


@pytest.mark.skipif(
    os.environ.get("LOGPRESS_FUZZ") != "1", reason="compiles every kernel anew: LOGPRESS_FUZZ=1 runs it"
)
def test_no_index_is_out_of_bounds(tmp_path: Path) -> None:
    """The same round trips with kernels that check every index, compiled into a cache of their own."""
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path), "LOGPRESS_FUZZ": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *_cases()],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4_000:]
