"""What tasks write into Airflow's log: progress, and errors as one sentence that stands last."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, ParamSpec, TypeVar

from airflow.sdk import get_current_context

from logpress.errors import CheckError, ContractError, LogpressError, ProofError, RefusedError, UsageError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LINE_SECONDS = 30.0
"""How often progress is logged."""

FINAL = (UsageError, ContractError, ProofError, CheckError, RefusedError)
"""Errors that a retry cannot cure."""

_CHATTERING = ("pyiceberg", "botocore", "s3fs", "fsspec", "opensearch")


class TaskEnded(SystemExit):
    """A task has failed, and its log says why.

    Airflow logs the exit code of a task that exits, but the traceback of any other exception, below which the sentence
    would be lost. It retries both alike.

    Attributes:
        sentence: what the log says, for those who are told of the failure.
    """

    def __init__(self, exit_code: int = 1, sentence: str | None = None) -> None:
        super().__init__(exit_code)
        self.sentence = sentence


class TaskEndedForGood(TaskEnded):
    """A task has failed, and a retry would fail in the same way."""


def explained(function: Callable[P, T]) -> Callable[P, T]:
    """A task's function; an error that logpress raises on purpose is logged as one sentence, the last of the log.

    Raises:
        TaskEndedForGood: after an error that a retry cannot cure.
        TaskEnded: after another error of logpress; all other exceptions keep their traceback.
    """

    @functools.wraps(function)
    def explaining(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in _CHATTERING:
            logging.getLogger(name).setLevel(logging.WARNING)
        try:
            return function(*args, **kwargs)
        except LogpressError as error:
            where = "; the log has the results of all checks" if isinstance(error, CheckError) else ""
            end(error, for_good=isinstance(error, FINAL), because=where)

    return explaining


def end(error: LogpressError, *, for_good: bool, because: str = "") -> NoReturn:
    """Log an error as the last sentence of a task, and end the task.

    Raises:
        TaskEndedForGood: if a retry cannot cure it; `because` says why, if the error does not.
        TaskEnded: otherwise.
    """
    sentence = f"{type(error).__name__}: {error}{because}"
    log.error("%s", sentence)
    raise (TaskEndedForGood if for_good else TaskEnded)(error.exit_code, sentence) from None


def show_name(name: str, template: str) -> None:
    """Name a mapped task while it runs already: Airflow renders names only when tasks end.

    Args:
        name: what it is called.
        template: what its `map_index_template` calls that.
    """
    get_current_context()[template] = name  # type: ignore[literal-required]  # our own name, for the template
    with contextlib.suppress(ImportError, AttributeError):  # private parts of Airflow's SDK
        from airflow.sdk.execution_time import task_runner
        from airflow.sdk.execution_time.comms import SetRenderedMapIndex

        task_runner.SUPERVISOR_COMMS.send(msg=SetRenderedMapIndex(rendered_map_index=name))


class LoggedProgress:
    """Logs how far work is, every 30 seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = self._shown = time.monotonic()

    def __call__(self, done_bytes: int, records: int) -> None:
        """Take the raw bytes and records done so far."""
        now = time.monotonic()
        if now - self._shown >= LINE_SECONDS:
            self._shown = now
            log.info("%s: %s", self._what, rate(done_bytes, records, now - self._began))


def rate(done_bytes: int, records: int, seconds: float) -> str:
    """Figures such as `1,000,000 records, 871.0 MB in 2.1 s, 415 MB/s`."""
    speed = done_bytes / max(seconds, 1e-3) / 1e6
    return f"{records:,} records, {done_bytes / 1e6:,.1f} MB in {seconds:,.1f} s, {speed:,.0f} MB/s"


@contextmanager
def compiling_logged() -> Iterator[None]:
    """Log that kernels are being compiled, for as long as this context lasts."""
    from logpress.kernel.ahead import told_to

    shown = float("-inf")

    def tell(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= LINE_SECONDS or done == total:
            shown = now
            log.info("compiling kernels, once on this machine: %d of %d", done, total)

    with told_to(tell):
        yield
