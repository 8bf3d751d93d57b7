"""The profile of a day: all columns of all its parts, each row group read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import missing_of, values_of
from logpress.codecs.registry import codecs_of
from logpress.contract.columns import Instant
from logpress.contract.model import Contract
from logpress.manifest import SliceManifest
from logpress.quality.columns import Group
from logpress.quality.profile.counts import ColumnCounts
from logpress.quality.profile.kernels_counts import count_hours
from logpress.results import Profile

_NO_FLAGS = np.empty(0, dtype=np.bool_)
_NULL = np.iinfo(np.int64).min


class DayCounts:
    """Counts the values of all columns of a table.

    Args:
        contract: the table.
        personal: columns of which no value may be told.

    Attributes:
        names: the columns that it counts: those whose values can be compared.
    """

    def __init__(self, contract: Contract, personal: Sequence[str] = ()) -> None:
        codecs = codecs_of(contract)
        self.names = tuple(column.name for column in contract.columns if codecs[column.name].is_comparable)
        self._shifts = {
            column.helper("shift_min"): column.name
            for column in contract.columns
            if isinstance(column, Instant) and column.label_checked_by
        }
        self._day = contract.day
        self._columns = {name: ColumnCounts(name, is_personal=name in personal) for name in self.names}
        self._hours = np.zeros(24, dtype=np.int64)
        self._rows = 0

    def helpers_of(self, names: Sequence[str]) -> list[str]:
        """The hidden columns that are needed for some columns."""
        return [helper for helper, name in self._shifts.items() if name in names]

    def add(self, group: Group, names: Sequence[str], *, is_first: bool = True) -> None:
        """Add columns of a row group.

        Args:
            group: the row group.
            names: the columns that were read of it; the table's `day` is counted once only.
            is_first: whether these are its first columns.

        Raises:
            PartError: if it is damaged.
        """
        arrival = self._arrival(group, is_counted=is_first)
        self._rows += group.count if is_first else 0
        for name in names:
            counts = self._columns.get(name)
            if counts is None or (name == self._day and not is_first):
                continue
            array = group.arrays.get(name)
            if array is None:
                counts.add_nulls(group.count)
            else:
                counts.add(array, None if name == self._day else arrival)
        for helper in self.helpers_of([name for name in names if is_first or name != self._day]):
            if helper in group.helpers:
                self._columns[self._shifts[helper]].add_corrected(group.helpers[helper])

    def _arrival(self, group: Group, *, is_counted: bool) -> NDArray[np.int64] | None:
        """The instants of the table's `day`; counts their hours."""
        array = group.arrays.get(self._day)
        if array is None:
            return None
        instants, missing = values_of(array), missing_of(array)
        if is_counted:
            count_hours(instants, _NO_FLAGS if missing is None else missing, self._hours)
        return instants if missing is None else np.where(missing, _NULL, instants)

    def profile(self, manifests: Sequence[SliceManifest]) -> Profile:
        """The profile of all that was added, and of what the slices' manifests know."""
        unknown: dict[str, int] = {}
        for manifest in manifests:
            for path, rows in manifest.unknown_paths.items():
                unknown[path] = unknown.get(path, 0) + rows
        return Profile(
            rows=self._rows,
            hours=tuple(self._hours.tolist()),
            layouts=max((manifest.layouts for manifest in manifests), default=0),
            unknown_paths=_largest(unknown),
            columns=tuple(counts.profile() for counts in self._columns.values()),
        )


_MOST_PATHS = 200
"""Unknown paths that a profile names."""


def _largest(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_PATHS])
