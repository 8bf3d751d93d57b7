"""What stands in a task's log: errors of logpress as one sentence, progress now and then, results of all checks."""

from __future__ import annotations

import logging

import pytest

from logpress.errors import CheckError, LakeError, LogpressError, ProofError, SourceError, UsageError
from logpress_dags.task_log import LoggedProgress, TaskEnded, TaskEndedForGood, explained, rate


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (UsageError("no lake"), TaskEndedForGood),
        (ProofError("other records"), TaskEndedForGood),
        (CheckError("no rows"), TaskEndedForGood),
        (SourceError("no answer"), TaskEnded),
        (LakeError("no room"), TaskEnded),
    ],
)
def test_an_error_is_the_last_line_and_has_no_traceback(caplog, error: LogpressError, ended: type[TaskEnded]):
    @explained
    def failing() -> None:
        try:
            raise OSError("the cause")
        except OSError as cause:
            raise error from cause

    with caplog.at_level(logging.INFO), pytest.raises(SystemExit) as end:
        failing()
    assert type(end.value) is ended
    assert end.value.code == error.exit_code
    assert end.value.__suppress_context__
    (said,) = caplog.messages
    where = "; the log has the results of all checks" if isinstance(error, CheckError) else ""
    assert said == f"{type(error).__name__}: {error}{where}"
    assert end.value.sentence == said
    assert caplog.records[0].exc_info is None


def test_a_defect_keeps_its_traceback():
    @explained
    def failing() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()


def test_what_succeeds_gives_its_result_and_keeps_its_name():
    @explained
    def adding(first: int, *, second: int) -> int:
        """Add."""
        return first + second

    assert adding(1, second=2) == 3
    assert (adding.__name__, adding.__doc__) == ("adding", "Add.")


def test_progress_is_a_line_every_half_minute(caplog, monkeypatch):
    now = 1_000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    progress = LoggedProgress("slice 2021-12-26T10")
    with caplog.at_level(logging.INFO):
        for now in (1_001.0, 1_029.0, 1_031.0, 1_040.0, 1_062.0):
            progress(int((now - 1_000) * 10**8), int(now - 1_000) * 1_000)
    assert caplog.messages == [
        "slice 2021-12-26T10: 31,000 records, 3,100.0 MB in 31.0 s, 100 MB/s",
        "slice 2021-12-26T10: 62,000 records, 6,200.0 MB in 62.0 s, 100 MB/s",
    ]


def test_a_rate_in_no_time_is_no_fault():
    assert rate(0, 0, 0.0) == "0 records, 0.0 MB in 0.0 s, 0 MB/s"
