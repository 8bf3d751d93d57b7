"""The arrays of a row group, which are used again for later ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.engine.registers.registers import Registers


class Store:
    """Room for the registers of one row group.

    Attributes:
        wide: int64[capacity, wide registers].
        narrow: int32[capacity, narrow registers].
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        wide, narrow, capacity = shape
        # a row's registers side by side: rows are put in order one by one
        self.wide = np.empty((capacity, wide), dtype=np.int64)
        self.narrow = np.empty((capacity, narrow), dtype=np.int32)

    def room_for_narrow(self, rows: int) -> NDArray[np.int32]:
        """Room for the narrow registers one after the other, int32[narrow, rows]; where it can, among the wide ones."""
        narrow = self.shape[1]
        room = self.wide.ravel().view(np.int32)
        if len(room) < narrow * rows:
            room = np.empty(narrow * rows, dtype=np.int32)
        return room[: narrow * rows].reshape(narrow, rows)


class Stores:
    """Stores that are free; shared by threads. Fresh memory costs more than filling it, so it is used again."""

    def __init__(self, registers: Registers, capacity: int) -> None:
        narrow = int(registers.is_narrow.sum())
        self._shape = (len(registers) - narrow, narrow, capacity)
        self._free: list[Store] = []
        self._free_rooms: list[NDArray[np.int64]] = []

    def take(self) -> Store:
        """A store for the rows of a row group."""
        return self._free.pop() if self._free else Store(self._shape)

    def give_back(self, store: Store) -> None:
        """Say that a store is not used any more."""
        self._free.append(store)

    def clear(self) -> None:
        """Give the memory back to the system."""
        self._free.clear()
        self._free_rooms.clear()

    def take_room(self) -> NDArray[np.int64]:
        """Room for a row group's wide registers once more: int64[wide * capacity]."""
        wide, _, capacity = self._shape
        return self._free_rooms.pop() if self._free_rooms else np.empty(wide * capacity, dtype=np.int64)

    def give_room_back(self, room: NDArray[np.int64]) -> None:
        """Say that a room is not used any more."""
        self._free_rooms.append(room)
