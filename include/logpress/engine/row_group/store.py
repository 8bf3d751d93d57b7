"""The arrays of a row group, which are used again for later ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.engine.registers.registers import Registers


class Store:
    """Arrays for the registers of one row group.

    Attributes:
        wide: int64[capacity, wide registers].
        narrow: int32[capacity, narrow registers].
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        wide, narrow, capacity = shape
        # registers of a row side by side, because rows are sorted one by one
        self.wide = np.empty((capacity, wide), dtype=np.int64)
        self.narrow = np.empty((capacity, narrow), dtype=np.int32)

    def room_for_narrow(self, rows: int) -> NDArray[np.int32]:
        """An array for the sorted narrow registers, int32[narrow, rows]; in the memory of the wide ones if it fits."""
        narrow = self.shape[1]
        room = self.wide.ravel().view(np.int32)
        if len(room) < narrow * rows:
            room = np.empty(narrow * rows, dtype=np.int32)
        return room[: narrow * rows].reshape(narrow, rows)


class Stores:
    """Free stores, shared by threads. They are used again, because new memory costs more than filling it."""

    def __init__(self, registers: Registers, capacity: int) -> None:
        narrow = int(registers.is_narrow.sum())
        self._shape = (len(registers) - narrow, narrow, capacity)
        self._free: list[Store] = []
        self._free_rooms: list[NDArray[np.int64]] = []

    def take(self) -> Store:
        """A store for the rows of a row group."""
        return self._free.pop() if self._free else Store(self._shape)

    def give_back(self, store: Store) -> None:
        """Return a store that is not used any more."""
        self._free.append(store)

    def clear(self) -> None:
        """Release all memory."""
        self._free.clear()
        self._free_rooms.clear()

    def take_room(self) -> NDArray[np.int64]:
        """An array for a row group's sorted wide registers: int64[wide * capacity]."""
        wide, _, capacity = self._shape
        return self._free_rooms.pop() if self._free_rooms else np.empty(wide * capacity, dtype=np.int64)

    def give_room_back(self, room: NDArray[np.int64]) -> None:
        """Return an array of `take_room` that is not used any more."""
        self._free_rooms.append(room)
