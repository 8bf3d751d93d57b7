"""Planted faults: which of them the checks of `sdk_log` find, and how often these warn of a day without one.

60 days of the sample, each with other users but the same games, weekdays and noise; 12 faults as operators know them
are planted from the fifth week on. A fault is found if a check that is about it fails on its day; any check that fails
on another day is a false alarm.

    python -m bench.drift --seeds 7 11 13 17 --docs
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.report import replaced
from logpress.contract import load_contract
from logpress.contract.model import Contract
from logpress.day import stages
from logpress.lake import Lake
from logpress.quality.checks.run import input_warnings, run_checks
from logpress.quality.drift.figures import DayFigures, candidates
from logpress.results import CheckResult
from logpress.sample import write_sample

FIRST = dt.date(2022, 1, 3)
DAYS = 60
RECORDS = 200_000

_WEEKDAYS = (1.0, 0.97, 0.98, 1.0, 1.08, 1.28, 1.25)
"""Traffic by weekday, Monday first."""

_NOISE = 0.06
"""Standard deviation of a day's traffic, of its logarithm."""

Lines = list[bytes]


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: what it is called.
        day: its day, from 0.
        plant: changes the day's lines.
        told_by: the measures of drift, or other checks, that are about it.
        days: days that it lasts.
        object_bytes: cuts the day's compressed objects to a share; for truncated ones.
    """

    name: str
    day: int
    plant: Callable[[Lines, np.random.Generator], Lines]
    told_by: tuple[str, ...]
    days: int = 1
    keep_bytes: float = 1.0


def _value(line: bytes, key: bytes) -> bytes:
    found = re.search(rb'"' + key + rb'":("[^"]*"|[^,}]*)', line)
    return found[1] if found else b""


def _replaced(line: bytes, key: bytes, value: bytes) -> bytes:
    return re.sub(rb'("' + key + rb'":)("[^"]*"|[^,}\[]*)', lambda found: found[1] + value, line, count=1)


def _some(share: float, change: Callable[[bytes], bytes]) -> Callable[[Lines, np.random.Generator], Lines]:
    """Change a share of the lines."""

    def plant(lines: Lines, random: np.random.Generator) -> Lines:
        is_changed = random.random(len(lines)) < share
        return [change(line) if changed else line for line, changed in zip(lines, is_changed, strict=True)]

    return plant


def _without_hour(hour: int) -> Callable[[Lines, np.random.Generator], Lines]:
    wanted = re.compile(rb'"timestamp":"\d{4}-\d\d-\d\dT%02d:' % hour)
    return lambda lines, random: [line for line in lines if not wanted.search(line)]


def _game_times(factor: int) -> Callable[[Lines, np.random.Generator], Lines]:
    """More calls of a game of about 3 % of them, by other users: other ids and nicknames."""

    def plant(lines: Lines, random: np.random.Generator) -> Lines:
        games = [_value(line, b"client_app_id") for line in lines]
        names, counts = np.unique(games, return_counts=True)
        chosen = names[np.argsort(-counts)][3]
        more = []
        for line, game in zip(lines, games, strict=True):
            if game == chosen:
                for copy in range(1, factor):
                    other = _other_id(line, copy)
                    more.append(_replaced(other, b"nickName", b'"%s%d"' % (b"guest", random.integers(10**6))))
        return lines + more

    return plant


def _other_id(line: bytes, more: int) -> bytes:
    """The line with another sequence number."""

    def changed(found: re.Match[bytes]) -> bytes:
        return found[1] + b"%04d" % ((int(found[2]) + more) % 10_000) + found[3]

    return re.sub(rb'("_id":"\d+?)(\d{4})(\d*\.0")', changed, line)


def _twice(lines: Lines, random: np.random.Generator) -> Lines:
    return lines + lines[: len(lines) // 3]


def _hours_back(line: bytes) -> bytes:
    """Clocks that are nine hours slow: in the instants of the client, and in the copies of them."""

    def shifted(found: re.Match[bytes]) -> bytes:
        instant = dt.datetime.fromisoformat(found[2].decode()) - dt.timedelta(hours=9)
        return found[1] + instant.isoformat(timespec="milliseconds").encode() + found[3]

    return re.sub(rb'("request_(?:begin|end)_timestamp":\[?")([^"+Z]*)(["+Z])', shifted, line)


def _late(line: bytes) -> bytes:
    """Calls that arrive half an hour after they were made: the client's instants lie before."""

    def shifted(found: re.Match[bytes]) -> bytes:
        instant = dt.datetime.fromisoformat(found[2].decode()) - dt.timedelta(minutes=30)
        return found[1] + instant.isoformat(timespec="milliseconds").encode() + found[3]

    return re.sub(rb'("request_(?:begin|end)_timestamp":\[?")([^"+Z]*)(["+Z])', shifted, line)


