"""The rule that says which day a run is, when it is complete, and what its staging is called."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpress.day.run_day import day_of_run
from logpress.errors import UsageError
from logpress_dags.day import complete_at, is_complete, staging_name

DAY = date(2021, 12, 26)
SEOUL = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("partition_key", "form_day", "logical_date"),
    [
        ("2021-12-26", None, None),
        (None, "2021-12-26", None),
        (None, None, datetime(2021, 12, 26, tzinfo=UTC)),
        (None, None, datetime(2021, 12, 26, 23, 59, 59, tzinfo=UTC)),
        (None, None, datetime(2021, 12, 27, 8, 59, tzinfo=SEOUL)),
        ("2021-12-26", "2021-12-26", datetime(2021, 12, 26, 12, tzinfo=UTC)),
        ("2021-12-26", "", None),
    ],
)
def test_day_of_run(partition_key, form_day, logical_date):
    assert day_of_run(partition_key, form_day, logical_date) == DAY


@pytest.mark.parametrize(
    ("partition_key", "form_day", "logical_date"),
    [
        ("2021-12-26", "2021-12-27", None),
        ("2021-12-26", None, datetime(2021, 12, 27, tzinfo=UTC)),
        (None, "2021-12-27", datetime(2021, 12, 27, 8, 59, tzinfo=SEOUL)),
    ],
)
def test_two_days_are_refused_and_named(partition_key, form_day, logical_date):
    with pytest.raises(UsageError, match=r"has two days \(.*2021-12-26.*\)") as refusal:
        day_of_run(partition_key, form_day, logical_date)
    assert "2021-12-27" in str(refusal.value)


def test_no_day_is_refused():
    with pytest.raises(UsageError, match="has no day"):
        day_of_run(None, None, None)


@pytest.mark.parametrize("text", ["2021-12-6", "26.12.2021", "2021-02-30", "2021-12-26T00:00:00"])
def test_what_is_no_day_is_refused_in_one_sentence(text):
    with pytest.raises(UsageError, match="the partition key is wrong: ") as refusal:
        day_of_run(text, None, None)
    assert "\n" not in str(refusal.value)


def test_a_day_is_complete_when_its_late_records_have_had_their_time():
    moment = datetime(2021, 12, 27, 1, tzinfo=UTC)
    assert complete_at(DAY, timedelta(hours=1)) == moment
    assert is_complete(DAY, timedelta(hours=1), moment)
    assert not is_complete(DAY, timedelta(hours=1), moment - timedelta(seconds=1))
    assert not is_complete(DAY, timedelta(hours=1), datetime(2021, 12, 26, tzinfo=UTC))


def test_a_day_that_has_not_begun_is_refused():
    with pytest.raises(UsageError, match="has not begun"):
        is_complete(DAY, timedelta(0), datetime(2021, 12, 26, 8, tzinfo=SEOUL))


@given(st.text(max_size=250), st.text(max_size=250))
def test_staging_names_are_safe_and_differ_between_runs(first, second):
    name = staging_name(first)
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")
    assert 0 < len(name) <= 80
    assert name == staging_name(first)
    assert (name == staging_name(second)) == (first == second)
