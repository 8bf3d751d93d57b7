"""What a folder of a lake holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Item:
    """What lies in a folder.

    Attributes:
        name: last component of its path.
        is_folder: whether it is a folder.
        size: bytes; 0 for a folder.
        modified: when it was last written, UTC; None where the storage does not say, as for folders of object stores.
    """

    name: str
    is_folder: bool
    size: int
    modified: datetime | None

    @property
    def stamp(self) -> str:
        """What differs once a file has been written again: its size, and when it was written, in microseconds."""
        return f"{self.size}@{'' if self.modified is None else round(self.modified.timestamp() * 1e6)}"
