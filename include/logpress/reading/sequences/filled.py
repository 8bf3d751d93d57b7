"""The records of entities as they were read, in buckets, and the entities for which labels hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.reading.sequences.buckets import Buckets
from logpress.reading.sequences.entity import KeyColumns, Keys
from logpress.reading.sequences.users import Users, members


@dataclass(frozen=True)
class Filled:
    """Records in buckets.

    Attributes:
        buckets: the records.
        key_columns: what turned keys into integers.
        labelled: for each label, keys of entities for which it holds, some of them more than once.
        last: how many of the last records of an entity are kept.
    """

    buckets: Buckets
    key_columns: KeyColumns
    labelled: dict[str, Keys]
    last: int

    def users(self, bucket: int) -> Users | None:
        """The entities of a bucket, sorted anew at each call; None if it has none."""
        return self.buckets.users(bucket, self.last)

    def labels(self, users: Users) -> dict[str, NDArray[np.bool_]]:
        """Of each label, bool[users]: whether it holds."""
        return {name: members(users.keys, keys) for name, keys in self.labelled.items()}
