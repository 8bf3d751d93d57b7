"""The commands that are disturbed, and the lakes that they find."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pydantic import TypeAdapter
from tests.conftest import SEED, compact
from tests.disturbed.places import Place

from logpress.cli.app import main
from logpress.contract import load_contract
from logpress.day import stages
from logpress.lake import Lake
from logpress.lake.clean import clean_table
from logpress.lake.history import publications
from logpress.lake.rollback import drop_day
from logpress.manifest import SliceManifest

TABLE = "sdk_log"
FIRST, SECOND, THIRD = date(2021, 12, 26), date(2021, 12, 27), date(2021, 12, 28)
NAME = "AAA 지워질사람"  # before all others in the alphabet, so that it is a bound of its column
_ERASED_EVERY = 9
_MANIFESTS = "staged.json"


@dataclass(frozen=True)
class Scenario:
    """A command.

    Attributes:
        run: runs it in this process, as `main` does.
        begins: what it finds, as `prepare` has saved it; None for nothing.
        is_other: whether it changes the place's other lake, which has a namespace of its own in the catalog.
        has_steps: whether all that it does is done in the process that starts it.
        done_already: what it says, with exit code 2, if it had ended before it was disturbed.
    """

    run: Callable[[Place, Path], None]
    begins: str | None = "base"
    is_other: bool = False
    has_steps: bool = True
    done_already: str = ""


def write_raw(folder: Path, day: date, records: int) -> None:
    """Raw input of two hours of a day; each has something that is no record, and someone who will be erased."""
    for hour in (10, 11):
        lines = []
        for number in range(records):
            document = copy.deepcopy(SEED)
            document["_source"] |= {
                "response_elapsed_time": number * 7919 % 30_000,
                "timestamp": f"{day}T{hour}:{number // 60 % 60:02}:{number % 60:02}Z",
                "nickName": NAME if number % _ERASED_EVERY == 0 else f"user {number % 50}",
            }
            lines.append(compact(document) + b"\n")
        path = folder / f"{day:%Y/%m/%d}/{hour}/raw.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join([*lines, b"no record\n"]))


def write_contract(folder: Path) -> None:
    """The table's contract, with a slice an hour however small it is."""
    text = (Path(__file__).parents[2] / "include/logpress/contract/tables/sdk_log.yaml").read_text()
    assert "\nfiles:\n" in text
    folder.mkdir()
    (folder / f"{TABLE}.yaml").write_text(text.replace("\nfiles:\n", "\nfiles:\n  merge_bytes: 0\n"))


def prepare(place: Place, home: Path) -> None:
    """Fill a place in each way that a command may find it, and save it so."""
    for name, day, records in (("old", FIRST, 40), ("new", FIRST, 60), ("raw", SECOND, 50), ("raw", THIRD, 30)):
        write_raw(home / name, day, records)
    write_raw(home / "raw", FIRST, 80)
    place.reset(None)
    for name, day in (("old", FIRST), ("new", FIRST), ("raw", SECOND), ("raw", THIRD)):
        _press(place.lake, home / name, day, f"{name}-{day}", publish=True)
    place.save("base")
    staged = _press(place.lake, home / "raw", FIRST, "staged", publish=False)
    (home / _MANIFESTS).write_bytes(TypeAdapter(list[SliceManifest]).dump_json(staged))
    place.save("staged")
    drop_day(Lake.open(place.lake), TABLE, SECOND)
    place.save("to clean")
    place.reset("base")
    place.lose_catalog()
    place.save("without a catalog")


def _press(lake: str, raw: Path, day: date, run: str, *, publish: bool) -> list[SliceManifest]:
    """The tasks of a day, in this process."""
    contract = load_contract(TABLE)
    stages.open_staging(contract, day, lake, run)
    specs = stages.plan(contract, day, [str(raw)])
    pressed = [stages.press(contract, day, spec, lake, run, threads=0) for spec in specs]
    pressed = stages.prove(contract, day, pressed, lake, run, specs=specs, threads=0)
    stages.check(contract, day, pressed, Lake.open(lake), run)
    if publish:
        stages.publish(contract, day, pressed, lake, run)
        stages.clean(contract, day, lake, run)
    return pressed


def _tasks(place: Place, home: Path) -> None:
    _press(place.lake, home / "raw", FIRST, "run", publish=True)


def _other_tasks(place: Place, home: Path) -> None:
    _press(place.lake, home / "raw", FIRST, f"run-{os.getpid()}", publish=True)


def _publish(place: Place, home: Path) -> None:
    contract = load_contract(TABLE)
    manifests = TypeAdapter(list[SliceManifest]).validate_json((home / _MANIFESTS).read_bytes())
    stages.publish(contract, FIRST, manifests, place.lake, "staged")


def _clean(place: Place, home: Path) -> None:
    lake = Lake.open(place.lake)
    for table in lake.tables():
        clean_table(lake, table, remove=True, retention=timedelta(0), age=timedelta(0))


def _command(*words: str) -> Callable[[Place, Path], None]:
    def run(place: Place, home: Path) -> None:
        told = {"{lake}": place.lake, "{other}": place.other, "{raw}": str(home / "raw")}
        if "{first}" in words:
            told["{first}"] = str(publications(Lake.open(place.lake), TABLE, FIRST)[0].snapshot_id)
        sys.argv = ["logpress", *(told.get(word, word) for word in words)]
        main()

    return run


SCENARIOS: Mapping[str, Scenario] = {
    "press": Scenario(_tasks),
    "press in another run": Scenario(_other_tasks),
    "press a first day": Scenario(_tasks, begins=None),
    "press, command": Scenario(
        _command("press", TABLE, "--day", str(FIRST), "--input", "{raw}", "--lake", "{lake}", "--quiet",
                 "--threads", "1"),
        has_steps=False,
    ),
    "publish": Scenario(_publish, begins="staged"),
    "rollback": Scenario(
        _command("lake", "rollback", TABLE, str(FIRST), "--to", "{first}", "--lake", "{lake}"),
        done_already="already",
    ),
    "drop-day": Scenario(
        _command("lake", "drop-day", TABLE, str(SECOND), "--lake", "{lake}", "--yes"),
        done_already=f"has no day {SECOND}",
    ),
    "erase": Scenario(
        _command("erase", TABLE, "--where", f"nickname = '{NAME}'", "--lake", "{lake}", "--now", "--quiet")
    ),
    "register": Scenario(_command("lake", "register", "--lake", "{lake}", "--quiet"), begins="without a catalog"),
    "copy": Scenario(_command("lake", "copy", "{lake}", "{other}", "--quiet"), is_other=True),
    "clean": Scenario(_clean, begins="to clean"),
}  # fmt: skip
