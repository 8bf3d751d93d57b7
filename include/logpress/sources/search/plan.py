"""Cut the index of a day into slices whose documents add up to the whole index, exactly."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from logpress.contract.source import ClusterSource
from logpress.errors import AbsentError, SourceError, UsageError
from logpress.manifest import SliceSpec
from logpress.sources.listing import fill_in
from logpress.sources.nearest import near_days
from logpress.sources.restart import begun_again
from logpress.sources.search.address import Address, Hours
from logpress.sources.search.cluster import BusyError, Cluster
from logpress.sources.search.index import counts_of, may_come, refresh, shards_of, standing
from logpress.sources.search.nearest import DAY_FORMS, nearest_days
from logpress.sources.search.scroll import hits_of, search_path

log = logging.getLogger(__name__)

_PROBED = 50
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Range:
    """Documents of some hours, or those of none of them.

    Attributes:
        name: for the slice.
        hours: which.
        is_rest: whether those that are not of these hours are meant.
        counts: documents by shard.
    """

    name: str
    hours: Hours
    is_rest: bool
    counts: dict[int, int]

    @property
    def documents(self) -> int:
        return sum(self.counts.values())

    def cell(self, address: Address, shard: int) -> Address:
        if self.is_rest:
            return replace(address, rest=self.hours, shard=shard)
        return replace(address, hours=self.hours, shard=shard)


def plan_clusters(uris: Sequence[str], day: date, source: ClusterSource) -> list[SliceSpec]:
    """Cut a day that lies in clusters into slices, whose names tell them from those of objects; see `plan_cluster`.

    Raises:
        NotYetError: if an index is missing or empty, and the contract wants that to be waited for.
        RefusedError: if it wants that to fail.
    """
    specs = []
    for number, uri in enumerate(uris, 1):
        prefix = f"index-{number}-" if len(uris) > 1 else "index-"
        try:
            specs += plan_cluster(uri, day, source, prefix)
        except AbsentError as error:
            if source.missing_index != "empty":
                near = near_days(nearest_days(uri, day, source))
                raise may_come(f"{error}{near}", source.missing_index) from error
            specs.append(SliceSpec(name=f"{prefix}empty", inputs=()))
    return specs


def plan_cluster(uri: str, day: date, source: ClusterSource, prefix: str = "index-") -> list[SliceSpec]:
    """Cut a day into slices: by hour, several small hours together, large ones by shard.

    Each input of a slice is a part of one shard. An index that is the day's own (its name holds the day) is taken
    whole: documents whose time lies outside the day, or cannot be read, make up a slice `rest`. Of an index that holds
    other days too, the day's hours are taken.

    Args:
        uri: of the cluster, with an index or without.
        day: the UTC day.
        source: how to pull.
        prefix: for the names of the slices.

    Raises:
        AbsentError: if the index is not there, or has no documents of the day.
        NotYetError: if it lacks shards, or is still being written, and the contract wants that to be waited for.
        RefusedError: if the contract wants that to fail, or an index is closed.
        UsageError: if nothing names an index, or the day in one that holds others too.
    """
    return begun_again(lambda: _plan(uri, day, source, prefix), source.restarts, "planning", BusyError)


def _plan(uri: str, day: date, source: ClusterSource, prefix: str) -> list[SliceSpec]:
    named = Address.parse(uri)
    pattern = named.index or source.index
    if not pattern:
        raise UsageError(f"{uri}: names no index, nor does `source.index` of the contract")
    if named.shard is not None or named.rest is not None:
        raise UsageError(f"{uri}: names a part of an index, as plan does; name the index, or some hours of it")
    address = replace(named, index=fill_in(pattern, day))
    is_daily = address.index != pattern or any(day.strftime(form) in pattern for form in DAY_FORMS)
    hours = named.hours or (None if is_daily else Hours.of_day(day))
    if hours is not None and not source.time_field:
        raise UsageError(f"{address}: may hold other days too; let `source.time_field` say by which field to tell")
    with closing(Cluster(address, source)) as cluster:
        shards = shards_of(cluster, address, source)
        if not refresh(cluster, address):
            log.warning(
                "%s: the user may not refresh it (indices:admin/refresh): documents that it has not made searchable "
                "yet are neither counted nor pulled",
                address,
            )
        universe = replace(address, hours=hours)
        may_grow = source.growing_index == "go_on"
        for _ in range(_TRIES):
            before = standing(cluster, universe, source)
            ranges = _ranges(cluster, universe, day, source, shards)
            after = standing(cluster, universe, source)
            total = sum(entry.documents for entry in ranges)
            if before == after and before.documents == total:
                break
            if may_grow and before.documents <= total <= after.documents:
                break
        else:
            raise may_come(
                f"{universe}: had {before.documents} documents, then {after.documents}, and its shards {total}: it is "
                "still being written; press the day once nothing writes to it any more, or let `source.growing_index` "
                "be go_on",
                source.growing_index,
            )
        if total == 0:
            raise AbsentError(f"{universe}: the index has no documents of the day")
        hit_bytes = _probe(cluster, universe, source)
    slices = list(_slices(universe, ranges, source.slice_documents))
    return [
        SliceSpec(
            name=f"{prefix}{name}",
            inputs=tuple(str(cell) for cell, _ in cells),
            expected=tuple(count for _, count in cells),
            raw_bytes=int(hit_bytes * sum(count for _, count in cells)),
            source=str(universe),
            source_records=total,
            source_written=None if may_grow else before.written,
        )
        for name, cells in slices
    ]


def _ranges(cluster: Cluster, universe: Address, day: date, source: ClusterSource, shards: list[int]) -> list[_Range]:
    """The hours of the day, and the rest, with their counts by shard."""
    whole = universe.hours or Hours.of_day(day)
    steps = int((whole.end - whole.begin) / timedelta(hours=1)) if source.time_field else 0
    hours = [
        Hours(whole.begin + timedelta(hours=step), whole.begin + timedelta(hours=step + 1)) for step in range(steps)
    ]
    filters = {str(hour): hour.query(source.time_field) for hour in hours}
    filters[_REST] = {"bool": {"must_not": [whole.query(source.time_field)]}} if hours else {"match_all": {}}
    by_name: dict[str, dict[int, int]] = {name: {} for name in filters}
    totals: dict[int, int] = {}
    for shard in shards:
        found = counts_of(cluster, replace(universe, shard=shard), source, {"by": {"filters": {"filters": filters}}})
        totals[shard] = found["hits"]["total"]["value"]
        for name, bucket in found["aggregations"]["by"]["buckets"].items():
            by_name[name][shard] = bucket["doc_count"]
    if any(sum(counts[shard] for counts in by_name.values()) != totals[shard] for shard in shards):
        hours = []  # documents of several instants would be in several slices: cut by shards only
    if not hours:
        return [_Range("all", whole, False, totals)]
    ranges = [_Range(f"{hour.begin:%Y-%m-%dT%H}", hour, False, by_name[str(hour)]) for hour in hours]
    return [*ranges, _Range("rest", whole, True, by_name[_REST])]


_REST = "rest"


def _slices(universe: Address, ranges: list[_Range], most: int) -> Iterator[tuple[str, list[tuple[Address, int]]]]:
    """Names of slices, and their inputs with the documents of each."""
    if sum(entry.documents for entry in ranges) <= most or len(ranges) == 1:
        totals: dict[int, int] = {}
        for entry in ranges:
            for shard, count in entry.counts.items():
                totals[shard] = totals.get(shard, 0) + count
        cells = [(replace(universe, shard=shard), count) for shard, count in sorted(totals.items()) if count]
        yield from _by_shards("all", cells, most)
        return
    for entry in _merged(ranges, most):
        cells = [(entry.cell(universe, shard), count) for shard, count in sorted(entry.counts.items()) if count]
        yield from _by_shards(entry.name, cells, most)


def _merged(ranges: list[_Range], most: int) -> Iterator[_Range]:
    """Consecutive hours together, as long as they are not too many documents."""
    waiting: _Range | None = None
    for entry in ranges:
        fits = waiting is not None and not entry.is_rest and waiting.documents + entry.documents <= most
        if waiting is not None and fits:
            counts = {shard: count + entry.counts[shard] for shard, count in waiting.counts.items()}
            name = f"{waiting.name[:13]}-{entry.name[-2:]}"
            waiting = _Range(name, Hours(waiting.hours.begin, entry.hours.end), False, counts)
            continue
        if waiting is not None and waiting.documents:
            yield waiting
        waiting = entry
    if waiting is not None and waiting.documents:
        yield waiting


def _by_shards(
    name: str, cells: list[tuple[Address, int]], most: int
) -> Iterator[tuple[str, list[tuple[Address, int]]]]:
    groups: list[list[tuple[Address, int]]] = [[]]
    for cell, count in cells:
        if groups[-1] and sum(documents for _, documents in groups[-1]) + count > most:
            groups.append([])
        groups[-1].append((cell, count))
    for group in groups:
        numbers = "-".join(str(cell.shard) for cell, _ in group)
        yield name if len(groups) == 1 else f"{name}-shard-{numbers}", group


def _probe(cluster: Cluster, address: Address, source: ClusterSource) -> float:
    """Mean size of some hits, in bytes."""
    body: dict[str, Any] = {"size": _PROBED, "query": address.query(source.time_field)}
    if source.hit_fields:
        body["docvalue_fields"] = list(source.hit_fields)
    data, _ = cluster.fetch("POST", search_path(address), body)
    try:
        return len(data) / max(1, len(hits_of(data)))
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{address}: answers a search with something else: {data[:80]!r}") from error
