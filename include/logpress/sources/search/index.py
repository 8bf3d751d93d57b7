"""What an index is just now: its shards, its documents counted exactly, and whether anything was written to it."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from logpress.contract.source import ClusterSource
from logpress.errors import NotYetError, RefusedError, SourceError
from logpress.sources.restart import begun_again
from logpress.sources.search.address import Address
from logpress.sources.search.cluster import BusyError, Cluster, ForbiddenError, MissingIndexError
from logpress.sources.search.scroll import search_path

_STRICT = "ignore_unavailable=false&allow_no_indices=false"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an index has come.

    Attributes:
        documents: how many it has.
        written: tells whether anything was written between two looks, even where the counts are equal; None where the
            user may not ask.
    """

    documents: int
    written: str | None


def shards_of(cluster: Cluster, address: Address, source: ClusterSource) -> list[int]:
    """The numbers of the shards of an index, or of the indices that a pattern means.

    Raises:
        MissingIndexError: if there is no index.
        RefusedError: if an index that a pattern means is closed: searches would leave it out.
        SourceError: if shards are missing, and the contract says what of that; see `may_come`.
    """
    path = f"/{_name(address)}/_search_shards?{_STRICT}"
    names = set(cluster.ask("GET", f"{path}&expand_wildcards=open,closed")["indices"])
    try:
        found = cluster.ask("GET", path)
    except MissingIndexError:
        found = {"indices": {}, "shards": []}
    closed = sorted(names - set(found["indices"]))
    if closed:
        raise RefusedError(
            f"{address}: leaves out {', '.join(closed[:5])}{' and others' if len(closed) > 5 else ''}, closed; open "
            f"what is of the day (POST /{closed[0]}/_open), or name only the indices that are meant"
        )
    try:
        status = cluster.ask("GET", f"/_cluster/health/{_name(address)}")["status"]
    except RefusedError:  # a user who may read need not be one who may see the cluster's health
        status = "unknown"
    if status == "red":
        raise may_come(f"{address}: the index is red: some of its shards are not there", source.red_index)
    return sorted({copy["shard"] for copies in found["shards"] for copy in copies})


def may_come(what: str, decision: str) -> SourceError:
    """The error for something that is not there: it is waited for, unless the contract's decision is `fail`."""
    return (RefusedError if decision == "fail" else NotYetError)(what)


def refresh(cluster: Cluster, address: Address) -> bool:
    """Let searches see all that was indexed until now; until then it is in no count.

    Returns:
        Whether the user may do that.

    Raises:
        SourceError: if the cluster cannot do it.
    """
    try:
        found = cluster.ask("POST", f"/{_name(address)}/_refresh?{_STRICT}")
    except ForbiddenError:
        return False
    if found["_shards"]["failed"]:
        raise BusyError(f"{address.whole}: cannot be refreshed: {found['_shards']['failed']} shards failed")
    return True


def standing(cluster: Cluster, address: Address, source: ClusterSource) -> Standing:
    """How far an index has come; refresh it before.

    Where an address means some hours of an index, writes to the others do not matter, and are not looked for.
    """
    written = _written(cluster, address) if address.hours is None else None
    return Standing(count_documents(cluster, address, source), written)


def look_again(uri: str, source: ClusterSource) -> Standing:
    """How far a source that was planned has come now.

    Raises:
        SourceError: if it cannot be asked.
    """
    address = Address.parse(uri)

    def ask() -> Standing:
        with closing(Cluster(address, source)) as cluster:
            refresh(cluster, address)
            return standing(cluster, address, source)

    return begun_again(ask, source.restarts, "counting")


def count_documents(cluster: Cluster, address: Address, source: ClusterSource) -> int:
    """The exact number of documents that an address means."""
    return int(counts_of(cluster, address, source)["hits"]["total"]["value"])


def counts_of(
    cluster: Cluster, address: Address, source: ClusterSource, aggregations: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The answer to a search that gives counts only.

    Raises:
        SourceError: if a shard did not answer.
    """
    body: dict[str, Any] = {"size": 0, "track_total_hits": True, "query": address.query(source.time_field)}
    if aggregations:
        body["aggs"] = aggregations
    shard = "" if address.shard is None else f"preference=_shards:{address.shard}"
    found = cluster.ask("POST", search_path(address, shard), body)
    if found["timed_out"] or found["_shards"]["failed"]:
        raise SourceError(f"{address}: cannot be counted: some shards did not answer in time")
    total = found["hits"]["total"]
    if not isinstance(total, dict):
        found["hits"]["total"] = {"value": total}
    return found


def _written(cluster: Cluster, address: Address) -> str | None:
    """A digest of the sequence numbers of all shards: each write, deletions too, takes the next one of its shard."""
    wanted = "level=shards&filter_path=indices.*.uuid,indices.*.shards.*.seq_no.max_seq_no"
    try:
        indices = cluster.ask("GET", f"/{_name(address)}/_stats/docs?{wanted}").get("indices", {})
        numbers = {
            f"{name} {index['uuid']} {shard}": max(copy["seq_no"]["max_seq_no"] for copy in copies)
            for name, index in indices.items()
            for shard, copies in index["shards"].items()
        }
    except (RefusedError, KeyError):  # not allowed, or not known there
        return None
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:32] if numbers else None


def _name(address: Address) -> str:
    return quote(address.index, safe="*,")
