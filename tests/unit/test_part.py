"""What a part file says of itself: there and back, and when it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import assert_round_trip

from logpress.contract.model import Contract
from logpress.engine.part import METADATA_KEY, PartMetadata
from logpress.errors import PartError


def test_metadata_comes_back_and_is_small(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    path = assert_round_trip(sdk_log, [seed], tmp_path).part
    metadata = PartMetadata.read(pq.ParquetFile(path))
    assert metadata.contract == sdk_log
    text = pq.read_metadata(path).metadata[METADATA_KEY].decode()
    assert metadata.to_text() == text
    assert set(json.loads(text)) == {"format", "contract", "packed"}
    plain = [layout.to_json() for layout in metadata.layouts], metadata.row_groups
    assert len(json.loads(text)["packed"]) < len(json.dumps(plain)) / 2


@pytest.mark.parametrize(
    "change",
    [{"packed": "~"}, {"packed": "QQ"}, {"packed": None}, {"contract": {}}],
    ids=["base85", "zstd", "none", "contract"],
)
def test_damaged_metadata_is_told(sdk_log: Contract, tmp_path: Path, seed: bytes, change: dict[str, object]) -> None:
    path = assert_round_trip(sdk_log, [seed], tmp_path).part
    text = json.loads(pq.read_metadata(path).metadata[METADATA_KEY]) | change
    damaged = tmp_path / "damaged.parquet"
    table = pa.table({"x": [1]}).replace_schema_metadata({METADATA_KEY: json.dumps(text)})
    pq.write_table(table, damaged)
    with pytest.raises(PartError, match="the file's logpress metadata is damaged"):
        PartMetadata.read(pq.ParquetFile(damaged))
