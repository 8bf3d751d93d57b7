"""Write the examples of docs/report.md anew: what its commands print for three days of the sample.

Each command of the page, `$ logpress ...`, is run, and what stands below it, up to the end of its block, is replaced.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "report.md"
COMMAND = re.compile(r"^    \$ (logpress .*)\n(?:    .*\n|\n(?=    ))*", re.MULTILINE)
PLACE = "/data"
"""What the page calls the folder of raw input and lake."""

_DAYS = {"2021-12-24": "12000", "2021-12-25": "16000", "2021-12-27": "14000"}


def press_days(home: Path) -> None:
    """Press the days of the page into the lake `lake`, with settings that say so."""
    for number, (day, records) in enumerate(_DAYS.items()):
        out = f"raw/{day}"
        run(home, f"logpress sample --quiet --records {records} --day {day} --seed {number} --output {out}")
        run(home, f"logpress press sdk_log --quiet --day {day} --input {out} --lake lake")


def run(home: Path, command: str) -> str:
    """What a command prints, with the folder's name replaced."""
    environment = {**os.environ, "COLUMNS": "100", "LOGPRESS_LAKE": "lake"}
    words = [sys.executable, "-m", "logpress.cli", *command.split()[1:]]
    done = subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.replace(str(home.resolve()), PLACE)


def written_anew(text: str, home: Path) -> str:
    """The page with what its commands print now."""

    def block(found: re.Match[str]) -> str:
        said = "".join(f"    {line}".rstrip() + "\n" for line in run(home, found[1]).splitlines())
        return f"    $ {found[1]}\n{said}"

    return COMMAND.sub(block, text)


def main() -> None:
    """Press the days, and write the page."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        press_days(Path(name))
        PAGE.write_text(written_anew(PAGE.read_text(encoding="utf-8"), Path(name)), encoding="utf-8")


if __name__ == "__main__":
    main()
