"""The kernels of pressing against plain Python: each operation by itself, and rows of a block as a whole.

What a text means to a codec is asked of the codec's own kernel: those have tests of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.conftest import padded

from logpress.codecs import kernels_codes as codes
from logpress.codecs import kernels_instants, kernels_text, kernels_typed
from logpress.codecs.kernels_text import BAD, NULL
from logpress.engine.convert.kernels_convert import BATCH, press_rows
from logpress.engine.convert.kernels_operations import run_operation, write_extra
from logpress.engine.registers.kernels_codes import FAILED, MISSED, SUSPECT
from logpress.hashing.kernels_hash import hash64
from logpress.layout import kernels_json
from logpress.layout.kernels_json import BROKEN, MAX_DEPTH, PLAIN, SURROGATE
from logpress.layout.model import Kind, Layout, Slot
from logpress.layout.trie import build_trie

WORD = 2**64 - 1
UNSET = -7_777

# --------------------------------------------------------------------------------------------------------- operations

REGISTERS, DICTIONARIES, ENTRIES = 6, 2, 40


@dataclass
class Table:
    """What operations read and write, and what is expected of them."""

    texts: list[bytes]
    slot: int
    first: int
    regs: NDArray[np.int64]
    masks: NDArray[np.uint64]
    suspects: NDArray[np.uint8]
    lookup: tuple[NDArray[Any], ...] = field(default_factory=lambda: dictionaries())

    @classmethod
    def of(cls, texts: list[bytes], slot: int = 1, first: int = 2) -> Table:
        shape = (REGISTERS, first + 2 * len(texts) + 1)
        return cls(
            texts, slot, first, np.full(shape, UNSET, dtype=np.int64), np.full(shape[1], 1 << 62, dtype=np.uint64),
            np.zeros(2 * len(texts) + 1, dtype=np.uint8),
        )  # fmt: skip

    @property
    def rows(self) -> NDArray[np.int64]:
        """Places in the batch: each second one."""
        return 2 * np.arange(len(self.texts), dtype=np.int64) + 1

    def row(self, k: int) -> int:
        return self.first + 2 * k + 1

    def convert(self, op: Sequence[int]) -> None:
        """Run an operation; the arrays are what the kernel makes of them afterwards."""
        spans = np.full((2 * len(self.texts) + 1, 2 * self.slot + 4), -9_999, dtype=np.int64)
        at = 3
        for k, text in enumerate(self.texts):
            spans[2 * k + 1, 2 * self.slot : 2 * self.slot + 2] = at, at + len(text)
            at += len(text)
        buffer = padded(b'7"-' + b"".join(self.texts), b'5"')
        whole = np.array([*op, *[0] * (10 - len(op))], dtype=np.int64)
        run_operation(
            whole, buffer, self.rows, spans, self.first, self.regs, self.masks, self.lookup, self.suspects,
            np.zeros(4, dtype=np.int64),
        )  # fmt: skip

    def check(self, op: Sequence[int], values: Mapping[int, Sequence[int | None]], failed: list[bool]) -> None:
        """Whether the operation sets these registers (None: leaves it), and this slot's bit where it failed.

        Nothing else changes.
        """
        regs, masks = self.regs.copy(), self.masks.copy()
        for register, expected in values.items():
            for k, value in enumerate(expected):
                if value is not None:
                    regs[register, self.row(k)] = value
        for k, is_failed in enumerate(failed):
            masks[self.row(k)] |= np.uint64(is_failed << min(self.slot, 63))
        self.convert(op)
        assert self.regs.tolist() == regs.tolist()
        assert self.masks.tolist() == masks.tolist()


def dictionaries(entries: int = ENTRIES, places: int = 128) -> tuple[NDArray[Any], ...]:
    return (
        np.full((DICTIONARIES, places), -1, dtype=np.int32),
        *np.full((2, DICTIONARIES, entries), UNSET, dtype=np.int64),
        np.zeros((DICTIONARIES, entries), dtype=np.uint64),
        np.full((DICTIONARIES, entries), 99, dtype=np.uint8),
        np.zeros(DICTIONARIES, dtype=np.int64),
    )


SLOTS = st.sampled_from([0, 1, 62, 63, 64])
INTEGERS = st.sampled_from(
    [b"0", b"5", b"-5", b"100", b"101", b"-101", b"1e2", b"1e3", b"5.0", b"-", b"x", b"1.5", b""]
)


@given(st.lists(INTEGERS, max_size=6), SLOTS)
@example([b"101", b"100", b"-101", b"-100", b"1e2", b"1.01e2", b"-1e2", b"-1.01e2"], 0)
def test_run_operation_integers(texts: list[bytes], slot: int) -> None:
    def value(text: bytes) -> int:
        found = int(kernels_typed.integer_value(padded(text), 0, len(text)))
        return found if -100 <= found <= 100 else int(NULL)

    failed = [re.fullmatch(rb"0|-?[1-9]\d*", text) is None or abs(int(text)) > 100 for text in texts]
    table = Table.of(texts, slot)
    table.check([slot, codes.INTEGER, 2, -1, -100, 100], {2: list(map(value, texts))}, failed)
    table.check([slot, codes.TYPED, 3, -1, codes.INTEGER, -100, 100], {3: list(map(value, texts))}, [])


@given(
    st.lists(st.sampled_from([b"0.5", b"-1.25", b"7", b"1e3", b"1e999", b"-0.0", b"x", b"", b"1.0e-1"]), max_size=6),
    SLOTS,
)
def test_run_operation_decimals(texts: list[bytes], slot: int) -> None:
    exact = [tuple(map(int, kernels_text.read_decimal(padded(b"7" + text), 1, 1 + len(text)))) for text in texts]
    lenient = [int(kernels_typed.decimal_value(padded(b"7" + text), 1, 1 + len(text))) for text in texts]
    failed = [bits == BAD for bits, _ in exact]
    null = int(NULL)
    scales = [null if bad else scale for (_, scale), bad in zip(exact, failed, strict=True)]
    values = [other if bad else bits for (bits, _), other, bad in zip(exact, lenient, failed, strict=True)]
    table = Table.of(texts, slot)
    table.check([slot, codes.DECIMAL, 1, 4], {1: values, 4: scales}, failed)
    table.check([slot, codes.TYPED, 2, 3, codes.DECIMAL], {2: lenient, 3: [null] * len(texts)}, [])


@given(st.lists(st.sampled_from([b"true", b"false", b"tru", b"falsy", b"x"]), max_size=6), SLOTS)
def test_run_operation_booleans(texts: list[bytes], slot: int) -> None:
    values = [{b"true": 1, b"false": 0}.get(text, int(NULL)) for text in texts]
    table = Table.of(texts, slot)
    table.check([slot, codes.BOOLEAN, 2, -1], {2: values}, [text not in (b"true", b"false") for text in texts])
    table.check([slot, codes.TYPED, 3, -1, codes.BOOLEAN], {3: values}, [])


@given(st.integers(0, 4))
def test_run_operation_what_is_absent(count: int) -> None:
    table = Table.of([b""] * count)
    table.check([1, codes.ABSENT, 5, -1], {5: [int(NULL)] * count}, [])


@given(st.lists(st.sampled_from([b"good", b"other", b"x", b""]), max_size=5), SLOTS)
def test_run_operation_sequence_numbers(kinds: list[bytes], slot: int) -> None:
    def number(creation: int, shard: int, counter: int, arrival: int) -> bytes:
        digits = f"2{creation:09x}{shard & 15:x}{counter:016x}00{arrival:09x}{shard:08x}2"
        return f"{int(digits, 16)}".encode()

    good, other = number(9, 3, 77, 11) + b".5", number(1 << 35, 19, 2**63 - 1, 12) + b".0"
    parts = {b"good": (9 << 20 | 3, 11, 77, 5), b"other": (1 << 55 | 19, 12, 2**63 - 1, 0)}
    texts = [{b"good": good, b"other": other}.get(kind, kind) for kind in kinds]
    rows = [parts.get(kind, (int(NULL),) * 4) for kind in kinds]
    columns = list(map(list, zip(*rows, strict=True))) if rows else [[]] * 4
    table = Table.of(texts, slot)
    op = [slot, codes.KINESIS, 1, -1, 2, 4, 5]
    table.check(op, dict(zip((1, 2, 4, 5), columns, strict=True)), [kind not in parts for kind in kinds])


# -- instants

DAY = b"2021-12-26"
CLOCKS = st.sampled_from(
    b"15:11:04.884 00:00:00.000 15:11:04.999 25:00:00.000 06:11:04.884 15:26:04.884 15:26:05.000 15:11:04_884".split()
)
INSTANTS = st.tuples(
    st.sampled_from([DAY, DAY, b"0001-01-01", b"9999-12-31", b"2021-02-30"]), st.just(b"T"), CLOCKS
).map(b"".join)


def wall_of(text: bytes, units: int, read: Any) -> int | None:
    digits = len(text) - 20
    value = int(read(padded(text), 0, ord("T"), digits, units, np.full(3, -1, dtype=np.int64)))
    return None if value == BAD else value


REFERENCE_S = 1_640_531_464  # 2021-12-26T15:11:04Z
OFFSETS = st.sampled_from([0, 540, -300, 1439, -1439])


@given(
    st.lists(
        st.tuples(INSTANTS, st.sampled_from([int(NULL), 0, 0, 1, -1, -900, 32_400, -32_400, 18_000]), st.booleans()),
        max_size=5,
    ),
    st.sampled_from([1, 1_000, 1_000_000]),
    OFFSETS,
    st.sampled_from([-1, 3, 0]),
    st.sampled_from([-1, 4, 1]),
    st.sampled_from([1, 1_000]),
    SLOTS,
)
@example([(b"2021-12-26T15:26:04.000", 0, False)], 1, 540, 3, 4, 1, 0)
@example([(b"2021-12-26T15:26:04.000", 0, False)], 1, 540, 0, 1, 1, 0)
@example([(b"2021-12-26T15:26:04.000", 0, False)], 1, 540, 3, 0, 1, 0)
@example([(b"2021-12-26T15:26:05.000", 0, False)], 1, 540, 3, 4, 1, 0)
@example([(b"2021-12-26T10:26:04.000", 0, False)], 1_000, -300, 3, 4, 1, 0)
@example([(b"2021-12-26T10:26:05.000", 0, False)], 1_000, -300, 3, 4, 1_000, 0)
@example([(b"2021-12-26T15:26:04.000", 0, False)], 1_000, -300, 3, 4, 1_000, 0)
@example([(b"2021-12-26T15:26:05.000", 0, False)], 1_000, -300, 3, 4, 1_000, 0)
@example([(b"0001-01-01T00:00:00.000", 0, False), (b"9999-12-31T23:59:59.999", 0, False)], 1_000, 540, -1, -1, 1, 0)
@example([(b"0001-01-01T00:00:00.000", 0, False), (b"9999-12-31T23:59:59.999", 0, False)], 1_000, -300, -1, -1, 1, 0)
@example([(b"2021-12-26T15:11:04.884", 0, False), (b"2021-12-26T15:11:04.x84", 0, False)], 1, 0, 3, -1, 1, 0)
@example([(b"2021-12-26T15:11:04.x84", 0, False), (b"2021-12-26T15:11:04.884", 0, False)], 1_000, 540, 3, 4, 1, 0)
def test_run_operation_instants(
    some: list[tuple[bytes, int, bool]], units: int, offset: int, second: int, reference: int, ref_units: int, slot: int
) -> None:
    """UTC by the label, or by the label as it must be where the reference contradicts it; and how it was spelt."""
    table = Table.of([text for text, _, _ in some], slot)
    values: list[int | None] = []
    shifts: list[int | None] = []
    failed = []
    for k, (text, away, _) in enumerate(some):
        moment = int(NULL) if away == NULL else (REFERENCE_S + away) * ref_units
        table.regs[max(reference, 0), table.row(k)] = moment
        exact = wall_of(text, units, kernels_instants.read_instant)
        value = exact if exact is not None else wall_of(text, units, kernels_typed.instant_value)
        is_failed, shift = exact is None, 0
        if value is None:
            values.append(int(NULL))
            shifts.append(int(NULL))
            failed.append(True)
            continue
        if second >= 0 and reference >= 0 and moment != NULL:
            limit, wall = moment // ref_units + 900, value // units
            if offset > 0:
                shift = offset if wall <= limit else 0
            elif offset < 0:
                shift = offset if wall - offset * 60 > limit >= wall else 0
        away_by = (offset - shift) * 60 * units
        value -= away_by
        if away_by and not -62_135_596_800 * units <= value < 253_402_300_800 * units:
            value, is_failed = int(NULL), True
        values.append(value)
        shifts.append(shift)
        failed.append(is_failed)
    op = [slot, codes.INSTANT, 2, second, ord("T"), 3, units, reference, offset, ref_units]
    table.check(op, {2: values, **({second: shifts} if second >= 0 else {})}, failed)


@given(
    st.lists(st.tuples(INSTANTS, st.sampled_from(["same", "null", "other"]), st.sampled_from([0, 540])), max_size=5),
    st.sampled_from([1_000, 1_000_000]),
    OFFSETS,
    st.sampled_from([-1, 3, 0]),
    SLOTS,
)
def test_run_operation_copies_of_instants(
    some: list[tuple[bytes, str, int]], units: int, offset: int, second: int, slot: int
) -> None:
    table = Table.of([text for text, _, _ in some], slot)
    failed = []
    for k, (text, kind, shift) in enumerate(some):
        wall = wall_of(text, units, kernels_instants.read_instant)
        utc = 0 if wall is None else wall - offset * 60 * units + (shift * 60 * units if second >= 0 else 0)
        table.regs[2, table.row(k)] = {"same": utc, "null": int(NULL), "other": utc + 1}[kind]
        table.regs[max(second, 0), table.row(k)] = shift
        failed.append(wall is None or kind != "same")
    table.check([slot, codes.COPY_INSTANT, 2, second, ord("T"), 3, units, -1, offset, 0], {}, failed)


@given(
    st.lists(st.tuples(st.integers(-5_000, 5_000), st.integers(-1, 1), st.sampled_from([0, 0, 1, 2, 3])), max_size=6),
    st.sampled_from([(1, 1), (1_000, 1_000), (1_000, 1), (1, 1_000), (1_000_000, 1_000)]),
    SLOTS,
)
@example([(5, 0, 0)], (1_000, 1_000), 0)
def test_run_operation_copies_of_epochs(some: list[tuple[int, int, int]], units: tuple[int, int], slot: int) -> None:
    """The same instant in its own units, to the last digit."""
    column, copy = units
    texts, failed, registers = [], [], []
    for value, away, kind in some:
        register = int(NULL) if kind == 1 else value * max(column // copy, 1) + away * (kind == 2)
        texts.append(b"x" if kind == 3 else str(value * max(copy // column, 1)).encode())
        failed.append(kind in (1, 3) or (kind == 2 and away != 0))
        registers.append(register)
    table = Table.of(texts, slot)
    for k, register in enumerate(registers):
        table.regs[2, table.row(k)] = register
    table.check([slot, codes.COPY_EPOCH, 2, -1, column, copy], {}, failed)


# -- texts

TEXTS = st.sampled_from([b"", b"a", b"b", b"ab", b"x" * 40, b"\\n", b"\\x", b"\\ud800", b"\xff", b"\\ud83d\\ude00"])


def kind_of(text: bytes, is_string: bool) -> int:
    return int(kernels_json.string_kind(padded(text), 0, len(text))) if is_string else PLAIN


@given(st.lists(TEXTS, max_size=12), st.booleans(), st.integers(0, 1), SLOTS)
@example([b"a", b"\\x", b"\\ud800", b"\\x", b"\\ud800", b"a"], True, 1, 0)
def test_run_operation_texts(texts: list[bytes], is_string: bool, number: int, slot: int) -> None:
    """Equal texts have one number; those of an earlier batch are known; what no string can be is suspect."""
    table = Table.of(texts, slot)
    op = [slot, codes.STRING if is_string else codes.VALUE, 2, -1, number]
    met = list(dict.fromkeys(texts))
    kinds = [kind_of(text, is_string) for text in texts]
    numbers = [int(NULL) if kind == SURROGATE else met.index(text) for text, kind in zip(texts, kinds, strict=True)]
    for _ in range(2):
        table.check(op, {2: numbers}, [kind == SURROGATE for kind in kinds])
        assert table.suspects.tolist() == [0, *[bit for kind in kinds for bit in (int(kind == BROKEN), 0)]]
        _, starts, ends, hashes, told, counts = table.lookup
        assert counts.tolist() == [len(met) * (k == number) for k in range(DICTIONARIES)]
        first = [3 + sum(map(len, texts[: texts.index(text)])) for text in met]
        assert starts[number, : len(met)].tolist() == first
        assert ends[number, : len(met)].tolist() == [at + len(text) for at, text in zip(first, met, strict=True)]
        assert hashes[number, : len(met)].tolist() == [int(hash64(padded(text), 0, len(text))) for text in met]
        assert told[number, : len(met)].tolist() == [kind_of(text, is_string) for text in met]
        assert (starts[number, len(met) :] == UNSET).all()
        assert (starts[1 - number] == UNSET).all()


@pytest.mark.parametrize("text", [b"a", b"ab", b"c"])
def test_run_operation_texts_where_another_one_has_the_same_hash(text: bytes) -> None:
    """Neither a hash alone, nor a length, nor a text under another hash is taken for the same text."""
    table = Table.of([text], 0)
    tables, starts, ends, hashes, _, counts = table.lookup
    word = int(hash64(padded(text), 0, len(text)))
    places = [(word + k) % 128 for k in range(5)]
    bounds = [(3, 3 + len(text) - 1), (2, 2 + len(text)), (3, 3 + len(text)), (3, 3 + len(text))]
    for k, ((start, end), hashed) in enumerate(zip(bounds, [word, word, word ^ 1, word], strict=True)):
        tables[0, places[k]] = k
        starts[0, k], ends[0, k], hashes[0, k] = start, end, hashed
    counts[0] = 4
    table.check([0, codes.STRING, 2, -1, 0], {2: [3]}, [False])
    assert counts[0] == 4
    hashes[0, 3] = 0
    table.check([0, codes.STRING, 2, -1, 0], {2: [4]}, [False])
    assert tables[0, places[4]] == 4


# ------------------------------------------------------------------------------------------------------- extra values


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 3, 5]), st.sampled_from([b"a", b"1", b"true", b"\\x", b"", b"1.", b"\\ud800"]),
            st.sampled_from([b'{"a":', b',"bb":', b""]), st.integers(0, 2),
        ), max_size=4,
    ),
    st.integers(0, 3), st.integers(-3, 3),
)  # fmt: skip
@example([(0, b"a", b"{", 0)], 0, 0)
@example([(1, b"1", b"{", 0)], 0, -1)
def test_write_extra(parts: list[tuple[int, bytes, bytes, int]], before: int, spare: int) -> None:
    """Each value behind what stands before it, strings in their quotes; 64 bytes stay free behind the last."""
    data, extras, spans = b"", [[9, 0, 0, 0, 0]], np.full(2 * len(parts), -9_999, dtype=np.int64)
    texts, expected, is_sound, needed = b"##", b"", True, 0
    for slot, (kind, text, prefix, more) in enumerate(parts):
        start = len(data) + 1
        data += b'"' + text + b'"'
        spans[2 * slot : 2 * slot + 2] = start, start + len(text) - (less := min(more, len(text)))
        extras.append([slot, len(texts), len(prefix), kind, less])
        texts += prefix
        if kind == 0:
            is_sound = is_sound and kind_of(text, True) != BROKEN
        elif kind in (1, 2):
            is_sound = is_sound and bool(kernels_json.is_bare(padded(b"x" + text), 1, 1 + len(text)))
        if is_sound:
            expected += prefix + (b'"' + text + b'"' if kind == 0 else text)
            needed = len(expected) + 1
    room = before + max(needed, 1) + 64 + spare
    out = np.full(room, 0xEE, dtype=np.uint8)
    array = np.array([*extras, [9, 0, 0, 0, 0]], dtype=np.int64)
    end, sound = write_extra(padded(data), spans, array, 1, 1 + len(parts), padded(texts), out, before)
    if end < 0:
        assert sound
        assert spare < 0
        assert parts
    else:
        assert not (parts and spare < 0 and is_sound)
        assert sound == is_sound
        assert end == (before + len(expected) + 1 if is_sound else before)
        if is_sound:
            assert out[:end].tobytes() == b"\xee" * before + expected + b"}"


# --------------------------------------------------------------------------------------------------------------- rows

TRIE = build_trie(
    [
        (0, Layout((b'{"a":', b"}"), (Slot(Kind.NUMBER, "column", "a", "a"),))),
        (1, Layout((b'{"b":', b',"c":"', b'"}'), (Slot(Kind.NUMBER, "", "", "b"), Slot(Kind.STRING, "", "", "c")))),
        (2, Layout((b'{"b":', b"}"), (Slot(Kind.NUMBER, "column", "b", "b"),))),
        (6, Layout((b'{"c":"', b'"}'), (Slot(Kind.STRING, "", "", "c"),))),
    ]
)
"""What records look like: `a`; `b` and `c`; `b` alone; or `c` alone, whose texts are numbered with those behind `b`."""

INTEGER_OPERATION = [0, codes.INTEGER, 1, -1, -100, 100, 0, 0, 0, 0]
TYPED_OPERATION = [0, codes.TYPED, 1, -1, codes.INTEGER, -100, 100, 0, 0, 0]
STRING_OPERATION = [1, codes.STRING, 2, -1, 0, 0, 0, 0, 0, 0]
NO_INTEGER = [0, codes.ABSENT, 1, -1, 0, 0, 0, 0, 0, 0]
NO_STRING = [0, codes.ABSENT, 2, -1, 0, 0, 0, 0, 0, 0]
NO_EXTRA = [0, codes.ABSENT, 3, -1, 0, 0, 0, 0, 0, 0]

PROGRAMS: list[tuple[list[list[int]], list[tuple[int, bytes, int]], int]] = [
    ([INTEGER_OPERATION, NO_STRING, NO_EXTRA], [], 0),
    ([INTEGER_OPERATION, STRING_OPERATION, NO_EXTRA], [], 1),
    ([INTEGER_OPERATION, NO_STRING, NO_EXTRA], [], -1),
    ([TYPED_OPERATION, NO_STRING], [(0, b'{"a":', 1)], -1),
    ([TYPED_OPERATION, STRING_OPERATION], [(0, b'{"b":', 1)], -1),
    ([INTEGER_OPERATION, [0, codes.ABSENT, 2, -1, 0, 0, 0, 0, 0, 0]], [(1, b'{"c":', 0)], -1),
    ([NO_INTEGER, [0, *STRING_OPERATION[1:]], NO_EXTRA], [], -1),
]
"""Operations, extra values (slot, what stands before, kind), and the first variant."""

VARIANTS = np.array([[1, 3, -1], [1, 4, 2], [2, 5, -1]], dtype=np.int64)
OPS = np.array([op for ops, _, _ in PROGRAMS for op in ops], dtype=np.int64)
EXTRA_NUMBER, EXTRA_REGISTER = 1, 3


def flat_programs() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    programs: list[list[int]] = []
    extras: list[list[int]] = []
    texts, first = b"", 0
    for ops, some, variant in PROGRAMS:
        programs.append([first, first + len(ops), len(extras), len(extras) + len(some), variant])
        first += len(ops)
        for slot, prefix, kind in some:
            extras.append([slot, len(texts), len(prefix), kind, 0])
            texts += prefix
    return np.array(programs, dtype=np.int64), np.array(extras, dtype=np.int64), padded(texts)


@dataclass
class Expected:
    """What rows of a block become, one batch after the other."""

    data: bytes
    spans: list[tuple[int, int]]
    regs: NDArray[np.int64]
    masks: dict[int, int] = field(default_factory=dict)
    states: dict[int, int] = field(default_factory=dict)
    texts: list[bytes] = field(default_factory=list)
    extras: list[bytes] = field(default_factory=list)

    def parts(self, row: int) -> tuple[int, bytes, bytes]:
        """A record's layout and the texts of its slots; -1 if it has none."""
        record = self.data[slice(*self.spans[row])]
        number = rb"([-0-9][^,}\] \r\t\n]*)"
        string = rb'"((?:[^"\\]|\\.)*)"'
        for layout, shape in enumerate(
            (rb'{"a":%s}' % number, rb'{"b":%s,"c":%s}' % (number, string), rb'{"b":%s}' % number)
        ):
            match = re.fullmatch(shape, record, re.DOTALL)
            if match:
                return layout, match[1], match[2] if layout == 1 else b""
        match = re.fullmatch(rb'{"c":%s}' % string, record, re.DOTALL)
        if match:
            return 6, b"", match[1]
        return -1, b"", b""

    def convert(self, row: int, program: int) -> None:
        """One row of a program: its registers, and what becomes of it; its state stays if that is to be done again."""
        _, number, text = self.parts(row)
        ops, some, variant = PROGRAMS[program]
        failed, suspect = 0, False
        for op in ops:
            if op[1] in (codes.INTEGER, codes.TYPED):
                value = int(kernels_typed.integer_value(padded(number), 0, len(number)))
                exact = int(kernels_text.read_integer(padded(number), 0, len(number)))
                failed |= op[1] == codes.INTEGER and not -100 <= exact <= 100
                self.regs[1, row] = value if -100 <= value <= 100 else NULL
            elif op[1] == codes.STRING:
                if text not in self.texts:
                    self.texts.append(text)
                kind = kind_of(text, True)
                suspect = suspect or kind == BROKEN
                failed |= (kind == SURROGATE) << op[0]
                self.regs[2, row] = NULL if kind == SURROGATE else self.texts.index(text)
            else:
                self.regs[op[2], row] = NULL
        self.suspect = suspect
        if suspect:
            self.states[row], self.masks[row] = SUSPECT, failed
            return
        if failed:
            while variant >= 0 and VARIANTS[variant, 0] != failed:
                variant = int(VARIANTS[variant, 2])
            self.states[row] = FAILED if variant < 0 else int(VARIANTS[variant, 1])
            self.masks[row] = failed if variant < 0 else 0
            if variant < 0:
                self.regs[0, row] = program
            return
        self.masks[row] = 0
        self.states[row] = program
        if some:
            slot, prefix, kind = some[0]
            content = number if slot == 0 else text
            is_sound = (
                kind_of(content, True) != BROKEN
                if kind == 0
                else kernels_json.is_bare(padded(content), 0, len(content))
            )
            if not is_sound:
                self.states[row] = SUSPECT
                return
            whole = prefix + (b'"' + content + b'"' if kind == 0 else content) + b"}"
            if whole not in self.extras:
                self.extras.append(whole)
            self.regs[EXTRA_REGISTER, row] = self.extras.index(whole)

    def batch(self, rows: list[int]) -> None:
        """Rows in the order of the kernel: those of the first one's program together, if the rows are contiguous."""
        contiguous = rows[-1] - rows[0] == len(rows) - 1
        for row in rows:
            self.states[row], self.masks[row] = self.parts(row)[0], 0
        pending = [row for row in rows if self.states[row] >= 0]
        while pending:
            program = self.states[pending[0]]
            some = [row for row in pending if self.states[row] == program]
            some = some if contiguous else some[:1]
            pending = [row for row in pending if row not in some]
            # texts are numbered one operation after the other, but only one of them numbers texts of a dictionary
            again = []
            for row in some:
                self.convert(row, program)
                if self.states[row] >= 0 and self.states[row] != program:
                    again.append(row)
            pending = sorted(pending + again)


