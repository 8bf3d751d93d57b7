"""Makes stored.parquet of tests/frozen/5, and its records; kept for the record. They are never made again.

It needs the code that writes format 5.2: `python -m tests.frozen.make_5_2 FOLDER`.
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
from typing import Any
from unittest.mock import patch

from tests.conftest import records_in_order
from tests.every_type import sequence

from logpress.contract import load_contract
from logpress.engine.press import press_slice
from logpress.manifest import SliceSpec

DAY = date(2021, 12, 26)
NOON = datetime(2021, 12, 26, 12, tzinfo=UTC)
KINDS = ["login", "chat", "상점", 'a "quoted"/kind', ""]
ODD: list[dict[str, Any]] = [
    {"ended": None}, {"ended": "never"}, {"ended": "2021-12-26T12:00:00.123456Z"}, {"label": None}, {"label": 7},
    {"kind": "new", "label": "new"},
    {"kind": None}, {"_id": "none"}, {"elapsed": 1.5}, {"seen": "1969-12-31T23:59:59Z"},
]  # fmt: skip
"""Values without which a virtual column has none, or another one."""


def records() -> list[bytes]:
    """Records: most are what the other columns say; some have other texts, no value, or do not fit."""
    chance = random.Random(52)
    found = []
    for number in range(64):
        at = NOON + timedelta(milliseconds=chance.randrange(60_000))
        elapsed = chance.randrange(2_000)
        ended = at + timedelta(milliseconds=elapsed + chance.choice([0, 0, 1]))
        seen = ended.replace(microsecond=0) + timedelta(seconds=chance.randrange(3))
        kind = chance.choice(KINDS)
        document: dict[str, Any] = {
            "at": f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "elapsed": elapsed,
            "ended": f"{ended:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "seen": f"{seen:%Y-%m-%dT%H:%M:%SZ}",
            "noted": f"{seen + timedelta(microseconds=chance.randrange(5)):%Y-%m-%dT%H:%M:%S.%fZ}",
            "kind": kind,
            "label": f"label of {kind}" if number % 7 else "another",
            "p" if number % 16 == 3 else "place": f"place/{len(kind)}",
            "_id": sequence(number % 3, 1_636_376_426, number * 16, int(seen.timestamp()), 0),
            "ended_ms": int(ended.timestamp()) * 1000 + ended.microsecond // 1000,
        }
        if number % 6 == 5:
            document |= ODD[number // 6]
        found.append(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
    values = "".join(f',"x{number}":{number}' for number in range(600))
    return [*found, found[0][:-1] + values.encode() + b"}", found[3].replace("상점".encode(), b"\\uc0c1\\uc810")]


def main(target: Path) -> None:
    """Make the part and its records."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"LOGPRESS_COMMIT": "f" * 12}):
        source = Path(folder) / "stored.ndjson"
        source.write_bytes(b"".join(record + b"\n" for record in records()))
        contract = load_contract(Path(__file__).parent / "stored.yaml")
        spec = SliceSpec(name="stored", inputs=(str(source),))
        manifest = press_slice(contract, DAY, spec, f"{folder}/out")
        assert manifest.part is not None
        shutil.copy(f"{folder}/out/{manifest.part.path}", target / "stored.parquet")
    rows = records_in_order(target / "stored.parquet")
    (target / "stored.ndjson").write_bytes(b"".join(row + b"\n" for row in rows))
    assert sorted(rows) == sorted(records())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
