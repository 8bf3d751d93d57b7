"""Whether a publication gives readers anything that the one before did not: what `changed` of an asset's event says.

It is decided by content: records, counts, contract and version. Slices, the order of rows, names of files, times and
the runs that wrote them do not count.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime

from logpress.errors import LogpressError
from logpress.hashing.digest import combine
from logpress.lake import Lake
from logpress.lake.history import kept
from logpress.manifest import DayManifest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publisher:
    """The run that publishes a day.

    Attributes:
        run: its name, as that of its staging.
        began: when it opened its staging, anew if it was cleared; UTC. All its tries since then are one publication.
    """

    run: str
    began: datetime

    def has_made(self, manifest: DayManifest) -> bool:
        """Whether it published this, in this try or in one that was killed after its commit."""
        return manifest.run == self.run and manifest.published_at >= self.began


def published_before(lake_uri: str, table: str, day: date, by: Publisher) -> DayManifest | None:
    """The publication that readers had before a run published the day; None if there was none, or none can be read.

    A retried task finds the publication of its own first try in the lake, and takes the one before it.

    Args:
        lake_uri: the lake.
        table: the table.
        day: the UTC day.
        by: the run that is about to publish.
    """
    try:
        lake = Lake.open(lake_uri)
        try:
            current = lake.read_day(table, day)
        except LogpressError as error:
            log.warning("the manifest of %s %s cannot be read; a kept copy is compared with: %s", table, day, error)
        else:
            if current is None or not by.has_made(current):
                return current
        others = [one for one in kept(lake, table, day) if one.snapshot_id is not None and not by.has_made(one)]
    except LogpressError as error:
        log.warning("what %s %s was before is not known, so it counts as changed: %s", table, day, error)
        return None
    return others[-1] if others else None


def is_changed(before: DayManifest | None, now: DayManifest, by: Publisher) -> bool:
    """Whether a day has other content than before.

    Args:
        before: what `published_before` gave back.
        now: what stands since the run has published.
        by: the run that published.

    Returns:
        False if the same was published already, by whichever run, or if both have the same content.
    """
    if not by.has_made(now):  # what stood already had the same slices, and stays
        return False
    return before is None or not same_content(before, now)


def same_content(left: DayManifest, right: DayManifest) -> bool:
    """Whether two publications of a day give readers the same values of the same records, in whatever order.

    The same files do. So do files that the same logpress pressed with the same contract from the same records,
    however these were cut into slices.
    """
    return _files(left) == _files(right) or (_is_noted(left) and _content(left) == _content(right))


def _is_noted(manifest: DayManifest) -> bool:
    """Whether it is known what each slice was pressed with; an older logpress did not note it."""
    return all(one.contract_sha256 and one.written_by for one in manifest.slices)


def _files(manifest: DayManifest) -> list[str]:
    return sorted(part.sha256 for part in (*manifest.parts, *manifest.rejects_parts))


def _content(manifest: DayManifest) -> tuple[object, ...]:
    """What readers can tell apart.

    The digest is of rows and rejects together. Which records are rejects is decided by each record alone, but for
    duplicates and records without a day: where there are some, slices must be equal one by one.
    """
    slices = [one for one in manifest.slices if one.rows or one.rejects]
    by_slice = [(one.digest, one.rows, one.rejects, one.raw_bytes) for one in slices]
    return (
        sorted(by_slice) if any(one.duplicates or one.without_day for one in slices) else None,
        combine(one.digest for one in slices),
        *(sum(counts) for counts in zip(*(counts for _, *counts in by_slice), strict=True)),
        {one.contract_sha256 for one in slices},
        {one.written_by for one in slices},
    )
