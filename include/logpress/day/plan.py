"""Plan a day: find its raw input, cut it into slices, and find input that is new since the day was published."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from logpress.contract.model import Contract
from logpress.contract.source import ClusterSource
from logpress.errors import AbsentError
from logpress.lake.storage import normal_uri
from logpress.manifest import DayManifest, SliceSpec
from logpress.sources import Place, RawObject, day_of_path, hour_of_path, list_inputs
from logpress.sources.lakes import lake_error
from logpress.sources.nearest import near_days, nearest, nearest_days, places_of
from logpress.sources.search.address import Address, is_cluster
from logpress.sources.stored import is_local

log = logging.getLogger(__name__)

MOST_OBJECTS = 1_000
"""Upper limit of objects in a slice, because its manifest names them all and is passed through XCom."""


def plan_day(contract: Contract, day: date, named: Sequence[str]) -> list[SliceSpec]:
    """Cut a day's raw input into slices: all inputs, or the first that has the day, by the contract's `source.use`.

    Objects are cut by hour folder; for clusters see `plan_cluster`.

    Raises:
        AbsentError: if there is nothing of the day.
        NotYetError: if an index is not ready, and the contract says to wait for it.
        SourceError: if an input cannot be read.
    """
    if contract.source.use == "first":
        return _plan_first(contract, day, named)
    clusters = [uri for uri in named if is_cluster(uri)]
    others = [uri for uri in named if uri not in clusters]
    specs = []
    if clusters:
        from logpress.sources.search.plan import plan_clusters  # here, because its client takes 0.3 s to import

        specs += plan_clusters(clusters, day, contract.source)
    return specs + (_plan_objects(contract, day, others) if others else [])


def _plan_first(contract: Contract, day: date, named: Sequence[str]) -> list[SliceSpec]:
    """The slices of the first input that has the day. An input that exists but cannot be read is an error."""
    source = contract.source
    absent = []
    for uri in named:
        try:
            if is_cluster(uri):
                from logpress.sources.search.plan import plan_cluster

                specs = plan_cluster(uri, day, source)
            else:
                specs = cut_slices(contract, _objects(contract, day, [uri]))
        except AbsentError as error:
            absent.append(str(error))
            continue
        skipped = f"; skipped: {'; '.join(absent)}" if absent else ""
        log.log(
            logging.WARNING if absent else logging.INFO,
            "%s %s is read from %s, the first of %d inputs that has the day%s",
            contract.table, day, uri, len(named), skipped,
        )  # fmt: skip
        return [spec.model_copy(update={"taken_from": uri}) for spec in specs]
    near = nearest((other for uri in named for other in _near(contract, day, uri)), day)
    what = f"no input has records of {day}: {'; '.join(absent)}{near_days(near)}"
    if not any(map(is_cluster, named)):
        raise AbsentError(what)
    from logpress.sources.search.index import may_come

    raise may_come(what, source.missing_index)


def _plan_objects(contract: Contract, day: date, named: Sequence[str]) -> list[SliceSpec]:
    try:
        return cut_slices(contract, _objects(contract, day, named))
    except AbsentError as error:
        near = nearest_days(named, day, _place(contract))
        raise AbsentError(f"{error}{near_days(near) or '; no day near it was found there'}") from error


def _objects(contract: Contract, day: date, named: Sequence[str]) -> list[RawObject]:
    objects = list_objects(contract, day, named)
    if not objects:
        looked = ", ".join(places_of(named, day, _place(contract)))
        raise AbsentError(f"there is no raw input for {day} at {looked}")
    return objects


def _near(contract: Contract, day: date, uri: str) -> list[date]:
    if not is_cluster(uri):
        return nearest_days([uri], day, _place(contract))
    from logpress.sources.search import nearest as in_cluster

    return in_cluster.nearest_days(uri, day, contract.source)


def see_apart(inputs: Sequence[str], lake_uri: str) -> None:
    """Check that no input lies in the lake that a day is pressed into; on a local disk, listing finds any lake.

    Raises:
        UsageError: if one does.
    """
    lake = normal_uri(lake_uri)
    for uri in inputs:
        if not is_local(uri) and f"{uri.rstrip('/')}/".startswith(f"{lake}/"):
            raise lake_error(uri, lake)


def shards_of(specs: Sequence[SliceSpec]) -> int:
    """The number of shards of the index that the slices are read from; 0 if they are read from files."""
    return len({Address.parse(uri).shard for spec in specs for uri in spec.inputs if is_cluster(uri)})


def scrolls_of(specs: Sequence[SliceSpec], source: ClusterSource) -> int:
    """The largest number of scrolls that one slice has open at once."""
    return min(source.scrolls_at_a_time, max((len(spec.inputs) for spec in specs), default=0))


def paced(specs: Sequence[SliceSpec], source: ClusterSource, at_a_time: int) -> list[SliceSpec]:
    """The slices, each with its share of the run's rate limit, if `at_a_time` of them are pressed at once."""
    at_a_time = max(1, min(at_a_time, len(specs)))
    if 0 < shards_of(specs) < at_a_time:
        log.warning(
            "%d slices will be read at once from an index of %d shards; lower `source.slices_at_a_time` to that number",
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
        SourceError: if an input is missing, or cannot be read.
    """
    return list_inputs(inputs, day, lateness=contract.source.lateness, place=_place(contract))


def _place(contract: Contract) -> Place:
    source = contract.source
    return Place(ZoneInfo(source.path_time_zone), source.skip, source.storage_options)


@dataclass(frozen=True)
class _Piece:
    """The unit that is not cut: an object of a large hour, or a whole small hour."""

    hour: str
    entries: Sequence[RawObject]

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in self.entries)


_ALL = "all"
"""The hour of objects whose path names none; it sorts after all others."""


def cut_slices(contract: Contract, objects: Sequence[RawObject]) -> list[SliceSpec]:
    """Cut a day's raw objects into slices: one an hour, but adjacent small hours joined and large hours cut evenly."""
    zone = ZoneInfo(contract.source.path_time_zone)
    by_hour: dict[str, list[RawObject]] = {}
    for entry in objects:
        begin = hour_of_path(entry.uri, zone)
        by_hour.setdefault(f"{begin:%Y-%m-%dT%H}" if begin else _ALL, []).append(entry)
    files = contract.files
    merged_bytes = min(files.merge_bytes, files.slice_bytes)
    slices: list[SliceSpec] = []

    def is_small(hour: _Piece) -> bool:
        return hour.hour != _ALL and hour.bytes < merged_bytes and len(hour.entries) <= MOST_OBJECTS

    hours = [_Piece(name, entries) for name, entries in sorted(by_hour.items())]
    for are_small, run in groupby(hours, is_small):
        if are_small:
            cuts = _cuts(list(run), merged_bytes)
            slices += [_slice(_span_name(cut[0].hour, cut[-1].hour), cut, zone) for cut in cuts]
            continue
        for hour in run:
            cuts = _cuts([_Piece(hour.hour, [entry]) for entry in hour.entries], files.slice_bytes)
            digits = len(str(len(cuts)))
            names = [hour.hour] if len(cuts) == 1 else [f"{hour.hour}-{n + 1:0{digits}d}" for n in range(len(cuts))]
            slices += [_slice(name, cut, zone) for name, cut in zip(names, cuts, strict=True)]
    return slices


def _span_name(first: str, last: str) -> str:
    """A name such as `2021-12-26T10-12`, or `2021-12-25T23-26T01`."""
    if first == last:
        return first
    return f"{first}-{last[11:] if first[:10] == last[:10] else last[8:]}"


def _slice(name: str, cut: Sequence[_Piece], zone: ZoneInfo) -> SliceSpec:
    entries = [entry for piece in cut for entry in piece.entries]
    return SliceSpec(
        name=name,
        inputs=tuple(entry.uri for entry in entries),
        raw_bytes=sum(entry.size for entry in entries),
        named_after={
            entry.uri: entry.day_hint
            for entry in entries
            if entry.day_hint is not None and day_of_path(entry.uri, zone) is None
        },
    )


def _cuts(pieces: Sequence[_Piece], most_bytes: int) -> list[list[_Piece]]:
    """Cut pieces, in order, into as few slices as the limits allow, with the largest slice as small as possible."""
    most = max([most_bytes, *(piece.bytes for piece in pieces)])
    fewest = len(_packed(pieces, most_bytes))
    low = 0
    while low < most:
        middle = (low + most) // 2
        if len(_packed(pieces, middle)) <= fewest:
            most = middle
        else:
            low = middle + 1
    return _packed(pieces, most)


def _packed(pieces: Sequence[_Piece], most_bytes: int) -> list[list[_Piece]]:
    cuts: list[list[_Piece]] = [[]]
    size = count = 0
    for piece in pieces:
        if cuts[-1] and (size + piece.bytes > most_bytes or count + len(piece.entries) > MOST_OBJECTS):
            cuts.append([])
            size = count = 0
        cuts[-1].append(piece)
        size += piece.bytes
        count += len(piece.entries)
    return cuts


@dataclass(frozen=True)
class Changes:
    """URIs of raw objects that differ from those the day was published from, in order."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether an object differs."""
        return bool(self.new or self.changed or self.gone)

    def __str__(self) -> str:
        """One line, such as `3 objects are new and 1 has changed since the last run`."""
        counts = [
            (len(uris), verbs)
            for uris, verbs in (
                (self.new, ("is new", "are new")),
                (self.changed, ("has changed", "have changed")),
                (self.gone, ("is gone", "are gone")),
            )
            if uris
        ]
        if not counts:
            return "no object is new or has changed since the last run"
        texts = [f"{count:,} {verbs[count > 1]}" for count, verbs in counts]
        texts[0] = f"{counts[0][0]:,} object{'s' * (counts[0][0] > 1)} {counts[0][1][counts[0][0] > 1]}"
        return f"{', '.join(texts[:-1])}{' and ' * (len(texts) > 1)}{texts[-1]} since the last run"


def changed_objects(contract: Contract, day: date, inputs: Sequence[str], published: DayManifest) -> Changes | None:
    """Compare a day's raw objects with those that it was published from; None if it is read from no objects.

    Raises:
        SourceError: if an input is missing, or cannot be listed.
    """
    named = [uri for uri in inputs or contract.source.inputs if not is_cluster(uri)]
    if contract.source.use == "first":  # because the other inputs were not read
        named = [uri for uri in named if uri in published.taken_from]
    return changes_since(list_objects(contract, day, named), published) if named else None


def changes_since(objects: Sequence[RawObject], published: DayManifest) -> Changes:
    """Find raw objects that are new, changed or gone since a day was published.

    An object has changed if its size or ETag (of a local file: time of last change) differs. Indices that the day was
    pressed from are ignored.
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
