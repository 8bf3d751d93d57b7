"""Division of the memory that restoring is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logpress.engine.restore.wanted import WantedGroup
from logpress.limits import Limits


@dataclass(frozen=True)
class MemoryPlan:
    """Use of memory while restoring; it does not change what is written.

    Attributes:
        threads: number of row groups dealt out at a time, and of pieces rendered at a time.
        kept_bytes: bytes that buckets keep in memory; more goes to disk.
        bucket_bytes: planned size of a bucket.
        buckets: number of buckets.
    """

    threads: int
    kept_bytes: int
    bucket_bytes: int
    buckets: int

    @classmethod
    def of(cls, memory: int | None, threads: int, groups: Sequence[WantedGroup], limits: Limits) -> MemoryPlan:
        """The fastest plan within `memory` bytes, if they are given and suffice."""
        kept, bucket = limits.kept_bytes, limits.bucket_bytes
        if memory is not None:
            left = memory - limits.imported_bytes - limits.restoring_bytes
            a_group = max(_dealt_bytes(group, limits) for group in groups)
            threads = max(1, min(threads, left // max(1, a_group)))
            kept = max(0, min(kept, left - threads * a_group))
            bucket = max(limits.smallest_bucket_bytes, min(bucket, (left - kept) // 5))
        wanted = sum(limits.sorted_row_bytes * group.rows + group.text_bytes for group in groups) // bucket
        return cls(threads, kept, bucket, max(1, min(wanted, sum(group.rows for group in groups))))


def _dealt_bytes(group: WantedGroup, limits: Limits) -> int:
    """Estimated bytes for reading a row group and dealing it out."""
    reader, number = group.reader, group.number
    return limits.dealt_row_bytes * reader.rows_by_group[number] + limits.dealt_text_copies * reader.text_bytes[number]
