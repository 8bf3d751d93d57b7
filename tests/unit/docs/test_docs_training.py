"""docs/training.md, run as it stands: its commands, then its Python; what is learned is better than counts."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.docs.test_docs_reading import examples

GUIDE = Path(__file__).parents[3] / "docs" / "training.md"
OTHERS = ("torch", "torchdata", "lightning", "datasets")
"""Packages that are not among those of `make setup`; see test_torch.py."""


def needs(code: str) -> list[str]:
    """Packages that a block uses and that are missing."""
    return [name for name in OTHERS if re.search(rf"\b{name}\b", code) and importlib.util.find_spec(name) is None]


def test_the_guide_runs_and_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    left_out: set[str] = set()
    for line, code in blocks:
        missing = needs(code)
        if missing:
            left_out.update(missing)
        else:
            exec(compile("\n" * line + code, str(GUIDE), "exec"), session)
    assert session["loader"].steps > 0
    known = session["known"]
    counted = min(known["functions"], known["functions of the game"])
    assert known["functions of the game"] < known["functions"]
    assert known["softmax regression"] < counted - 0.2
    if not left_out:
        assert known["GRU"] < counted - 0.2
        print(known)
    elif os.environ.get("LOGPRESS_REQUIRE_TORCH") == "1":
        pytest.fail(f"these are not installed: {', '.join(sorted(left_out))}")
    else:
        pytest.skip(f"all blocks ran but those that need {', '.join(sorted(left_out))}: pip install '.[torch]'")
