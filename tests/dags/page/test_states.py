"""What the page says of days, from rows of the index and runs alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from logpress.lake.index_rows import DayRow
from logpress_page import words
from logpress_page.calendar import calendar
from logpress_page.states import Run, TableDays, table_days
from logpress_page.tiles import Answer, answer
from logpress_page.trends import bands

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = date(2026, 11, 28)
HOUR = timedelta(hours=1)


def row(day: date = DAY, **parts: Any) -> DayRow:
    """A published day that nothing is wrong with."""
    usual: dict[str, Any] = {
        "log_table": "t",
        "day": day,
        "state": "published",
        "published_at": NOW,
        "proven_at": NOW,
        "digest": "ab" * 16,
        "records": 1010,
        "rows": 1000,
        "irregular_rows": 1,
        "rejects": 10,
        "raw_bytes": 1_010_000,
        "input_bytes": 101_000,
        "stored_bytes": 10_100,
        "slices": 24,
        "layouts": 9,
        "hours_present": 24,
        "checks": 5,
        "checks_warned": 0,
        "checks_failed": 0,
        "kept_whole": 0,
        "run_id": "published",
    }
    return DayRow(**{**dict.fromkeys(DayRow._fields), **usual, **parts})


def run(state: str, day: date = DAY, hours: float = 0) -> Run:
    return Run("t_daily", f"run-{state}", day, state, NOW + timedelta(hours=hours), NOW)


def days(*rows: DayRow, runs: tuple[Run, ...] = (), due: timedelta = HOUR, now: datetime = NOW) -> TableDays:
    return table_days("t", rows, runs, due, now)


STATES = {
    "published": days(row()),
    "warned": days(row(checks_warned=1)),
    "refused": days(row(state="refused", refused_at=NOW, refused_because="why", refused_stage="verify")),
    "damaged": days(row(state="damaged", problem="is damaged")),
    "failed": days(runs=(run("failed"),)),
    "running": days(runs=(run("running"),)),
    "late": days(row(DAY - timedelta(days=1))),
    "missing": days(row(date(2026, 10, 1)), row(date(2026, 11, 29))),
    "future": days(row(DAY - timedelta(days=1)), due=timedelta(days=2)),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state(state):
    day = date(2026, 11, 20) if state == "missing" else DAY
    assert STATES[state].of(day).state == state


def test_a_day_is_late_from_the_moment_it_is_due_and_missing_two_days_later():
    def state(at: datetime) -> str:
        return days(row(DAY - timedelta(days=1)), now=at).of(DAY).state

    due = datetime(2026, 11, 29, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert [state(due - second), state(due)] == ["future", "late"]
    assert [state(due + timedelta(days=2) - second), state(due + timedelta(days=2))] == ["late", "missing"]


def test_a_run_at_work_counts_more_than_what_is_there_and_a_failed_one_less():
    assert days(row(), runs=(run("queued"),)).of(DAY).state == "running"
    assert days(row(), runs=(run("failed"),)).of(DAY).state == "published"
    assert days(runs=(run("running"), run("failed", hours=1))).of(DAY).state == "running"
    assert days(runs=(run("failed"), run("success", hours=1))).of(DAY).state == "late"


def test_a_published_day_whose_later_run_was_refused_is_refused_and_still_has_figures():
    one = days(row(refused_at=NOW, refused_because="why", refused_stage="verify", refused_run_id="again")).of(DAY)
    assert (one.state, one.run_id) == ("refused", "again")
    assert one.figures is not None
    assert one.says == "was refused by verify: why; the earlier publication is still read"


def test_the_run_of_a_day_is_that_which_published_it_or_is_at_work_else_the_newest():
    assert days(row(), runs=(run("failed"),)).of(DAY).run_id == "published"
    assert days(row(), runs=(run("running"),)).of(DAY).run_id == "run-running"
    assert days(row(run_id=None), runs=(run("success"),)).of(DAY).run_id == "run-success"
    assert days(runs=(run("failed"),)).of(DAY).run_id == "run-failed"
    assert days(row()).of(DAY).run_id == "published"


def test_the_newest_day_that_is_due_is_asked_for_even_if_it_is_not_there():
    assert days(row(DAY - timedelta(days=3))).newest_due.day == DAY
    assert days(row(), due=timedelta(days=1)).newest_due is None
    assert days().newest_due is None


def test_days_have_no_gaps():
    found = days(row(date(2026, 11, 1)), row(date(2026, 11, 5))).days
    assert [one.day for one in found] == [date(2026, 11, 1) + timedelta(days=number) for number in range(29)]


def said(*rows: DayRow, runs: tuple[Run, ...] = ()) -> Answer:
    found = days(*rows, runs=runs)
    return answer(found, found.of(DAY))


def test_a_good_day_is_four_times_yes():
    found = said(row())
    assert found.sentence == "Saturday 2026-11-28 is complete, exact, small and clean, with 1,000 rows."
    assert [tile.verdict for tile in found.tiles] == ["yes"] * 4
    assert [tile.value for tile in found.tiles] == ["24/24 hours", "byte for byte", "100× smaller", "5/5 checks"]
    assert "10.0× smaller than its compressed input" in found.tiles[2].lines


BEFORE = tuple(row(DAY - timedelta(days=number)) for number in range(1, 20))


@pytest.mark.parametrize(
    ("parts", "tile", "verdict", "sentence"),
    [
        ({"hours_present": 22}, 0, "no", "2 hours of it are empty"),
        ({"hours_present": 23}, 0, "no", "1 hour of it is empty"),
        ({"hours_present": None}, 0, "yes", ""),
        ({"proven_at": None}, 1, "unknown", ""),
        ({"stored_bytes": 15_150}, 2, "no", "a record takes +50 % against the median"),
        ({"stored_bytes": 11_000}, 2, "yes", ""),
        ({"stored_bytes": 5_000}, 2, "yes", ""),
        ({"checks_warned": 1}, 3, "no", "1 check is broken"),
        ({"checks_warned": 1, "checks_failed": 1}, 3, "no", "2 checks are broken"),
        ({"irregular_rows": 100}, 3, "no", "10.0 % of its rows are irregular"),
        ({"kept_whole": 1}, 3, "no", "1 record had to be kept whole"),
        ({"checks": None}, 3, "unknown", ""),
    ],
)
def test_what_is_wrong_is_said(parts, tile, verdict, sentence):
    found = said(row(**parts), *BEFORE)
    assert found.tiles[tile].verdict == verdict
    assert sentence in found.sentence
    assert (", with 1,000 rows; but " in found.sentence) == bool(sentence)


def test_irregular_rows_are_compared_with_what_is_usual():
    usual = [one._replace(irregular_rows=300) for one in BEFORE]
    assert said(row(irregular_rows=320), *usual).tiles[3].verdict == "yes"


def test_a_day_that_is_not_there_is_a_sentence_and_no_tiles():
    found = said(row(DAY - timedelta(days=1)))
    assert found.tiles == ()
    assert found.sentence == (
        "Saturday 2026-11-28 is late: it was due at 2026-11-29 01:00 UTC, 11 h ago, and no run is at work."
    )


def test_the_calendar_has_thirteen_months_and_begins_with_the_first_known_day():
    found = calendar(days(row(date(2026, 9, 15)), row()))
    names = [name for name, _ in found.months]
    assert (names[0], names[-1], len(names)) == ("Nov 2025", "Nov 2026", 13)
    shown = [one for _, row_ in found.weekdays for one in row_ if one is not None]
    assert min(one.day for one in shown) == date(2026, 9, 15)
    assert max(one.day for one in shown) == date(2026, 11, 29)
    assert all(one.day.strftime("%A") == name for name, row_ in found.weekdays for one in row_ if one is not None)
    assert len({len(row_) for _, row_ in found.weekdays}) == 1
    assert sum(weeks for _, weeks in found.months) == len(found.weekdays[0][1])
    assert found.states == {"published": 2, "missing": 72, "late": 1, "future": 1}


def test_a_table_of_which_nothing_is_known_has_an_empty_calendar():
    assert calendar(days()).states == {}


def test_bands_follow_the_rhythm_of_weeks_and_find_what_is_outside():
    values = [200.0 + number % 3 if number % 7 in (5, 6) else 100.0 + number % 3 for number in range(70)]
    values[60] = 150.0
    outside = [
        number
        for number, (low, high) in enumerate(bands(values))
        if low is not None and high is not None and not low <= values[number] <= high and number > 28
    ]
    assert outside == [60]


def test_there_is_no_band_until_enough_is_known_nor_because_of_gaps():
    assert list(bands([1.0] * 14))[:14] == [(None, None)] * 14
    assert list(bands([None] * 50)) == [(None, None)] * 50
    assert list(bands([1.0] * 15))[14] == (0.98, 1.02)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.share(0), "0 %"),
        (words.share(1), "100 %"),
        (words.share(0.00001), "< 0.01 %"),
        (words.share(None), "–"),
        (words.share(1, 0), "–"),
        (words.share(0.5), "50.0 %"),
        (words.change(110, 100), "+10 %"),
        (words.change(1, 0), "new"),
        (words.change(0, 0), "±0 %"),
        (words.change(None, 1), "–"),
        (words.points(0.03, 0.01), "+2.00 points"),
        (words.size(1500), "1.5 kB"),
        (words.size(3e12), "3.0 TB"),
        (words.size(None), "–"),
        (words.times(8.04), "8.0×"),
        (words.times(126.4), "126×"),
        (words.duration(5), "5.0 s"),
        (words.duration(3600), "60 min"),
        (words.duration(7200), "2 h"),
        (words.duration(3e5), "3 days"),
        (words.listed(["a"]), "a"),
        (words.listed(["a", "b", "c"]), "a, b and c"),
        (words.counted(1, "day"), "1 day"),
    ],
)
def test_figures_as_words(text, expected):
    assert text == expected