def _without(key: bytes) -> Callable[[bytes], bytes]:
    return lambda line: re.sub(rb'"' + key + rb'":("[^"]*"|[^,}\[]*),', b"", line, count=1)


def _quoted(line: bytes) -> bytes:
    return _replaced(line, b"response_elapsed_time", b'"%s ms"' % _value(line, b"response_elapsed_time"))


def _same(lines: Lines, random: np.random.Generator) -> Lines:
    return lines


FAULTS = (
    Fault("an outage of an hour", 29, _without_hour(13), ("hours",)),
    Fault(
        "a new SDK version", 31, _some(0.08, lambda line: _replaced(line, b"sdk_version", b'"6.0.0"')),
        ("new_values", "distribution"),
    ),
    Fault("a field that disappears", 33, _some(1.0, _without(b"response_reason")), ("nulls", "vanished_values")),
    Fault("a double delivery", 36, _twice, ("duplicates", "rows")),
    Fault("clocks that are nine hours slow", 38, _some(0.15, _hours_back), ("distribution", "corrected_labels")),
    Fault("a game that triples", 40, _game_times(3), ("shares", "distribution")),
    Fault(
        "nulls that creep in", 43,
        _some(0.02, lambda line: _replaced(line, b"response_status_code", b"null")), ("nulls",),
    ),
    Fault(
        "an unknown function", 45,
        _some(0.01, lambda line: _replaced(line, b"func_name", b'"Backend.Debug.Dump"')), ("new_values",),
    ),
    Fault("records that arrive late", 47, _some(0.2, _late), ("distribution",)),
    Fault("truncated objects", 50, _same, ("damaged inputs", "rows", "hours"), keep_bytes=0.6),
    Fault(
        "a status that jumps", 52, _some(0.08, lambda line: _replaced(line, b"response_status_code", b"503")),
        ("distribution", "shares", "new_values"),
    ),
    Fault("a column that changes its type", 54, _some(0.5, _quoted), ("irregular", "nulls")),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What was found on the days of a seed.

    Attributes:
        found: by fault, the checks about it that failed on its day.
        missed: the names of faults that no check tells of.
        false_alarms: by day without a fault, the results that failed.
        seconds: of pressing, and of the checks, over all days.
    """

    found: dict[str, list[str]]
    missed: list[str]
    false_alarms: dict[dt.date, list[str]]
    seconds: tuple[float, float]


def run(
    seed: int, folder: Path, *, days: int = DAYS, records: int = RECORDS, contract: Contract | None = None
) -> Outcome:
    """Press and check all days of a seed, with the faults.

    Args:
        seed: of the sample, of the noise, and of which lines a fault changes.
        folder: an empty folder for what is needed meanwhile.
        days: how many.
        records: of a usual day.
        contract: the table; that of sdk_log if None.
    """
    contract = contract or load_contract("sdk_log")
    random = np.random.default_rng(seed)
    past: dict[dt.date, DayFigures] = {}
    by_day = {fault.day + number: fault for fault in FAULTS for number in range(fault.days)}
    found: dict[str, list[str]] = {}
    alarms: dict[dt.date, list[str]] = {}
    pressing = checking = 0.0
    for number in range(days):
        day = FIRST + dt.timedelta(days=number)
        size = int(records * _WEEKDAYS[day.weekday()] * np.exp(_NOISE * random.standard_normal()))
        fault = by_day.get(number)
        inputs = _write(folder / "raw", day, size, seed, fault, random, since=number)
        figures, results, seconds = _press(contract, day, inputs, folder / "lake", past)
        pressing, checking = pressing + seconds[0], checking + seconds[1]
        past[day] = figures
        failed = [result for result in results if not result.ok]
        if fault is not None:
            told = [r for r in failed if any(r.check.removeprefix("drift ").startswith(name) for name in fault.told_by)]
            found[fault.name] = [f"{result.check}: {result.message}" for result in told]
        elif failed:
            alarms[day] = [f"{result.check}: {result.message}" for result in failed]
        shutil.rmtree(folder / "raw")
    missed = [fault.name for fault in by_day.values() if fault.day < days and not found.get(fault.name)]
    return Outcome(found, missed, alarms, (pressing, checking))


def _write(
    folder: Path, day: dt.date, size: int, seed: int, fault: Fault | None, random: np.random.Generator, since: int
) -> list[str]:
    written = write_sample(folder / "sample", day, size, seed=seed, compression="gzip")
    release = next(fault for fault in FAULTS if fault.name == "a new SDK version")
    if fault is None and since <= release.day:
        return [str(folder / "sample")]
    lines = [line for path in written.paths for line in gzip.decompress(path.read_bytes()).split(b"\n") if line]
    if since >= release.day:  # a version that is released stays
        lines = release.plant(lines, random)
    if fault is not None and fault is not release:
        lines = fault.plant(lines, random)
    data = gzip.compress(b"".join(line + b"\n" for line in lines), 1)
    if fault is not None and fault.keep_bytes < 1:
        data = data[: int(fault.keep_bytes * len(data))]
    target = folder / "planted" / f"{day:%Y/%m/%d}"
    target.mkdir(parents=True)
    (target / "part.gz").write_bytes(data)
    return [str(folder / "planted")]


def _press(
    contract: Contract, day: dt.date, inputs: Sequence[str], lake_uri: Path, past: dict[dt.date, DayFigures]
) -> tuple[DayFigures, list[CheckResult], tuple[float, float]]:
    """Press a day into staging, and check it there; nothing is published."""
    specs = stages.plan(contract, day, inputs)
    manifests = [stages.press(contract, day, spec, str(lake_uri), "bench", threads=1) for spec in specs]
    lake = Lake.open(str(lake_uri))
    parts = [
        f"{lake.staging_folder(contract.table, day, 'bench', manifest.slice)}/{manifest.part.path}"
        for manifest in manifests
        if manifest.part is not None
    ]
    earlier = [past[one] for one in candidates(day) if one in past]
    findings = run_checks(contract, manifests, parts, earlier)
    stages.clean(contract, day, str(lake_uri), "bench")
    seconds = sum(manifest.seconds for manifest in manifests), findings.seconds
    return DayFigures.of(manifests, findings.profile), [*findings.checks, *input_warnings(manifests)], seconds


def main() -> None:
    """Print, for each seed, which faults were found, and the false alarms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 11, 13, 17])
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--records", type=int, default=RECORDS, help="of a usual day")
    parser.add_argument("--docs", action="store_true", help="write the table of docs/checks.md")
    given = parser.parse_args()
    results = {}
    for seed in given.seeds:
        with tempfile.TemporaryDirectory(prefix="logpress-drift-") as folder:
            outcome = run(seed, Path(folder), days=given.days, records=given.records)
        results[seed] = outcome
        print(f"seed {seed}: {len(outcome.found) - len(outcome.missed)} of {len(outcome.found)} faults found,")
        print(f"  {len(outcome.false_alarms)} false alarms on {given.days - len(outcome.found)} quiet days,")
        print(f"  {outcome.seconds[0]:.1f} s of pressing, {outcome.seconds[1]:.1f} s of checks")
        for name, texts in outcome.found.items():
            print(f"  {name}: {'MISSED' if not texts else texts[0][:160]}")
        for day, texts in outcome.false_alarms.items():
            for text in texts:
                print(f"  false alarm on {day:%a %d %b}: {text[:200]}")
        sys.stdout.flush()
    if given.docs:
        page = _DOCS.read_text()
        _DOCS.write_text(replaced(page, "drift", _table(results, given.days, given.records)))


_DOCS = Path(__file__).parent.parent / "docs/checks.md"
_MOST_CHARACTERS = 130


def _table(results: dict[int, Outcome], days: int, records: int) -> str:
    """What each seed found, and of the first one the first message about each fault."""
    quiet = days - len(FAULTS)
    found = ", ".join(str(len(outcome.found) - len(outcome.missed)) for outcome in results.values())
    alarms = ", ".join(str(len(outcome.false_alarms)) for outcome in results.values())
    head = (
        f"{days} days of {records:,} records, seeds {', '.join(map(str, results))}: {found} of {len(FAULTS)} faults "
        f"found; {alarms} false alarms on {quiet} quiet days.\n\n| planted | first message about it |\n| --- | --- |"
    )
    rows = []
    for name, texts in next(iter(results.values())).found.items():
        text = texts[0].partition(": ")[2] if texts else "none"
        cut = text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS].rpartition(' ')[0]} ..."
        rows.append(f"| {name} | {cut} |")
    return "\n".join([head, *rows])


if __name__ == "__main__":
    main()
