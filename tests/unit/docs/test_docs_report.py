"""The examples of docs/report.md are what its commands print."""

from __future__ import annotations

import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def words(text: str) -> Counter[str]:
    """The words without figures: paths are of other lengths, and other libraries compress better."""
    return Counter(re.sub(r"[-+~<$]*\d[\d.,]*( [kMG]?B\b)?|█+", " ", text).split())


@pytest.mark.long
def test_the_page_has_what_its_commands_print(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "write_report_docs.py"))
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    script["press_days"](tmp_path)
    written = script["written_anew"](page, tmp_path)
    assert len(script["COMMAND"].findall(page)) >= 5
    assert words(written) == words(page)
