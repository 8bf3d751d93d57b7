"""The input of all measurements: a generated sample, and a copy without lines that some tools cannot read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bench.measure import MeasureError, files_bytes
from bench.populations import Users
from logpress.sample import parse_hours
from logpress.sample.plan import Plan

DAY = "2021-12-26"
HOURS = "10-11"
LOGPRESS = str(Path(sys.executable).with_name("logpress"))


@dataclass(frozen=True)
class Input:
    """Raw objects, and what is in them.

    Attributes:
        folder: folder of the objects, by hour.
        records: lines that are not blank.
        raw_bytes: their size.
        left_out: lines that were taken out of it.
    """

    folder: Path
    records: int
    raw_bytes: int
    left_out: int = 0

    @property
    def objects(self) -> list[Path]:
        """The raw objects, in order of arrival."""
        return objects_of(self.folder)


def objects_of(folder: Path) -> list[Path]:
    """The files of a folder, by name."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def generate(
    folder: Path, records: int, *, hours: str = HOURS, compression: str = "none", users: Users = "living"
) -> Input:
    """Write a sample with `logpress sample`.

    Raises:
        MeasureError: if it cannot be written.
    """
    command = [
        LOGPRESS, "sample", "--records", str(records), "--day", DAY, "--hours", hours, "--compression", compression,
        "--users", users, "--output", str(folder), "--quiet",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MeasureError(f"{' '.join(command)}\n    {done.stderr.strip()}")
    return Input(folder, records, files_bytes(folder))


def without_damaged(whole: Input, folder: Path) -> Input:
    """A copy without lines that are not JSON or not UTF-8, for tools that refuse a file with such a line."""
    kept = left_out = 0
    for path in whole.objects:
        target = folder / path.relative_to(whole.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, target.open("wb") as out:
            for line in source:
                if line.isspace():
                    continue
                if is_damaged(line):
                    left_out += 1
                else:
                    kept += 1
                    out.write(line)
    return Input(folder, kept, files_bytes(folder), left_out)


def is_damaged(line: bytes) -> bool:
    """Whether a line is not a JSON document in UTF-8."""
    try:
        json.loads(line.decode())
    except ValueError:
        return True
    return False


def first_part(whole: Input, folder: Path, most_bytes: int) -> Input:
    """The first objects of an input, as many as fit and at least one; the input itself if all do."""
    if whole.raw_bytes <= most_bytes:
        return whole
    size = records = 0
    for taken, path in enumerate(whole.objects):
        size += path.stat().st_size
        if taken and size > most_bytes:
            break
        target = folder / path.relative_to(whole.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        with target.open("rb") as lines:
            records += sum(not line.isspace() for line in lines)
    return Input(folder, records, files_bytes(folder), whole.left_out)


def plan_of(records: int, hours: str = HOURS) -> Plan:
    """The plan of the sample that `generate` writes."""
    return Plan(date.fromisoformat(DAY), records, 7, *parse_hours(hours))
