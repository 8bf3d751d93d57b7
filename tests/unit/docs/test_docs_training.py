"""docs/training.md, run as it stands: its commands, then its Python; what is learned is better than counts.

`make test` leaves out the blocks that need packages which `make setup` does not install; `make long` runs all.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.docs.test_docs_reading import examples
from tests.unit.reading.test_torch import need

GUIDE = Path(__file__).parents[3] / "docs" / "training.md"
OTHERS = ("torch", "torchdata", "lightning", "datasets")
"""Packages of the group `train`, which `make train` installs."""


def needs(code: str) -> list[str]:
    """Packages of the group that a block uses."""
    return [name for name in OTHERS if re.search(rf"\b{name}\b", code)]


def learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, everything: bool) -> dict[str, float]:
    """Run the guide, or its blocks that need no package of the group; return what the models reach."""
    text = GUIDE.read_text(encoding="utf-8")
    commands = "".join(re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    script = f'set -e\nlogpress() {{ "{sys.executable}" -m logpress.cli "$@"; }}\n' + re.sub(
        r"^\$ ", "", commands, flags=re.MULTILINE
    )
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    session: dict[str, Any] = {}
    blocks = examples(text)
    assert len(blocks) >= 10
    for line, code in blocks:
        if everything or not needs(code):
            exec(compile("\n" * line + code, str(GUIDE), "exec"), session)
    assert session["loader"].steps > 0
    known: dict[str, float] = session["known"]
    return known


def test_the_guide_runs_and_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = learn(tmp_path, monkeypatch, everything=False)
    counted = min(known["functions"], known["functions of the game"])
    assert known["functions of the game"] < known["functions"]
    assert known["softmax regression"] < counted - 0.2
    assert "GRU" not in known


@pytest.mark.long
def test_the_guide_runs_and_learns_with_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OTHERS:
        need(name)
    known = learn(tmp_path, monkeypatch, everything=True)
    assert known["GRU"] < min(known["functions"], known["functions of the game"]) - 0.2
    print(known)