NUMBERS = st.sampled_from([b"5", b"5", b"-100", b"101", b"1e2", b"1.5", b"-", b"1-", b"007"])
STRINGS = st.sampled_from([b"x", b"x", b"y", b"\\n", b"\\x", b"\\ud800", b"", b"\xff"])
RECORDS = st.one_of(
    NUMBERS.map(lambda number: b'{"a":' + number + b"}"),
    st.tuples(NUMBERS, STRINGS).map(lambda pair: b'{"b":' + pair[0] + b',"c":"' + pair[1] + b'"}'),
    NUMBERS.map(lambda number: b'{"b":' + number + b"}"),
    STRINGS.map(lambda text: b'{"c":"' + text + b'"}'),
    st.sampled_from([b"{}", b"x", b'{"a":1']),
)


def run_rows(
    data: bytes, spans: list[tuple[int, int]], selected: list[int], framing: list[int], room: int
) -> tuple[Any, ...]:
    count = len(spans)
    starts, ends = np.array(spans, dtype=np.int64).reshape(-1, 2).T.copy()
    programs, extras, texts = flat_programs()
    lookup = dictionaries(2 * count + 2, 1 << (4 * count + 8).bit_length())
    regs = np.full((4, count), UNSET, dtype=np.int64)
    states, masks = np.full(count, UNSET, dtype=np.int64), np.full(count, 1 << 40, dtype=np.uint64)
    hashes, frame = np.zeros((2, count), dtype=np.uint64), np.array(framing, dtype=np.int64)
    if framing[1]:
        starts[:], ends[:] = UNSET, UNSET
    out, used = np.full(room, 0xEE, dtype=np.uint8), np.array([3], dtype=np.int64)
    whole = press_rows(
        padded(data, b'1}"'), starts, ends, frame, np.array(selected, dtype=np.int64), TRIE.nodes, TRIE.literals, OPS,
        programs, VARIANTS, extras, texts, lookup, EXTRA_NUMBER, EXTRA_REGISTER, out, used, regs, states, masks, hashes,
        np.full((BATCH, 2 * TRIE.depth), 5, dtype=np.int64), np.zeros(2 * TRIE.depth + 2, dtype=np.int64),
        np.zeros(MAX_DEPTH, dtype=np.uint8), *np.full((2, BATCH), 77, dtype=np.int64),
        np.full(BATCH, 9, dtype=np.uint8), np.zeros(4, dtype=np.int64),
    )  # fmt: skip
    return whole, starts, ends, frame, regs, states, masks, hashes, lookup, out, used


