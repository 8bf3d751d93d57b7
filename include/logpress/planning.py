"""A day's raw objects: which there are, how they are cut into slices, and which are new since a day was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from logpress.contract.model import Contract
from logpress.manifest import DayManifest, SliceSpec
from logpress.sources import Place, RawObject, day_of_path, hour_of_path, list_inputs
from logpress.sources.search.address import is_cluster

MOST_OBJECTS = 1_000
"""Objects of one slice: its manifest names them all, and travels through XCom."""


def list_objects(contract: Contract, day: date, inputs: Sequence[str]) -> list[RawObject]:
    """The raw objects of a day, in the order they are read.

    Raises:
        UsageError: if an input has no day to fill in, or its kind of storage is unknown.
        SourceError: if an input is not there, or cannot be read.
    """
    source = contract.source
    place = Place(ZoneInfo(source.path_time_zone), source.skip, source.storage_options)
    return list_inputs(inputs, day, lateness=source.lateness, place=place)


def cut_slices(contract: Contract, objects: Sequence[RawObject]) -> list[SliceSpec]:
    """Cut a day's raw objects into slices: one for each hour folder; one for the rest; large ones cut evenly."""
    zone = ZoneInfo(contract.source.path_time_zone)
    by_hour: dict[str, list[RawObject]] = {}
    for entry in objects:
        hour = hour_of_path(entry.uri, zone)
        by_hour.setdefault(f"{hour:%Y-%m-%dT%H}" if hour else "all", []).append(entry)
    slices = []
    for name, entries in sorted(by_hour.items()):
        cuts = _cuts(entries, contract.files.slice_bytes)
        for number, cut in enumerate(cuts):
            slices.append(
                SliceSpec(
                    name=name if len(cuts) == 1 else f"{name}-{number + 1:0{len(str(len(cuts)))}d}",
                    inputs=tuple(entry.uri for entry in cut),
                    raw_bytes=sum(entry.size for entry in cut),
                    named_after={
                        entry.uri: entry.day_hint
                        for entry in cut
                        if entry.day_hint is not None and day_of_path(entry.uri, zone) is None
                    },
                )
            )
    return slices


def _cuts(entries: Sequence[RawObject], most_bytes: int) -> list[list[RawObject]]:
    """Objects in their order, in as few slices as the limits allow; of those, the cuts whose largest is smallest."""
    most = max([most_bytes, *(entry.size for entry in entries)])
    fewest = len(_packed(entries, most_bytes))
    low = 0
    while low < most:
        middle = (low + most) // 2
        if len(_packed(entries, middle)) <= fewest:
            most = middle
        else:
            low = middle + 1
    return _packed(entries, most)


def _packed(entries: Sequence[RawObject], most_bytes: int) -> list[list[RawObject]]:
    cuts: list[list[RawObject]] = [[]]
    size = 0
    for entry in entries:
        if cuts[-1] and (size + entry.size > most_bytes or len(cuts[-1]) == MOST_OBJECTS):
            cuts.append([])
            size = 0
        cuts[-1].append(entry)
        size += entry.size
    return cuts


@dataclass(frozen=True)
class Changes:
    """How a day's raw objects differ from those it was published from; URIs, in order."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]

    def __str__(self) -> str:
        """One line, as `3 objects are new and 1 has changed since the last run`."""
        told = [
            (len(uris), verbs)
            for uris, verbs in (
                (self.new, ("is new", "are new")),
                (self.changed, ("has changed", "have changed")),
                (self.gone, ("is gone", "are gone")),
            )
            if uris
        ]
        if not told:
            return "no object is new or has changed since the last run"
        texts = [f"{count:,} {verbs[count > 1]}" for count, verbs in told]
        texts[0] = f"{told[0][0]:,} object{'s' * (told[0][0] > 1)} {told[0][1][told[0][0] > 1]}"
        return f"{', '.join(texts[:-1])}{' and ' * (len(texts) > 1)}{texts[-1]} since the last run"


def changes_since(objects: Sequence[RawObject], published: DayManifest) -> Changes:
    """Which raw objects are new, changed or gone since a day was published.

    An object has changed if its size is another, or its ETag (of a local file: when it was last written). Parts of
    an index that the day was pressed from too are no objects.
    """
    origins = (origin for manifest in published.slices for origin in manifest.origins)
    before = {origin.uri: origin for origin in origins if not is_cluster(origin.uri)}
    now = {entry.uri: entry for entry in objects}
    changed = [
        uri
        for uri, entry in now.items()
        if uri in before and (entry.size, entry.version) != (before[uri].stored_bytes, before[uri].version)
    ]
    return Changes(
        new=tuple(uri for uri in now if uri not in before),
        changed=tuple(changed),
        gone=tuple(uri for uri in before if uri not in now),
    )
