"""Begin again what a source broke off, and wait for what is not there yet: after pauses that grow and vary."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from logpress.errors import BrokenOffError, NotYetError, RefusedError

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 60.0

FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 300.0

T = TypeVar("T")


def begun_again(work: Callable[[], T], restarts: int, name: str, kind: type[BrokenOffError] = BrokenOffError) -> T:
    """Do some work, from its beginning again while it ends with an error of that kind, and so often at most.

    The waits are random between nothing and a bound that doubles ("full jitter": Marc Brooker, Exponential Backoff And
    Jitter, AWS Architecture Blog 2015), so that slices which a cluster refused together do not come back together.
    """

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s begins again in %.1f s: %s", name, state.upcoming_sleep, error)

    trying = Retrying(
        retry=retry_if_exception_type(kind),
        stop=stop_after_attempt(restarts + 1),
        wait=wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
        before_sleep=tell,
        reraise=True,
    )
    return trying(work)


def waited_for(work: Callable[[], T], patience: timedelta, name: str) -> T:
    """Do some work, again and again while what it needs is not there yet.

    The pauses are random between a half of a bound and the bound, which doubles.

    Raises:
        NotYetError: if nothing is to be waited for (`patience` is zero).
        RefusedError: if it has not come in all that time.
    """
    deadline = time.monotonic() + patience.total_seconds()
    bound = FIRST_PAUSE_SECONDS
    while True:
        try:
            return work()
        except NotYetError as error:
            left = deadline - time.monotonic()
            if not patience:
                raise NotYetError(
                    f"{error}; to wait for that, let `source.wait` of the contract say how long, as PT2H"
                ) from error
            if left <= 0:
                raise RefusedError(f"{error}; it was waited for in vain, {patience}") from error
            pause = min(left, random.uniform(bound / 2, bound))
            log.warning("%s waits %.0f s, and %s in all: %s", name, pause, patience, error)
        time.sleep(pause)
        bound = min(2 * bound, LONGEST_PAUSE_SECONDS)
