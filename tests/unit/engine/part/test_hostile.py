"""Part files made on purpose, with the right checksums: each ends in one clear error, or gives records."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAY, press
from tests.crafted import Sound
from tests.hostile_cases import SOUND, Write, cases, few

from logpress.contract import load_contract
from logpress.parquet.footers import check_chunks

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[4]
FROZEN = ROOT / "tests" / "frozen"
WHOLE = (FROZEN / "4" / "separators.parquet").read_bytes()
FOOTER = WHOLE[-8 - int.from_bytes(WHOLE[-8:-4], "little") : -8]
BATCHES = 2
LEAST = 400
EVERY = 1 if os.environ.get("LOGPRESS_FUZZ") == "1" else 2
EVERY_OLDER = 1 if os.environ.get("LOGPRESS_FUZZ") == "1" else 8
"""One case in so many is tried, and always the sound one."""


def read(folder: Path) -> tuple[dict[str, dict[str, str]], str]:
    """The result for each file of a folder, read with kernels that check every index; and the end of the process."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.hostile_reader", str(folder)],
        cwd=ROOT, env=os.environ | {"NUMBA_BOUNDSCHECK": "1"}, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    found: dict[str, dict[str, str]] = {}
    for line in done.stdout.splitlines():
        outcome: dict[str, Any] = json.loads(line)
        found[outcome.pop("file")] = outcome
    return found, f"exit code {done.returncode}\n{done.stderr[-3_000:]}"


def written(folder: Path, some: Sequence[tuple[str, Write]]) -> dict[str, str]:
    """Write files; their cases by name."""
    names = {}
    for number, (name, write) in enumerate(some):
        file = f"{number:04}.parquet"
        write(folder / file)
        names[file] = name
    return names


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    lines = (FROZEN / "4" / "every.ndjson").read_bytes().splitlines()
    pressed = press(load_contract(FROZEN / "every.yaml"), lines, tmp_path_factory.mktemp("sound"), day=DAY)
    assert pressed.part is not None
    return Sound.of(pressed.part)


def check(folder: Path, names: dict[str, str]) -> None:
    found, end = read(folder)
    wrong = {
        names[file]: {way: text for way, text in outcome.items() if text not in ("records", "error")}
        for file, outcome in found.items()
        if not {"records", "error"}.issuperset(outcome.values())
    }
    assert not wrong, json.dumps(wrong, indent=1)[:6_000]
    assert found.keys() == names.keys(), end
    assert end.startswith("exit code 0"), end
    for file, name in names.items():
        if name == SOUND:
            assert set(found[file].values()) == {"records"}


@pytest.mark.parametrize("batch", range(BATCHES))
def test_crafted_files_give_records_or_one_clear_error(sound: Sound, tmp_path: Path, batch: int) -> None:
    some = list(itertools.islice(cases(sound), batch, None, BATCHES * EVERY))
    names = written(tmp_path, [*some, (SOUND, sound.write)])
    assert len(names) >= LEAST
    check(tmp_path, names)


def test_crafted_files_of_the_format_before_do_too(tmp_path: Path) -> None:
    older = Sound.of(FROZEN / "4" / "every.parquet")
    names = written(tmp_path, [*itertools.islice(few(older), 0, None, EVERY_OLDER), (SOUND, older.write)])
    check(tmp_path, names)


# --------------------------------------------------------------------------------------------------------- its parts


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_a_footer_or_none(noise: bytes, place: int) -> None:
    for data in (noise, FOOTER[:place] + noise + FOOTER[place + len(noise) :]):
        with suppress(ValueError):
            check_chunks(data)
