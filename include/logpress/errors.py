"""The errors logpress raises on purpose: one clear sentence each, with what to do.

The command line prints `str(error)` as one line and exits with `exit_code`; a DAG task fails with it.
Anything else that escapes is a defect of logpress.
"""


class LogpressError(Exception):
    """Base of every error that logpress raises on purpose."""

    exit_code = 1


class UsageError(LogpressError):
    """What was asked for makes no sense (a day that is no date, a lake that is no lake)."""

    exit_code = 2


class ContractError(LogpressError):
    """A contract is missing or wrong; the message names the file, the line and the mend."""

    exit_code = 2


class SourceError(LogpressError):
    """Raw input is missing or cannot be read; the message names the origin."""


class AbsentError(SourceError):
    """An input has nothing of the day: there is no such index, file or folder, or it is empty."""


class NotYetError(SourceError):
    """What a source lacks may still come: an index, its shards, the end of writing to it."""


class RefusedError(SourceError):
    """A source refuses what is asked of it (password, permission, certificate): asking again would end the same way."""


class BrokenOffError(SourceError):
    """A source broke off, or gave less than it had said: reading from the beginning again may succeed."""


class TooLargeError(BrokenOffError):
    """A source gives much larger pages than was to be expected: reading again asks for fewer records at a time.

    Attributes:
        hits: how many records a page should have.
    """

    def __init__(self, message: str, hits: int) -> None:
        super().__init__(message)
        self.hits = hits


class PartError(LogpressError):
    """A part file is damaged, or was not written by logpress."""


class ProofError(LogpressError):
    """What was written does not give back what was read; the day is not published."""


class GivenBackError(ProofError):
    """The records that files give back are not those that were read."""


class CheckError(LogpressError):
    """A check of the contract with level `fail` did not hold; the day is not published."""


class LakeError(LogpressError):
    """The lake or its catalog refuses (not there, no permission, lost a race too often)."""
