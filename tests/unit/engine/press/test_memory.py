"""Peak memory of a process, for inputs made to need much: each is pressed and proved in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.measure import ROOT
from bench.memory import INPUTS

MB = 10**6
_CHILD = """
import json, sys
from pathlib import Path
from logpress.contract import load_contract
from logpress.day.budget import press_bytes
from logpress.limits import Limits
from bench.memory import peaks_of

limits = Limits(
    row_group_text_bytes=8 << 20, longest_record_bytes=2 << 20, duplicate_places=1 << 19, pending_reject_bytes=2 << 20
)
contract = load_contract("sdk_log")
contract = contract.model_copy(update={"files": contract.files.model_copy(update={"row_group_rows": 62_500})})
found = peaks_of(Path(sys.argv[1]), Path(sys.argv[2]), contract, limits)
print(json.dumps(found | {"bound": (limits.imported_bytes + press_bytes(contract, limits=limits)) / 1e6}))
"""

_SIZES = {
    "one line": 100 * MB,
    "long records": 40 * MB,
    "records of many values": 10 * MB,
    "records kept whole": 60 * MB,
    "distinct texts": 60 * MB,
    "one text repeated": 120 * MB,
    "tiny records": 8 * MB,
    "tiny records, joined": 5 * MB,
    "layouts": 50_000,
    "long layouts": 15 * MB,
    "rejects": 400_000,
    "empty records": 300_000,
}


@pytest.mark.parametrize("name", _SIZES)
def test_memory_is_bounded_whatever_the_records_are(name: str, tmp_path: Path) -> None:
    write, _ = INPUTS[name]
    path = tmp_path / "raw"
    with path.open("wb") as out:
        write(out, _SIZES[name])
    command = [sys.executable, "-c", _CHILD, str(path), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert max(found["press"], found["prove"]) <= found["bound"], found
