"""The log of erasures of a table: when, who and how many, but nothing of what was erased."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, date, datetime, timedelta

from pydantic import Field, ValidationError

from logpress.errors import LakeError
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors
from logpress.results import Model
from logpress.version import __version__

_ENDED = ".ended"


class ErasedCount(Model):
    """Records that were erased from a day."""

    day: date
    rows: int
    rejects: int


class ErasureEntry(Model):
    """An erasure.

    The condition is not kept, nor a hash of it: a list of a table's users is short, so whoever has one could find out
    whose hash it is.
    """

    format: int = 1
    id: str
    table: str
    begun_at: datetime = Field(description="UTC")
    by: str = Field(description="user and machine that ran it, or what LOGPRESS_USER says")
    logpress: str = Field(description="version")
    columns: tuple[str, ...] = Field(description="columns of the condition, without its values")
    note: str = Field(default="", description="what the operator wrote to it, as the number of a request")
    days: tuple[ErasedCount, ...] = ()
    done_at: datetime | None = Field(default=None, description="when the last day was published; None if it was killed")
    remove_after: datetime | None = Field(default=None, description="when old files may be removed")
    removed_at: datetime | None = Field(default=None, description="when nothing of what was erased was left")

    @property
    def records(self) -> int:
        """Records that were erased, rejects included."""
        return sum(count.rows + count.rejects for count in self.days)

    def with_day(self, count: ErasedCount) -> ErasureEntry:
        """The same with a day's count; one that the day had is replaced."""
        others = [other for other in self.days if other.day != count.day]
        return self.model_copy(update={"days": tuple(sorted([*others, count], key=lambda one: one.day))})


def begin(lake: Lake, table: str, id_: str, columns: tuple[str, ...], note: str, grace: timedelta) -> ErasureEntry:
    """Begin an entry, before anything is erased.

    Raises:
        LakeError: if it cannot be written.
    """
    now = datetime.now(UTC)
    entry = ErasureEntry(
        id=id_, table=table, begun_at=now, by=_who(), logpress=__version__, columns=columns, note=note,
        remove_after=now + grace,
    )  # fmt: skip
    write(lake, entry)
    return entry


def write(lake: Lake, entry: ErasureEntry) -> None:
    """Write an entry; each has a file of its own, so two at once do not meet.

    Of one that has an end, the name says so, because each publication looks for those that have none.

    Raises:
        LakeError: if it cannot be written.
    """
    open_path = lake.erasure_path(entry.table, entry.id)
    path = open_path if entry.removed_at is None else lake.erasure_path(entry.table, f"{entry.id}{_ENDED}")
    with lake_errors(path):
        lake.write(path, entry.model_dump_json(indent=1).encode())
        if path != open_path:
            lake.remove(open_path)


def discard(lake: Lake, entry: ErasureEntry) -> None:
    """Remove an entry of an erasure that found nothing.

    Raises:
        LakeError: if it cannot be removed.
    """
    path = lake.erasure_path(entry.table, entry.id)
    with lake_errors(path):
        lake.remove(path)


def entries(lake: Lake, table: str, *, only_open: bool = False) -> list[ErasureEntry]:
    """The entries of a table, the oldest first.

    Args:
        lake: the lake.
        table: the table.
        only_open: whether only those of which something is left.

    Raises:
        LakeError: if one cannot be read.
    """
    root = lake.erasures_root(table)
    found: dict[str, ErasureEntry] = {}
    with lake_errors(root):
        names = {item.name.removesuffix(".json") for item in lake.storage.list(root) if item.name.endswith(".json")}
        for name in sorted(names):
            # a killed process may have left both files of an entry; the longer name comes later
            is_ended = name.endswith(_ENDED) or f"{name}{_ENDED}" in names
            data = None if only_open and is_ended else lake.storage.read(lake.erasure_path(table, name))
            if data is None:
                continue
            try:
                entry = ErasureEntry.model_validate_json(data)
            except ValidationError as error:
                path = lake.erasure_path(table, name)
                raise LakeError(f"{path}: is damaged, or of a newer logpress: {error.errors()[0]['msg']}") from error
            found[entry.id] = entry
    return sorted(found.values(), key=lambda entry: (entry.begun_at, entry.id))


def _who() -> str:
    named = os.environ.get("LOGPRESS_USER")
    if named:
        return named
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):
        return ""
