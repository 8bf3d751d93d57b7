"""Makes the files of tests/frozen/5; kept for the record. They are never made again: see README.md there.

It needs the code that writes format 5.0: `python -m tests.frozen.make_5 FOLDER`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq
import yaml
from logpress.engine.part_reader import PartReader
from tests.frozen.make import (
    HERE,
    OLDER,
    REJECTED,
    SEPARATORS,
    WHOLE,
    every_records,
    keep,
    press,
    sdk_records,
    separator_records,
    small_pieces,
)

from logpress.contract.load import load_contract
from logpress.contract.model import Contract

UNDATED = [b'{"timestamp":null,"func_name":"F1"}', b'{"func_name":"F2","timestamp":"2021-12-26 10:00:00,123"}']
"""Records of sdk_log whose day cannot be read, from an input that may be of any day."""

_AT = b'"at":{"ms":"2021-12-26T12:00:00.000Z"}'
_PIECES = [b"{" + _AT + b',"word":"a"}', b"x" * 5_000, b"{" + _AT + b',"word":"b"}', b"y", b'{"word":"c"}']

_KEY = b"logpress.sha256%s@" + b"0" * 64
_KEYS = [b"{" + _AT + b',"word":"' + _KEY % rb"\u0018" + b'"}', _KEY % b"\x18", b"logpress.sha256"]
"""What a footer's own checksum looks like, in statistics of a column and of rejects."""

REASONS = {"not_json", "not_an_object", "truncated", "invalid_utf8", "too_long", "duplicate", "no_day"}


def main(target: Path) -> None:
    """Make all files."""
    target = target.resolve()
    target.mkdir(exist_ok=True)
    every, older = load_contract(HERE / "every.yaml"), Contract.model_validate(yaml.safe_load(OLDER))
    separators = Contract.model_validate(yaml.safe_load(SEPARATORS))
    other_log = load_contract(HERE.parent / "contracts" / "other_log.yaml")
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        patch.dict(os.environ, {"LOGPRESS_COMMIT": "f" * 12}),
    ):
        keep(every, [*every_records(44, 4), *WHOLE], "every", target, rows=16)
        keep(every, every_records(12, 5), "no-room", target, rows=6, metadata_bytes=40)
        keep(every, WHOLE, "whole", target, rows=2)
        manifest = press(separators, separator_records(), "separators", "out-separators", rows=1_000)
        assert manifest.part is not None
        shutil.copy(f"out-separators/{manifest.part.path}", target / "separators.parquet")
        (target / "separators.ndjson").write_bytes(b"".join(row + b"\n" for row in separator_records()))
        keep(older, every_records(12, 6), "older", target, rows=1_000)
        sdk = [*(some := sdk_records(30, 7)), *some[:2], *REJECTED, *UNDATED]
        keep(load_contract("sdk_log"), sdk, "sdk_log", target, rows=12)
        keep(older, _KEYS, "keys", target, rows=1_000)
        from tests.property.test_round_trip import other_records

        keep(other_log, other_records(24, 8), "other_log", target, rows=10)
        with small_pieces():
            keep(every, _PIECES, "pieces", target, rows=1_000)
    assert {
        reason
        for path in target.glob("*.rejects.parquet")
        for reason in pq.read_table(path, columns=["reason"])["reason"].to_pylist()
    } == REASONS
    windows = {
        (sequences.counters.shift > 0, sequences.counters.windows > 1)
        for path in (target / "sdk_log.parquet", target / "every.parquet")
        for reader in [PartReader(str(path))]
        for group in range(reader.row_groups)
        for sequences in reader.metadata.group(pq.ParquetFile(path), group).sequences.values()
    }
    assert (True, True) in windows


if __name__ == "__main__":
    main(Path(sys.argv[1]))
