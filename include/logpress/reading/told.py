"""What a day's manifest tells of a part, compared with the file's footer before rows of it are given."""

from __future__ import annotations

from dataclasses import dataclass

from logpress.engine.part.opened_part import OpenedPart
from logpress.errors import PartError
from logpress.manifest import PartStats

_AGAIN = "it was damaged, or replaced by another file: press the day again"


@dataclass(frozen=True, slots=True)
class Told:
    """What a look at a part's footer can compare.

    Attributes:
        stored_bytes: size of the file.
        rows: of all its row groups.
        columns: names of its columns, in their order.
    """

    stored_bytes: int
    rows: int
    columns: tuple[str, ...]

    @classmethod
    def of(cls, part: PartStats) -> Told:
        """What a manifest tells of one of its parts."""
        return cls(part.stored_bytes, part.rows, tuple(column.name for column in part.columns))

    def see(self, part: OpenedPart) -> None:
        """See that a file is as it was told.

        Raises:
            PartError: if its size, rows or columns are others.
        """
        found = part.names
        if found != self.columns:
            raise PartError(f"{_difference(found, self.columns)}; {_AGAIN}")
        for what, count, told in (
            ("rows", part.footer.num_rows, self.rows),
            ("bytes", part.stored_bytes, self.stored_bytes),
        ):
            if count != told:
                raise PartError(f"has {count} {what}, {told} are in the day's manifest; {_AGAIN}")


def _difference(found: tuple[str, ...], told: tuple[str, ...]) -> str:
    gone = next((name for name in told if name not in found), None)
    if gone is not None:
        return f"has no column {gone!r}, which is in the day's manifest"
    more = next((name for name in found if name not in told), None)
    if more is not None:
        return f"has a column {more!r}, which is not in the day's manifest"
    return "has its columns in another order, or more than once, than is in the day's manifest"
