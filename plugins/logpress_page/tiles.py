"""The answer for one day: complete, exact, small, clean; and all four in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from logpress_page import words

if TYPE_CHECKING:
    from logpress.lake.index_rows import DayRow
    from logpress_page.states import Day, TableDays

UNUSUAL_SIZE = 0.2
"""Change of the bytes a record, against the median, from which a day is not as small as others."""
UNUSUAL_IRREGULAR = 0.05
"""Share of irregular rows above the median's from which a day is not clean."""


@dataclass(frozen=True)
class Tile:
    """An answer.

    Attributes:
        name: the question in a word.
        verdict: yes, no, or not known.
        value: the figure.
        lines: what stands below it.
        problem: what is wrong, as part of a sentence.
    """

    name: str
    verdict: Literal["yes", "no", "unknown"]
    value: str
    lines: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Answer:
    """A day in a sentence and four tiles; in no tiles if it cannot be read."""

    day: Day
    sentence: str
    tiles: tuple[Tile, ...]


def answer(days: TableDays, day: Day) -> Answer:
    """The answer for a day."""
    row = day.figures
    if row is None:
        return Answer(day, f"{words.long_day(day.day)} {day.briefly}.", ())
    usual = days.usual(day.day)
    tiles = (_complete(row), _exact(row), _small(row, usual), _clean(row, usual))
    return Answer(day, _sentence(day, row, tiles), tiles)


def _sentence(day: Day, row: DayRow, tiles: tuple[Tile, ...]) -> str:
    good = [tile.name for tile in tiles if tile.verdict == "yes"]
    bad = [tile.problem for tile in tiles if tile.verdict == "no" and tile.problem]
    text = f"{words.long_day(day.day)} is {words.listed(good)}" if good else f"{words.long_day(day.day)} is published"
    text += f", with {words.count(row.rows)} rows"
    if bad:
        text += f"; but {words.listed(bad)}"
    if day.state == "refused":
        text += f". A later run {day.briefly}"
    elif day.state == "running":
        text += f". It {day.says}"
    return text.rstrip(".") + "."


def _complete(row: DayRow) -> Tile:
    hours = row.hours_present
    published = f"published {words.moment(row.published_at)} UTC"
    if hours is None:
        return Tile("complete", "yes", words.counted(row.slices or 0, "slice"), (published, "hours were not counted"))
    lines = (published, f"{words.count(row.rows)} rows")
    if hours == 24:
        return Tile("complete", "yes", "24/24 hours", lines)
    empty = words.counted(24 - hours, "hour")
    return Tile("complete", "no", f"{hours}/24 hours", lines, f"{empty} of it {'is' if hours == 23 else 'are'} empty")


def _exact(row: DayRow) -> Tile:
    if row.proven_at is None:
        return Tile("exact", "unknown", "not recorded", ("an older logpress published it", "logpress verify proves it"))
    records = words.count((row.rows or 0) + (row.rejects or 0))
    lines = (f"proven {words.moment(row.proven_at)} UTC", f"{records} records", f"digest {(row.digest or '')[:12]}")
    return Tile("exact", "yes", "byte for byte", lines)


def _small(row: DayRow, usual: list[DayRow]) -> Tile:
    if not row.stored_bytes or not row.raw_bytes:
        return Tile("small", "unknown", words.NONE, (f"{words.size(row.stored_bytes)} stored",))
    lines = [f"{words.size(row.raw_bytes)} in {words.size(row.stored_bytes)}"]
    if row.input_bytes and row.input_bytes < 0.9 * row.raw_bytes:
        lines.append(f"{words.times(row.input_bytes / row.stored_bytes)} smaller than its compressed input")
    now, before = bytes_a_record(row), [size for other in usual if (size := bytes_a_record(other)) is not None]
    problem = ""
    if now is not None:
        line = f"{now:.2f} B a record"
        if before:
            normal = median(before)
            line += f", {words.change(now, normal)} against {words.counted(len(before), 'day')}"
            if normal and now > (1 + UNUSUAL_SIZE) * normal:
                problem = f"a record takes {words.change(now, normal)} against the median"
        lines.append(line)
    value = f"{words.times(row.raw_bytes / row.stored_bytes)} smaller"
    return Tile("small", "no" if problem else "yes", value, tuple(lines), problem)


def _clean(row: DayRow, usual: list[DayRow]) -> Tile:
    irregular, rejects = irregular_share(row), reject_share(row)
    normal = median([share for other in usual if (share := irregular_share(other)) is not None] or [0.0])
    problems = []
    broken = (row.checks_warned or 0) + (row.checks_failed or 0)
    if broken:
        problems.append(f"{words.counted(broken, 'check')} {'is' if broken == 1 else 'are'} broken")
    if irregular is not None and irregular > normal + UNUSUAL_IRREGULAR:
        problems.append(f"{words.share(irregular)} of its rows are irregular")
    if row.kept_whole:
        problems.append(f"{words.counted(row.kept_whole, 'record')} had to be kept whole")
    value = "checks not kept"
    if row.checks is not None:
        value = f"{row.checks - broken}/{row.checks} checks" if row.checks else "no checks"
    lines = (
        f"{words.share(irregular)} irregular",
        f"{words.counted(row.rejects or 0, 'reject')}" + (f" ({words.share(rejects)})" if row.rejects else ""),
    )
    verdict: Literal["yes", "no", "unknown"] = "no" if problems else "unknown" if row.checks is None else "yes"
    return Tile("clean", verdict, value, lines, words.listed(problems))


def bytes_a_record(row: DayRow) -> float | None:
    """Stored bytes a row or reject."""
    records = (row.rows or 0) + (row.rejects or 0)
    return row.stored_bytes / records if records and row.stored_bytes is not None else None


def irregular_share(row: DayRow) -> float | None:
    """Irregular rows of all rows."""
    return (row.irregular_rows or 0) / row.rows if row.rows else None


def reject_share(row: DayRow) -> float | None:
    """Rejects of all records of the day."""
    records = (row.rows or 0) + (row.rejects or 0)
    return (row.rejects or 0) / records if records else None
