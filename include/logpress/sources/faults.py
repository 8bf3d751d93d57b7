"""What is wrong with a compressed object, told in the order it was met."""

from __future__ import annotations

_MOST_TOLD = 5
"""Faults that are told one by one; the others are counted."""

MOST_TRIES = 1_000
"""Places at which something to go on with is tried, in one object, before what follows a fault is given up."""


class Faults:
    """Faults of one object.

    Attributes:
        count: how many there are.
    """

    def __init__(self) -> None:
        self.count = 0
        self._told: list[str] = []

    def add(self, text: str) -> None:
        """Add one."""
        self.count += 1
        if self.count <= _MOST_TOLD:
            self._told.append(text)

    def __str__(self) -> str:
        """All in one line; empty if there are none."""
        more = self.count - len(self._told)
        return "; ".join([*self._told, *([f"and {more:,} more faults"] if more else [])])
