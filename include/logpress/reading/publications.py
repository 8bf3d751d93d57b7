"""Which publications a scan reads: told by the names of its files, which have a digest of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from logpress.errors import UsageError

_DIGITS = 400
"""[format] Hexadecimal digits that tell days apart; of many days, each has few."""


def digest(*items: object) -> str:
    """32 hexadecimal digits for items whose `repr` is unambiguous."""
    return hashlib.blake2b(repr(items).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Publications:
    """The days of a scan as they were published when it was made; the same in a copy of the lake.

    Attributes:
        days: the days.
        digests: of the names of each day's files.
    """

    days: tuple[date, ...]
    digests: tuple[str, ...]

    @classmethod
    def of(cls, days: Sequence[date], files: Sequence[str]) -> Self:
        """Those of a scan: of its days, and of its files in their folders of days."""
        names: dict[str, list[str]] = {f"dt={day}": [] for day in days}
        for path in files:
            _, folder, name = path.rsplit("/", 2)
            names.setdefault(folder, []).append(name)
        return cls(tuple(days), tuple(digest(folder, found) for folder, found in names.items()))

    def to_json(self) -> dict[str, Any]:
        """In less than 600 characters, however many days there are."""
        return {
            "first": str(self.days[0]),
            "last": str(self.days[-1]),
            "days": len(self.days),
            "all": digest(self.days, self.digests),
            "each": "".join(one for _, one in self._told),
        }

    def check(self, said: dict[str, Any]) -> None:
        """See that these publications are those that `to_json` told of.

        Raises:
            UsageError: if a day was published again, or there are other days.
        """
        found = self.to_json()
        if found == said:
            return
        for key in ("first", "last", "days"):
            if found[key] != said.get(key):
                was, now = (f"{one.get('first')} to {one.get('last')}, {one.get('days')} days" for one in (said, found))
                raise UsageError(f"the state is of a scan of {was}, and this one is of {now}; scan those days")
        each, place = str(said.get("each")), 0
        others: list[date] = []
        for days, one in self._told:
            others += days if each[place : place + len(one)] != one else []
            place += len(one)
        which = ", ".join(map(str, others[:3])) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        raise UsageError(
            f"{which or 'a day'} was published again since the state was saved, so its rows are others; begin the "
            "epoch anew, or roll the day back (`logpress lake rollback`)"
        )

    @property
    def _told(self) -> list[tuple[tuple[date, ...], str]]:
        """Some digits for each day; for some days together if there are very many."""
        count = len(self.days)
        together, digits = -(-count // _DIGITS), max(1, min(8, _DIGITS // max(1, count)))
        return [
            (self.days[first : first + together], digest(self.digests[first : first + together])[:digits])
            for first in range(0, count, together or 1)
        ]
