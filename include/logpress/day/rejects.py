"""The rejects of a published day: how many of which reason, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from logpress.lake import Lake
from logpress.quality.reject_examples import reject_examples
from logpress.results import RejectExample


def rejects_of(
    lake: Lake, table: str, day: date, limit: int, reason: str | None = None
) -> tuple[dict[str, int], Iterator[RejectExample]]:
    """(Rejects by reason, the first ones of each reason).

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        limit: examples of a reason at most.
        reason: the only one of which there are examples; all if None.

    Raises:
        LakeError: if the day is not published.
        PartError: while examples are read, if a rejects file is missing or damaged.
    """
    manifest = lake.need_day(table, day)
    entries = [entry for entry in manifest.slices if entry.rejects_part is not None]
    files = zip(lake.files(manifest)[1], (entry.reject_reasons for entry in entries), strict=True)
    return dict(sorted(manifest.reject_reasons.items())), reject_examples(files, limit, reason)
