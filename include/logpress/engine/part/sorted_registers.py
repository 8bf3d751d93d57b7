"""The registers of a row group, sorted for the file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.texts import Ints
from logpress.engine.registers.kernels_rows import gather
from logpress.engine.row_group.row_group import RowGroup


class SortedRegisters(dict[str, Any]):
    """The sorted registers of a row group, one contiguous array each."""

    def __init__(self, group: RowGroup, order: NDArray[np.int32], room: Ints) -> None:
        super().__init__()
        registers, rows = group.registers, len(order)
        wide = room[: group.store.wide.shape[1] * rows].reshape(-1, rows)
        gather(group.store.wide, order, wide)
        narrow = group.store.room_for_narrow(rows)
        gather(group.store.narrow, order, narrow)
        for name, number in registers.numbers.items():
            columns = narrow if registers.is_narrow[number] else wide
            self[name] = columns[registers.place_of[number]]
