"""A day's raw input: which there is, how it is cut into slices, and which is new since a day was published."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from logpress.contract.model import ClusterSource, Contract
from logpress.errors import AbsentError
from logpress.manifest import DayManifest, SliceSpec
from logpress.sources import Place, RawObject, hour_of_path, list_inputs
from logpress.sources.search.address import Address, is_cluster

log = logging.getLogger(__name__)

MOST_OBJECTS = 1_000
"""Objects of one slice: its manifest names them all, and travels through XCom."""


def plan_day(contract: Contract, day: date, named: Sequence[str]) -> list[SliceSpec]:
    """Cut a day's raw input into slices: that of all inputs, or of the first that has the day, as the contract says.

    Objects are cut by hour folder; for clusters see `plan_cluster`.

    Raises:
        AbsentError: if there is nothing of the day.
        NotYetError: if an index is not as it must be, and the contract wants that to be waited for.
        SourceError: if an input cannot be read.
    """
    if contract.source.use == "first":
        return _plan_first(contract, day, named)
    clusters = [uri for uri in named if is_cluster(uri)]
    others = [uri for uri in named if uri not in clusters]
    specs = []
    if clusters:
        from logpress.sources.search.plan import plan_clusters  # its client takes a third of a second to import

        specs += plan_clusters(clusters, day, contract.source)
    return specs + (_plan_objects(contract, day, others) if others else [])


def _plan_first(contract: Contract, day: date, named: Sequence[str]) -> list[SliceSpec]:
    """The slices of the first input that has the day; one that is there and cannot be read is an error."""
    source = contract.source
    absent = []
    for uri in named:
        try:
            if is_cluster(uri):
                from logpress.sources.search.plan import plan_cluster

                specs = plan_cluster(uri, day, source)
            else:
                specs = _plan_objects(contract, day, [uri])
        except AbsentError as error:
            absent.append(str(error))
            continue
        passed_over = f"; passed over: {'; '.join(absent)}" if absent else ""
        log.log(
            logging.WARNING if absent else logging.INFO,
            "%s %s is taken from %s, the first of %d inputs that has the day%s",
            contract.table, day, uri, len(named), passed_over,
        )  # fmt: skip
        return [spec.model_copy(update={"taken_from": uri}) for spec in specs]
    what = f"no input has {day}: {'; '.join(absent)}"
    if not any(map(is_cluster, named)):
        raise AbsentError(what)
    from logpress.sources.search.index import may_come

    raise may_come(what, source.missing_index)


def _plan_objects(contract: Contract, day: date, named: Sequence[str]) -> list[SliceSpec]:
    objects = list_objects(contract, day, named)
    if not objects:
        raise AbsentError(f"there is no raw input for {day} at {', '.join(named)}")
    return cut_slices(contract, objects)


def shards_of(specs: Sequence[SliceSpec]) -> int:
    """How many shards the index has that slices are pulled from; 0 if they are pulled from none."""
    return len({Address.parse(uri).shard for spec in specs for uri in spec.inputs if is_cluster(uri)})


def scrolls_of(specs: Sequence[SliceSpec], source: ClusterSource) -> int:
    """How many scrolls one slice has open at once, at the most."""
    return min(source.scrolls_at_a_time, max((len(spec.inputs) for spec in specs), default=0))


def paced(specs: Sequence[SliceSpec], source: ClusterSource, at_a_time: int) -> list[SliceSpec]:
    """Slices that share what a run may ask a cluster for a second, so many of them being pressed at a time."""
    at_a_time = max(1, min(at_a_time, len(specs)))
    if 0 < shards_of(specs) < at_a_time:
        log.warning(
            "%d slices will be pulled at a time from an index of %d shards: let `source.slices_at_a_time` be no more",
            at_a_time, shards_of(specs),
        )  # fmt: skip
    if source.documents_per_second is None:
        return list(specs)
    rate = source.documents_per_second / at_a_time
    return [spec.model_copy(update={"documents_per_second": rate}) for spec in specs]


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

    An object has changed if its size is another, or its ETag (of a local file: when it was last written).
    """
    before = {origin.uri: origin for manifest in published.slices for origin in manifest.origins}
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