@given(
    st.lists(RECORDS, max_size=24),
    st.sampled_from([1, 1, 14]),
    st.sampled_from(["all", "some", "lines", "few"]),
    st.data(),
)
@example(
    [b'{"b":101,"c":"x"}', b'{"b":5,"c":"\\ud800"}', b'{"b":101,"c":"\\ud800"}', b'{"b":101}', b'{"a":101}'],
    1,
    "all",
    None,
)
@example([b'{"b":1,"c":"x"}', b'{"c":"y"}', b'{"b":1,"c":"z"}'], 1, "all", None)
@example(
    [b'{"a":5}', b'{"b":1,"c":"y"}', b'{"a":1e2}', b'{"b":1-,"c":"y"}', b'{"b":1,"c":"\\x"}', b"{}"], 30, "lines", None
)
def test_press_rows(records: list[bytes], times: int, form: str, data: st.DataObject | None) -> None:
    """Rows one by one or as lines, in batches of 128: states, registers, hashes and dictionaries, in order."""
    records = records * times
    spans, at = [], 2
    for record in records:
        spans.append((at, at + len(record)))
        at += len(record) + 1
    block = b"\n\n" + b"".join(record + b"\n" for record in records)
    count = len(records)
    selected = list(range(count))
    if form in ("some", "few") and data is not None:
        selected = sorted(data.draw(st.sets(st.integers(0, count - 1)))) if count else []
    wanted = selected
    framing = [0, 0, 0, 0]
    if form == "lines":
        framing = [1, len(block), 0, 77]
        most = count + 1 if data is None else data.draw(st.integers(1, count + 2))
        selected = list(range(most))
        wanted = selected[: min(most, count)]
    expected = Expected(block, spans, np.full((4, count), UNSET, dtype=np.int64))
    for first in range(0, len(wanted), BATCH):
        expected.batch(wanted[first : first + BATCH])
    if count == 0:
        return
    whole, starts, ends, frame, regs, states, masks, hashes, lookup, out, used = run_rows(
        block, spans, selected, framing, 64 * count + 256
    )
    assert whole
    assert [states[row] for row in wanted] == [expected.states[row] for row in wanted]
    assert [masks[row] for row in wanted] == [expected.masks[row] for row in wanted]
    done = [row for row in wanted if expected.states[row] not in (SUSPECT, MISSED)]
    assert regs[:, done].tolist() == expected.regs[:, done].tolist()
    others = [row for row in range(count) if row not in set(wanted)]
    assert (states[others] == UNSET).all()
    assert (regs[:, others] == UNSET).all()
    for row in wanted:
        number = xxhash.xxh3_128_intdigest(records[row])
        assert hashes[:, row].tolist() == [number & WORD, number >> 64]
    if form == "lines":
        assert list(zip(starts, ends, strict=True))[: len(wanted)] == spans[: len(wanted)]
        assert frame.tolist() == [spans[len(wanted) - 1][1] + 1, len(block), 0, len(wanted)]
    else:
        assert frame.tolist() == framing
    _, text_starts, text_ends, _, kinds, counts = lookup
    assert counts.tolist() == [len(expected.texts), len(expected.extras)]
    found = [block[a:b] for a, b in zip(text_starts[0], text_ends[0], strict=True) if a != UNSET]
    assert found == expected.texts
    extra_texts = [out[a:b].tobytes() for a, b in zip(text_starts[1], text_ends[1], strict=True) if a != UNSET]
    assert extra_texts == expected.extras
    assert used[0] == 3 + sum(map(len, extra_texts))
    assert (kinds[1, : len(extra_texts)] == PLAIN).all()


@pytest.mark.parametrize("room", range(66, 90))
def test_press_rows_says_where_there_is_no_room_for_extra_values(room: int) -> None:
    record = b'{"a":101}'
    found = run_rows(record, [(0, len(record))], [0], [0, 0, 0, 0], room)
    assert found[0] == (room >= 3 + len(record) + 64)
