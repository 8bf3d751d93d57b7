"""The errors that logpress raises on purpose. A message is one sentence that says what to do.

The command line prints `str(error)` as one line and exits with `exit_code`; a DAG task fails with it.
Any other exception that reaches the user is a defect of logpress.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class LogpressError(Exception):
    """Base of every error that logpress raises on purpose."""

    exit_code = 1


class UsageError(LogpressError):
    """The request is not valid (the day is not a date, the folder is not a lake)."""

    exit_code = 2


class ContractError(LogpressError):
    """A contract is missing or not valid; the message names the file, the line and the correction."""

    exit_code = 2


class SourceError(LogpressError):
    """Raw input is missing or cannot be read; the message names the origin."""


class AbsentError(SourceError):
    """An input has nothing of the day: the index, file or folder is missing or empty."""


class NotYetError(SourceError):
    """A source is not ready yet: an index or some of its shards are missing, or the index is still written to."""


class RefusedError(SourceError):
    """A source refuses the request (password, permission, certificate); a retry would be refused too."""


class BrokenOffError(SourceError):
    """A source broke off, or returned less than it had announced; reading it again from the start may succeed."""


class TooLargeError(BrokenOffError):
    """Pages of a source are much larger than expected; the next attempt asks for fewer records a page.

    Attributes:
        hits: records that a page should have.
    """

    def __init__(self, message: str, hits: int) -> None:
        super().__init__(message)
        self.hits = hits


class PartError(LogpressError):
    """A part file is damaged, or was not written by logpress."""


class ProofError(LogpressError):
    """The proof failed: the records in the files are not those that were read. The day is not published."""


class MismatchError(ProofError):
    """The records restored from the files differ from those that were read."""


class CheckError(LogpressError):
    """A check of the contract with level `fail` failed. The day is not published.

    Attributes:
        results: the results of all checks (`results.CheckResult`), those that passed too.
        verification: all that verify found (`results.Verification`); None if whoever made the checks did not say.
    """

    def __init__(self, message: str, results: Sequence[Any] = (), verification: Any = None) -> None:
        super().__init__(message)
        self.results = tuple(results)
        self.verification = verification


class LakeError(LogpressError):
    """The lake or its catalog failed (missing, no permission, too many commits of others at the same time)."""


class ChangedError(LakeError):
    """A day was published by another process since it was read, so what was made from it is not published."""
