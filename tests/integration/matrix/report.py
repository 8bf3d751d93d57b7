"""The table of docs/reading.md: written by the run, compared by the tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.integration.matrix.questions import KINDS, Kind
from tests.integration.matrix.readers import KNOWN, READERS, Known, Reader

PAGE = Path(__file__).parents[3] / "docs" / "reading.md"
_BEGIN, _END = "<!-- written by `make reader-matrix` -->", "<!-- end of what is written -->"
_BLOCK = re.compile(f"{re.escape(_BEGIN)}\n(.*?){re.escape(_END)}", re.DOTALL)

Cells = Mapping[Kind, Iterable[Known]]
"""For each kind of question that a reader was asked, what it does wrong."""


def row(reader: Reader, cells: Cells) -> str:
    """A reader's row."""
    shown = [f"{reader.title}", reader.version]
    for kind in KINDS:
        if kind not in cells:
            shown.append("")
            continue
        notes = sorted({KNOWN.index(known) + 1 for known in cells[kind]})
        shown.append("wrong: {}".format(", ".join(map(str, notes))) if notes else "right")
    return f"| {' | '.join(shown)} |"


def table(rows: Mapping[str, str]) -> str:
    """All of it, from rows by key of their readers."""
    lines = [f"| reader | version | {' | '.join(KINDS.values())} |", "| --- " * (len(KINDS) + 2) + "|"]
    lines += [rows[reader.key] for reader in READERS]
    lines += ["", *(f"{number}. {known.why}" for number, known in enumerate(KNOWN, 1))]
    return "\n".join(lines) + "\n"


def written() -> str:
    """What stands in the document."""
    found = _BLOCK.search(PAGE.read_text(encoding="utf-8"))
    assert found, f"{PAGE} has no {_BEGIN}"
    return found[1]


def row_of(reader: Reader) -> str | None:
    """The row that the document has of a reader in its version; None if there is none."""
    start = f"| {reader.title} | {reader.version} |"
    return next((line for line in written().splitlines() if line.startswith(start)), None)


def write(text: str) -> None:
    """Replace what stands in the document."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BLOCK.sub(lambda _: f"{_BEGIN}\n{text}{_END}", page), encoding="utf-8")
