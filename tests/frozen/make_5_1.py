"""Makes uuids.parquet of tests/frozen/5, and its records; kept for the record. They are never made again.

It needs the code that writes format 5.1: `python -m tests.frozen.make_5_1 FOLDER`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from tests.conftest import records_in_order

from logpress.contract import load_contract
from logpress.engine.press import press_slice
from logpress.manifest import SliceSpec

DAY = date(2021, 12, 26)
NOON = datetime(2021, 12, 26, 12, tzinfo=UTC)
ODD = [
    None, "", "no UUID", 7, "9f1c8a52-7d2c-4f5e-A0B1-c2d3e4f50617", "80000000-0000-0000-0000-000000000000",
    "9f1c8a527d2c4f5ea0b1c2d3e4f50617", "{9f1c8a52-7d2c-4f5e-a0b1-c2d3e4f50617}",
]  # fmt: skip
"""Values that have no UUID, or one whose text the codec does not give back."""


def records() -> list[bytes]:
    """Records: UUIDs that repeat, that do not, at the ends of their range, and odd ones."""
    chance = random.Random(51)
    pool = [UUID(int=number) for number in (0, 1, 1 << 63, 2**127 - 1, 2**127 + 2**64, 2**128 - 1)]
    pool += [UUID(int=chance.getrandbits(128)) for _ in range(6)]
    found = []
    for number in range(64):
        document = {
            "at": f"{NOON + timedelta(seconds=number % 50, milliseconds=number):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "device": str(chance.choice(pool)),
            "request": str(UUID(int=chance.getrandbits(128))).upper(),
            "session": str(chance.choice(pool)),
            "kind": "ab"[number % 2],
        }
        if number % 8 == 5:
            document[chance.choice(["device", "request", "session"])] = ODD[number // 8]
        if number % 16 == 9:
            document["r"] = document.pop("request")
        found.append(json.dumps(document, separators=(",", ":")).encode())
    values = "".join(f',"x{number}":{number}' for number in range(600))
    return [*found, found[0][:-1] + values.encode() + b"}", found[3].replace(b'"kind"', b'"k\\u0069nd"')]


def main(target: Path) -> None:
    """Make the part and its records."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"LOGPRESS_COMMIT": "f" * 12}):
        source = Path(folder) / "uuids.ndjson"
        source.write_bytes(b"".join(record + b"\n" for record in records()))
        contract = load_contract(Path(__file__).parent / "uuids.yaml")
        spec = SliceSpec(name="uuids", inputs=(str(source),))
        manifest = press_slice(contract, DAY, spec, f"{folder}/out")
        assert manifest.part is not None
        shutil.copy(f"{folder}/out/{manifest.part.path}", target / "uuids.parquet")
    rows = records_in_order(target / "uuids.parquet")
    (target / "uuids.ndjson").write_bytes(b"".join(row + b"\n" for row in rows))
    assert sorted(rows) == sorted(records())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
