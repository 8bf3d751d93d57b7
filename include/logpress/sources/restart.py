"""Begin again what a source broke off, after a while that grows and is never quite the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from logpress.errors import BrokenOffError

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 60.0

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
