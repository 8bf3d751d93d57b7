"""Write days of the living population, each as `write_sample` writes a day, and what is true of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from logpress.errors import UsageError
from logpress.outputs import lake_above
from logpress.sample.living import World, volume, write_truth
from logpress.sample.plan import Plan, Shape
from logpress.sample.write import Compression, SampleSummary, write_sample


def series(day: date, days: int) -> list[date]:
    """So many days, from this one on.

    Raises:
        UsageError: if there are none, or the calendar ends before the last one.
    """
    if days < 1:
        raise UsageError(f"{days} days are none; give 1 or more")
    try:
        return [day + timedelta(number) for number in range(days)]
    except OverflowError as error:
        raise UsageError(f"the calendar ends before the last of {days:,} days from {day}") from error


def records_of(day: date, records: int) -> int:
    """The records of a day, if an average day has so many: more at weekends, and in some seasons."""
    return max(1, round(records * float(volume(np.array([day.toordinal()]))[0])))


def write_days(
    output: Path,
    day: date,
    records: int,
    days: int | None = None,
    *,
    seed: int = 7,
    hours: tuple[int, int] | None = None,
    shape: Shape = "hit",
    compression: Compression = "gzip",
    truth: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[SampleSummary]:
    """Write days of raw logs of users who live over days, as `write_sample` writes one.

    The same seed, records and hours give the same bytes of a day, whatever other days are written with it.

    Args:
        output: folder; created if missing.
        day: the first UTC day.
        records: records of an average day, in these hours; of the day itself if `days` is None.
        days: how many days; one if None.
        seed: seed of all random numbers.
        hours: first and last UTC hour of arrival, inclusive: a view of what goes on all day.
        shape: whole search hits, or bare documents.
        compression: compression of the objects.
        truth: folder for `users.parquet` and `games.parquet`, with traits that the records do not say; none if None.
        progress: called with the number of records written so far.

    Raises:
        UsageError: if an argument is not valid, `truth` lies in the output or in a lake, or folders have other objects.
        LogpressError: if a file cannot be written.
    """
    counts = {day: records} if days is None else {one: records_of(one, records) for one in series(day, days)}
    first, last = hours or (0, 23)
    world = World.of(Plan(day, records, seed, first, last))
    if truth is not None:
        _refuse_truth(truth, output)
    summaries: list[SampleSummary] = []
    for one, count in counts.items():
        before = sum(summary.records for summary in summaries)
        summary = write_sample(
            output, one, count, seed=seed, hours=hours, shape=shape, compression=compression,
            progress=_after(before, progress), world=world,
        )  # fmt: skip
        summaries.append(summary)
    if truth is not None:
        write_truth(truth, world, [Plan(one, count, seed, first, last) for one, count in counts.items()])
    return summaries


def _after(before: int, progress: Callable[[int], None] | None) -> Callable[[int], None] | None:
    return None if progress is None else lambda done: progress(before + done)


def _refuse_truth(truth: Path, output: Path) -> None:
    """Raise if the truth would be read as raw input, or lie in a lake."""
    place = truth.resolve()
    if place.is_relative_to(output.resolve()):
        raise UsageError(f"{truth}: is inside {output}, where all files are raw input; give a folder beside it")
    lake = lake_above(place)
    if lake is not None:
        raise UsageError(f"{truth}: is inside the lake {lake}; give a folder outside of it")
