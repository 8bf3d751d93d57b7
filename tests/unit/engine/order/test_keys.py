"""Keys put rows in the order of their values, and samples of them cut rows into even shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from logpress.codecs.kernels_text import NULL
from logpress.codecs.nulls import NARROW_NULL
from logpress.codecs.texts import NO_TEXTS, Texts, texts_of
from logpress.contract.model import Contract
from logpress.engine.order.keys import Keys, splitters
from logpress.engine.registers.registers import Registers
from logpress.engine.registers.row_major import used_texts
from logpress.errors import PartError

Pair = tuple[NDArray[np.int64], NDArray[np.int32]]


@pytest.fixture(scope="module")
def registers(sdk_log: Contract) -> Registers:
    order = ("nickname", "ingested_at", "response_elapsed_ms", "_id")
    return Registers(sdk_log.model_copy(update={"restore_order": order}))


def pack(registers: Registers, rows: list[dict[str, int]]) -> Pair:
    narrow = int(registers.is_narrow.sum())
    wide = np.full((len(rows), len(registers) - narrow), NULL, dtype=np.int64)
    thin = np.full((len(rows), narrow), NARROW_NULL, dtype=np.int32)
    for at, row in enumerate(rows):
        for name, value in row.items():
            number = registers[name]
            (thin if registers.is_narrow[number] else wide)[at, registers.place_of[number]] = value
    return wide, thin


few = st.integers(0, 3)
rows_of_all_kinds = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "nickname": st.integers(0, 5),
            "ingested_at": few,
            "response_elapsed_ms": st.integers(-3, 3),
            "_id#shard": st.integers(0, 40),
            "_id#counter": few,
            "_id#arrival": few,
        },
    ),
    max_size=40,
)


@given(rows_of_all_kinds, st.lists(st.binary(max_size=60), min_size=6, max_size=6, unique=True))
@settings(max_examples=200, deadline=None)
def test_rows_come_in_the_order_of_their_values(
    registers: Registers, rows: list[dict[str, int]], names: list[bytes]
) -> None:
    texts = dict.fromkeys(registers.dictionaries, NO_TEXTS) | {"nickname": texts_of(names)}
    last = (1, 0)

    def key(row: dict[str, int]) -> tuple[object, ...]:
        name = names[row["nickname"]][:48].ljust(48, b"\0") if "nickname" in row else None
        shard = row.get("_id#shard")
        rest = [row.get(f"_id#{part}", NULL) for part in ("counter", "arrival", "shard", "sub")]
        return (
            (0, name) if name is not None else (1, b""),
            (0, row["ingested_at"]) if "ingested_at" in row else last,
            (0, row["response_elapsed_ms"]) if "response_elapsed_ms" in row else last,
            last if shard is None else (0, (shard >> 20 << 4) | shard & 15),
            *rest,
        )

    order = Keys(registers).order(*pack(registers, rows), texts)
    assert order.tolist() == sorted(range(len(rows)), key=lambda row: key(rows[row]))


def test_a_text_that_there_is_not_is_an_error(registers: Registers) -> None:
    texts = dict.fromkeys(registers.dictionaries, NO_TEXTS) | {"nickname": texts_of([b"a", b"b"])}
    keys = Keys(registers)
    assert len(keys.order(*pack(registers, [{"nickname": 1}]), texts)) == 1
    with pytest.raises(PartError, match="a text that the file does not hold"):
        keys.order(*pack(registers, [{"nickname": 2}]), texts)


@pytest.mark.parametrize("buckets", [1, 2, 7, 20])
def test_samples_cut_rows_of_unlike_groups_into_even_buckets(registers: Registers, buckets: int) -> None:
    random = np.random.default_rng(7)
    keys, texts = Keys(registers), dict.fromkeys(registers.dictionaries, NO_TEXTS)
    samples, values = [], []
    for group, count in enumerate((20_000, 500, 60_000, 3)):
        found = random.integers(group * 1000, group * 1000 + 5_000, count)
        wide, narrow = pack(registers, [])
        wide, narrow = np.resize(wide, (count, wide.shape[1])), np.resize(narrow, (count, narrow.shape[1]))
        wide[:], narrow[:] = NULL, NARROW_NULL
        wide[:, registers.place_of[registers["ingested_at"]]] = found
        samples.append((count, keys.sample(wide, narrow, texts, group)))
        values.append(found)
    cuts = splitters(samples, buckets)
    assert cuts.shape == (keys.count + 1, buckets - 1)
    word = 6  # behind those of the text
    counts = np.bincount(np.searchsorted(cuts[word], np.concatenate(values), side="right"), minlength=buckets)
    assert counts.sum() == 80_503
    assert counts.max() < 1.4 * 80_503 / buckets


def test_without_a_sample_there_is_one_bucket() -> None:
    assert splitters([(0, np.empty((3, 0), dtype=np.int64))], 5).shape == (3, 0)


def test_the_first_key_of_all_never_cuts() -> None:
    samples = [(1_000, np.array([[1], [0]])), (1, np.array([[2, 3], [1 << 32, (1 << 32) + 1]]))]
    assert splitters(samples, 4).tolist() == [[2, 2, 2], [1 << 32] * 3]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_rows_keep_their_texts_when_those_not_used_go(registers: Registers, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.binary(max_size=9), min_size=1, max_size=20, unique=True))
    rows = data.draw(st.lists(st.one_of(st.none(), st.integers(0, len(names) - 1)), min_size=1, max_size=30))
    cut = data.draw(st.integers(0, len(rows)))
    _, narrow = pack(registers, [{} if row is None else {"nickname": row} for row in rows])
    texts = Texts(np.frombuffer(b"".join(names) + b"more", dtype=np.uint8), texts_of(names).offsets)
    numbers = np.full(len(names), -1, dtype=np.int64)
    codes = narrow[:, registers.place_of[registers["nickname"]]]
    found = used_texts([codes[:cut], codes[cut:]], texts, numbers)
    assert set(numbers.tolist()) == {-1}
    assert [None if code == NARROW_NULL else found[code] for code in codes.tolist()] == [
        None if row is None else names[row] for row in rows
    ]
    assert len(found) == len({row for row in rows if row is not None})
    assert len(found.data) == found.offsets[-1]
