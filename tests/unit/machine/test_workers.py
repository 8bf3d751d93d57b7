"""Forked processes: what they answer, what they say of their progress, and what becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from logpress.errors import LogpressError, SourceError
from logpress.machine import workers as workers_module
from logpress.machine.workers import Job, Workers


def double(number: int, *, progress: Callable[[int, int], None]) -> int:
    progress(10 * number, number)
    return 2 * number


def fail(error: Exception, *, progress: Callable[[int, int], None]) -> None:
    raise error


def stay(*, progress: Callable[[int, int], None]) -> None:
    progress(1, 2)
    time.sleep(600)


def die(*, progress: Callable[[int, int], None]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def all_of(workers: Workers) -> list[Job]:
    found = []
    while workers.is_busy:
        found += workers.wait()
    return found


def test_jobs_are_done_and_tell_how_far_they_came() -> None:
    with Workers(2) as workers:
        jobs = [Job(double, (number,)) for number in range(5)]
        waiting = list(jobs)
        while waiting or workers.is_busy:
            while waiting and workers.free:
                workers.start(waiting.pop(0))
            workers.wait()
    assert [(job.result, job.done) for job in jobs] == [(2 * n, (10 * n, n)) for n in range(5)]


def test_progress_of_a_job_that_is_not_done_yet() -> None:
    with Workers(1) as workers:
        job = Job(stay, ())
        workers.start(job)
        while job.done == (0, 0):
            assert workers.wait() == []
        assert job.done == (1, 2)


@pytest.mark.parametrize("error", [SourceError("x: there is no such file"), ZeroDivisionError("by zero")])
def test_an_error_is_raised_here_and_the_worker_goes_on(error: Exception) -> None:
    with Workers(1) as workers:
        workers.start(Job(fail, (error,)))
        with pytest.raises(type(error), match=str(error)):
            all_of(workers)
        workers.start(Job(double, (4,)))
        assert [job.result for job in all_of(workers)] == [8]


def test_a_worker_that_is_killed_is_an_error() -> None:
    with Workers(2) as workers:
        workers.start(Job(die, ()))
        with pytest.raises(LogpressError, match="a worker process was killed"):
            all_of(workers)


def close_late(path: str, seconds: float, *, progress: Callable[[int, int], None]) -> None:
    try:
        progress(1, 1)
        time.sleep(600)
    finally:
        time.sleep(seconds)
        Path(path).touch()


@pytest.mark.parametrize(("seconds", "is_closed"), [(0.3, True), (600, False)])
def test_a_job_that_is_not_wanted_any_more_closes_what_it_holds_or_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, is_closed: bool
) -> None:
    monkeypatch.setattr(workers_module, "PATIENCE_SECONDS", 2.0)
    with Workers(2) as workers:
        job = Job(close_late, (str(tmp_path / "closed"), seconds))
        workers.start(job)
        while job.done == (0, 0):
            workers.wait()
        began = time.monotonic()
    assert (tmp_path / "closed").exists() == is_closed
    assert time.monotonic() - began < 4


def test_none_is_left_over_whatever_the_parent_makes_of_signals() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # as Airflow does
    try:
        with Workers(2) as workers:
            workers.start(Job(stay, ()))
            pids = [worker.process.pid for worker in workers._workers]
            workers.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not any(pid is not None and psutil.pid_exists(pid) for pid in pids)


def test_workers_end_with_a_parent_that_is_killed() -> None:
    code = (
        "import time\n"
        "from logpress.machine.workers import Job, Workers\n"
        "def stay(*, progress):\n"
        "    time.sleep(600)\n"
        "with Workers(2) as workers:\n"
        "    workers.start(Job(stay, ()))\n"
        "    print(*[worker.process.pid for worker in workers._workers], flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
    for child in children:
        child.wait(60)
