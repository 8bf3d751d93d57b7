"""Commits that others thwart: tried again from the state that they left, until a deadline."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from logpress.errors import LakeError, UsageError
from logpress.lake.choice import PREFIX
from logpress.lake.storage import lake_errors

log = logging.getLogger(__name__)
T = TypeVar("T")

DEADLINE_SECONDS = 300.0
"""How long a commit is tried again while others win; `LOGPRESS_CATALOG_DEADLINE`, in seconds, changes it."""

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.1, 5.0
_TOLD_AFTER_SECONDS = 10.0


def until_deadline(attempt: Callable[[], T], place: str, what: str, seconds: float | None = None) -> T:
    """Do what others' commits may thwart again, with waits that grow and differ, until it is done.

    Args:
        attempt: reads the state anew each time it is called; a catalog's own errors may come out of it as they are.
        place: the catalog, for the message.
        what: what is tried, for the message.
        seconds: how long; as the environment says if None.

    Raises:
        LakeError: if it fails for another reason, or has not succeeded at the deadline.
    """
    seconds = deadline_seconds() if seconds is None else seconds
    begin = time.monotonic()
    tries, told = 0, False
    while True:
        tries += 1
        try:
            with lake_errors(place):  # what clients raise, too, wherever the attempt meets it
                done = attempt()
        except LakeError as error:
            if not _is_others(error):
                raise
            waited = time.monotonic() - begin
            if waited >= seconds:
                raise LakeError(
                    f"{place}: others changed it at each of {tries} tries to {what}, in {waited:.0f} s; "
                    f"do it again when fewer do, or allow more time with {PREFIX}DEADLINE (seconds)"
                ) from error
            level = logging.WARNING if waited > _TOLD_AFTER_SECONDS and not told else logging.INFO
            told = told or level == logging.WARNING
            log.log(level, "%s: others were first at try %d to %s; trying on for %.0f s at most",
                    place, tries, what, seconds - waited)  # fmt: skip
            longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2 ** min(tries, 10))
            time.sleep(min(random.uniform(_FIRST_WAIT_SECONDS, longest), max(0.0, seconds - waited)))
        else:
            if tries > 1:
                log.info("%s: done at try %d: %s", place, tries, what)
            return done


def deadline_seconds() -> float:
    """How long a commit is tried again.

    Raises:
        UsageError: if the environment says no number.
    """
    text = os.environ.get(f"{PREFIX}DEADLINE", "")
    try:
        return max(0.0, float(text)) if text else DEADLINE_SECONDS
    except ValueError as error:
        raise UsageError(f"{PREFIX}DEADLINE is {text!r}; it should be seconds, such as 300") from error


def _is_others(error: LakeError) -> bool:
    """Whether a commit failed because of another, or it is not known whether it failed: then it is looked at again."""
    from pyiceberg.exceptions import (
        CommitFailedException,
        CommitStateUnknownException,
        NoSuchTableError,
        ServiceUnavailableError,
        ValidationException,
    )

    cause = error.__cause__
    if isinstance(
        cause,
        CommitFailedException
        | CommitStateUnknownException
        | NoSuchTableError  # taken out of the catalog meanwhile, and made anew at the next try
        | ServiceUnavailableError
        | ValidationException
        | LostCommitError,
    ):
        return True
    # what databases say of two transactions at once, with the classes of SQLAlchemy and of its drivers
    return type(cause).__name__ == "OperationalError" and any(
        sign in str(cause).lower() for sign in ("database is locked", "deadlock detected", "could not serialize")
    )


class LostCommitError(Exception):
    """A catalog has accepted a commit, and then another one that was made from the state before it."""
