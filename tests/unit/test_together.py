"""Small numbers stored as one column of combinations."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import assert_round_trip
from tests.property.test_round_trip import other_records

from logpress.codecs.kernels_text import NULL
from logpress.contract import load_contract
from logpress.contract.model import Contract
from logpress.engine.columns import TOGETHER, TOGETHER_RARE, stored_columns, together
from logpress.engine.decode import GroupDecoder
from logpress.engine.part import PartMetadata
from logpress.engine.together import MOST_COMMON, combinations_of, combine
from logpress.errors import PartError

_numbers = st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**63) + 1, 2**63 - 1))


def matrix(rows: list[list[int | None]]) -> np.ndarray:
    return np.array([[NULL if n is None else n for n in row] for row in rows], dtype=np.int64).reshape(len(rows), -1).T


def twin(rows: list[list[int | None]]) -> tuple[list[str | None], list[str | None]]:
    """What `combine` gives, in plain Python."""
    counts = Counter(map(tuple, rows))
    smallest = [[NULL if n is None else n for n in row] for row in counts]
    ranked = [row for _, row in sorted(zip(smallest, counts, strict=True), key=lambda e: (-counts[e[1]], e[0]))]
    common = set(ranked[:MOST_COMMON])
    texts = [json.dumps(row, separators=(",", ":")) for row in rows]
    both = list(zip(texts, map(tuple, rows), strict=True))
    return (
        [text if row in common else None for text, row in both],
        [None if row in common else text for text, row in both],
    )


@given(st.integers(1, 4).flatmap(lambda k: st.lists(st.lists(_numbers, min_size=k, max_size=k), min_size=1)))
def test_combinations_come_back(rows: list[list[int | None]]) -> None:
    common, rare = combine(np.ascontiguousarray(matrix(rows)))
    assert (common.to_pylist(), rare.to_pylist()) == twin(rows)
    found = combinations_of(common.to_pylist(), len(rows[0]))
    assert (found == matrix(rows)).all()


def test_beyond_a_bytes_worth_the_common_ones_keep_to_a_byte() -> None:
    random = np.random.default_rng(5)
    values = np.minimum(random.geometric(0.01, (2, 20_000)), 2_000).astype(np.int64)
    common, rare = combine(values)
    rows = values.T.tolist()
    assert (common.to_pylist(), rare.to_pylist()) == twin(rows)
    assert len(common.dictionary) == MOST_COMMON
    assert len(rare.dictionary) == len(set(map(tuple, rows))) - MOST_COMMON
    backwards, _ = combine(np.ascontiguousarray(values[:, ::-1]))
    assert backwards.dictionary == common.dictionary, "which are common depends on the order of rows"


@pytest.mark.parametrize(
    "text", [None, "", "[1]", "[1,2,3]", "{}", "[1,true_]", '["a",1]', "[1.5,2]", "[1,2],[3,4]", f"[{2**64},1]"]
)
def test_texts_that_are_no_combination(text: str | None) -> None:
    with pytest.raises(PartError, match="no combinations of 2 numbers"):
        combinations_of(["[1,2]", text], 2)


def test_the_columns_of_a_file(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    names = [column.name for column in stored_columns(sdk_log)]
    assert {TOGETHER, TOGETHER_RARE} <= set(names)
    assert not set(together(sdk_log)) & set(names)
    apart = sdk_log.model_copy(update={"together": ()})
    names = [column.name for column in stored_columns(apart)]
    assert set(together(sdk_log)) <= set(names)
    assert not {TOGETHER, TOGETHER_RARE} & set(names)
    for contract in (sdk_log, apart):
        assert_round_trip(contract, [seed], tmp_path)


def test_scales_and_residuals_of_readings(other_log: Contract, tmp_path: Path) -> None:
    contract = other_log.model_copy(update={"together": ("celsius", "hectopascal", "measured_at")})
    pressed = assert_round_trip(contract, other_records(500), tmp_path)
    assert "_celsius_scale" not in pressed.table().column_names
    assert pressed.table().column(TOGETHER).null_count < 500


@pytest.mark.parametrize("as_dictionary", [True, False])
def test_a_row_must_stand_in_one_of_both(sdk_log: Contract, tmp_path: Path, seed: bytes, as_dictionary: bool) -> None:
    path = assert_round_trip(sdk_log, [seed], tmp_path).part
    dictionaries = [TOGETHER, TOGETHER_RARE] if as_dictionary else None
    table = pq.ParquetFile(path, read_dictionary=dictionaries).read()
    metadata = PartMetadata.read(pq.ParquetFile(path)).row_groups[0]

    def registers(changed: pa.Table) -> dict[str, np.ndarray]:
        return GroupDecoder(sdk_log, changed, metadata, lambda name: np.ones(1, dtype=bool)).registers(0, 1)

    whole = registers(table)
    assert whole["request_begin_at#shift_min"].tolist() == [540]
    nothing = table.set_column(table.schema.get_field_index(TOGETHER), TOGETHER, pa.array([None], pa.string()))
    with pytest.raises(PartError, match="a row has no numbers in _together and _together_rare"):
        registers(nothing)
    twice = table.set_column(
        table.schema.get_field_index(TOGETHER_RARE), TOGETHER_RARE, table.column(TOGETHER).cast(pa.string())
    )
    with pytest.raises(PartError, match="or two"):
        registers(twice)


def test_a_column_without_small_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.yaml"
    path.write_text(
        "table: log\nday: at\ntogether: [name]\ncolumns:\n"
        "  - {name: at, path: at, codec: instant}\n  - {name: name, path: name, codec: category}\n"
    )
    with pytest.raises(Exception, match="`together` names 'name', of which no small numbers are stored"):
        load_contract(str(path))
