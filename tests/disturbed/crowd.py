"""Many runs publish overlapping days of one lake on S3 at once, while readers look: `python -m tests.disturbed.crowd`.

Each run publishes each of its days in two parts, and no two runs have the same rows. So a reader that finds rows of two
runs in a day, or not all of one, has found a partial day.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyiceberg.catalog.rest
import pyiceberg.catalog.sql
import pyiceberg.io.pyarrow  # noqa: F401 (imported once, before processes are forked)
import s3fs
from tests.disturbed.apart import Apart, apart
from tests.integration.postgres_server import postgres_server
from tests.integration.rest_server import on_s3
from tests.integration.s3_server import s3_server
from tests.unit.lake.test_lake import TABLE, stage

from logpress.errors import LogpressError
from logpress.lake import Lake, publish_day
from logpress.lake.catalog import open_catalog
from logpress.lake.check import check_lake
from logpress.lake.clean import clean_table
from logpress.lake.snapshots import catalog_files

FIRST = date(2021, 12, 1)
SLICES = ("h10", "h11")
ROWS = 20
"""Of a slice."""

NOTHING = timedelta(0)


@dataclass(frozen=True)
class Size:
    """How many do what.

    Attributes:
        runs: that publish at once.
        days: in all.
        days_a_run: that each of them publishes.
        readers: that look meanwhile, half of them through the catalog.
    """

    runs: int
    days: int
    days_a_run: int
    readers: int = 2

    def of(self, number: int) -> list[date]:
        """The days of a run."""
        return [FIRST + timedelta(days=(number + turn) % self.days) for turn in range(self.days_a_run)]


@dataclass
class Round:
    """What has happened.

    Attributes:
        published: days that runs have published.
        lost: days of which another run's publication stood in the end, as the run was told.
        seconds: from the beginning to the end of the last run.
        looks: how often readers have looked at a day.
        wrong: what was not as it should be.
    """

    published: int
    lost: int
    seconds: float
    looks: int
    wrong: list[str]


def publish_all(uri: str, run: str, days: list[date]) -> list[str]:
    """Publish days one after the other; which of them are this run's, and which another one's."""
    lake, told = Lake.open(uri), []
    for day in days:
        manifests = [_staged(lake, day, slice_, run) for slice_ in SLICES]
        try:
            publish_day(lake, TABLE, day, manifests, run)
            told.append(f"published {day}")
        except LogpressError as error:
            is_lost = f"published {TABLE} {day} too" in str(error)
            told.append(f"{'lost' if is_lost else 'failed'} {day} {error}")
    return told


def _staged(lake: Lake, day: date, slice_: str, run: str) -> Any:
    names = [f"{run} {slice_} {number}" for number in range(ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        beside = Lake.create(f"{folder}/lake")
        manifest = stage(beside, day, slice_, names, run=run)
        assert manifest.part is not None
        places = [f"{one.staging_folder(TABLE, day, run, slice_)}/{manifest.part.path}" for one in (beside, lake)]
        s3fs.S3FileSystem().put_file(places[0], places[1].removeprefix("s3://"))
    return manifest


def look(uri: str, *, by_catalog: bool, until: Path) -> dict[str, Any]:
    """Look at all days again and again: how often, and what was partial."""
    looks, wrong = 0, set[str]()
    lake = Lake.open(uri)
    while not until.exists():
        try:
            found = _by_catalog(lake) if by_catalog else _by_manifest(lake)
        except Exception as error:  # whatever a reader may see is told
            wrong.add(f"a reader fails: {error!r}"[:500])
            continue
        for day, names in found.items():
            looks += 1
            runs = {name.split()[0] for name in names}
            if len(runs) != 1 or len(names) != ROWS * len(SLICES) or len(set(names)) != len(names):
                wrong.add(f"{day} is partial: {len(names)} rows of {sorted(runs)}")
    return {"looks": looks, "wrong": sorted(wrong)}


def _by_catalog(lake: Lake) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with open_catalog(lake) as catalog:
        table = catalog.load(TABLE)
        rows = table.scan().to_arrow().select(["day", "name"]).to_pylist() if table is not None else []
    for row in rows:
        found.setdefault(str(row["day"]), []).append(row["name"])
    return found


def _by_manifest(lake: Lake) -> dict[str, list[str]]:
    import pyarrow.parquet as pq

    found = {}
    for day in lake.days(TABLE):
        manifest = lake.need_day(TABLE, day)
        tables = [pq.read_table(s3fs.S3FileSystem().open(path), columns=["name"]) for path in lake.files(manifest)[0]]
        found[str(day)] = [name for table in tables for name in table["name"].to_pylist()]
    return found


def run_round(uri: str, size: Size, home: Path) -> Round:
    """Let all runs publish at once, and see that the lake is whole in the end."""
    home.mkdir()
    done = apart(lambda: Lake.create(uri).uri, home / "create")
    assert done.code == 0, done.text
    end, begin = home / "end", time.monotonic()
    readers = [
        Apart(partial(look, uri, by_catalog=n % 2 == 0, until=end), home / f"reader{n}", 1800)
        for n in range(size.readers)
    ]
    runs = [Apart(partial(publish_all, uri, f"run{n}", size.of(n)), home / f"run{n}", 1800) for n in range(size.runs)]
    ended = [run.end() for run in runs]
    seconds = time.monotonic() - begin
    end.touch()
    looked = [reader.end() for reader in readers]
    wrong = [one.text[-1000:] for one in (*ended, *looked) if one.code]
    told = [line for one in ended for line in one.value or []]
    wrong += [line for line in told if line.startswith("failed")]
    wrong += [line for one in looked if one.value for line in one.value["wrong"]]
    judged = apart(lambda: _judged(uri, size, told), home / "judge")
    wrong += judged.value if judged.value is not None else [judged.text[-2000:]]
    counts = Counter(line.split()[0] for line in told)
    looks = sum(one.value["looks"] for one in looked if one.value)
    return Round(counts["published"], counts["lost"], seconds, looks, wrong)


def _judged(uri: str, size: Size, told: list[str]) -> list[str]:
    lake, wrong = Lake.open(uri), []
    days = [FIRST + timedelta(days=number) for number in range(size.days)]
    if lake.days(TABLE) != days:
        wrong.append(f"has the days {lake.days(TABLE)}")
    for found in (_by_catalog(lake), _by_manifest(lake)):
        for day in days:
            names = found.get(str(day), [])
            if len({name.split()[0] for name in names}) != 1 or len(names) != ROWS * len(SLICES):
                wrong.append(f"{day} ends partial: {len(names)} rows")
    for day in days:
        if catalog_files(lake, TABLE, day) != sorted(lake.files(lake.need_day(TABLE, day))[0]):
            wrong.append(f"{day}: catalog and manifest differ")
        if f"published {day}" not in told:
            wrong.append(f"{day}: no run says that it has published it")
    wrong += [f"check: {one}" for one in check_lake(lake, [TABLE], hash_files=True)]
    clean_table(lake, TABLE, remove=True, retention=NOTHING, age=NOTHING)
    wrong += [
        f"is not removed: {one.path}"
        for one in clean_table(lake, TABLE, remove=False, retention=NOTHING, age=NOTHING).needless
    ]
    wrong += [f"check after clean: {one}" for one in check_lake(lake, [TABLE], hash_files=True)]
    return wrong


@contextmanager
def servers(catalog: str, home: Path) -> Iterator[str]:
    """S3 and a catalog, in the environment; gives a bucket."""
    with ExitStack() as stack:
        s3 = stack.enter_context(s3_server(home / "s3"))
        bucket = "crowd"
        os.environ.update(s3.environment)
        done = apart(lambda: s3fs.S3FileSystem().mkdir(bucket), home / "mkdir")
        assert done.code == 0, done.text
        if catalog == "postgres":
            os.environ["LOGPRESS_CATALOG_URI"] = stack.enter_context(postgres_server())
        else:
            os.environ["LOGPRESS_CATALOG_URI"] = stack.enter_context(on_s3(s3, bucket, home))
        yield bucket


def main() -> None:
    """Run what the command line asks for; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", choices=["postgres", "rest"], default="postgres")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--days-a-run", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    size, wrong = Size(given.runs, given.days, given.days_a_run), 0
    with (
        tempfile.TemporaryDirectory(prefix="logpress-crowd-") as folder,
        servers(given.catalog, Path(folder)) as bucket,
    ):
        for number in range(given.rounds):
            os.environ["LOGPRESS_CATALOG_NAMESPACE"] = f"round{number}"
            done = run_round(f"s3://{bucket}/lake{number}", size, Path(folder, f"round{number}"))
            for text in done.wrong:
                print(f"WRONG round {number}: {text}", flush=True)
            wrong += len(done.wrong)
            print(
                f"round {number}: {given.runs} runs, {done.published} days published, {done.lost} lost to another run, "
                f"{done.seconds:.0f} s; {done.looks} looks; {len(done.wrong)} wrong", flush=True,
            )  # fmt: skip
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
