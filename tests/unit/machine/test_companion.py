"""The process that makes calls for the one that presses: what it answers, and what becomes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from tests.conftest import SEED, compact, press

from logpress.contract.model import Contract
from logpress.errors import LogpressError, ProofError
from logpress.lake import Lake, publish_day
from logpress.lake.catalog import see_catalog
from logpress.lake.lookups import keep_lookups
from logpress.machine.companion import Companion
from logpress.quality.readable import prove_readable


@pytest.fixture(scope="module")
def part(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> str:
    model = compact(SEED)
    records = [model.replace(b":81,", b":%d," % k) for k in range(50)]
    return str(press(sdk_log, records, tmp_path_factory.mktemp("part")).part)


@pytest.fixture
def companion() -> Iterator[Companion]:
    with closing(Companion()) as companion:
        yield companion


def test_it_compares_what_this_process_would(part: str, companion: Companion) -> None:
    values = pq.read_metadata(part).num_columns * 50
    found = [companion.call(prove_readable, part), companion.call(prove_readable, part), prove_readable(part)]
    assert found == [values] * 3


def test_a_finding_is_told_and_the_next_file_is_read(part: str, companion: Companion, tmp_path: Path) -> None:
    bad = tmp_path / "part-bad.parquet"
    bad.write_bytes(Path(part).read_bytes()[:-9])
    for path in (bad, tmp_path / "gone.parquet"):
        with pytest.raises(ProofError, match=path.name):
            companion.call(prove_readable, str(path))
    assert companion.call(prove_readable, part)


def test_a_crash_of_it_is_an_error_here(part: str, companion: Companion) -> None:
    companion._process.kill()
    with pytest.raises(LogpressError, match=r"the companion process ended .* during prove readable"):
        companion.call(prove_readable, part)


def test_it_ends_when_it_is_closed_and_when_its_parent_is_killed() -> None:
    companion = Companion()
    companion.call(os.getpid)
    companion.close()
    assert companion._process.returncode == 0
    idle = Companion()
    idle.close()
    assert idle._process.returncode is not None
    code = (
        "from logpress.machine.companion import Companion\n"
        "companion = Companion()\nprint(companion.pid, flush=True)\ninput()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    child.wait(60)


def test_it_does_not_import_the_engine(tmp_path: Path) -> None:
    """The engine takes a second to import, and is not needed there."""
    with closing(Companion()) as companion:
        lake = Lake.create(str(tmp_path / "lake"))
        companion.call(see_catalog, lake, "sdk_log")
        companion.call(keep_lookups, lake, "sdk_log", date(2021, 12, 26), {})
        companion.call(publish_day, lake, "sdk_log", date(2021, 12, 26), [], "run")
        loaded = {Path(found.path).name.partition(".")[0] for found in psutil.Process(companion.pid).memory_maps()}
    assert "libarrow" in loaded
    assert "libllvmlite" not in loaded
