"""The examples of docs/reading.md, run in their order as one session."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.reading.test_reading import DAYS, press, sdk_log_row

from logpress.contract import Contract

GUIDE = Path(__file__).parents[3] / "docs" / "reading.md"


def examples(text: str) -> list[tuple[int, str]]:
    """The Python of a page: line number and code of each block."""
    blocks = re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, block.start(1)), block[1]) for block in blocks]


def test_every_example_of_the_guide_runs(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(5)
    for day in DAYS:
        records = [sdk_log_row(rng, day, number)[0] for number in range(500)]
        press(sdk_log, tmp_path / "lake", tmp_path, day, records)
    monkeypatch.chdir(tmp_path)
    session: dict[str, Any] = {}
    blocks = examples(GUIDE.read_text(encoding="utf-8"))
    assert len(blocks) >= 10
    for line, code in blocks:
        exec(compile("\n" * line + code, str(GUIDE), "exec"), session)
    session["catalog"].close()
    assert session["frame"].shape == (500, 12)
    assert list(session["some"].columns) == ["client_app_id", "func_name", "response_elapsed_ms"]
    assert session["week"].days == DAYS
    assert session["week"].count() == 1000
    assert sum(rows for rows, _ in session["shapes"]) == 1000
    assert len(session["slow"].fetchall()) == 5
    assert str(session["small"]["func_name"].dtype) == "category"
    assert "request_url string virtual The address called" in capsys.readouterr().out
