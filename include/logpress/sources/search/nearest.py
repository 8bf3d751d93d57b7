"""The days nearest to one that a cluster has no documents of, to tell a wrong name from a late day."""

from __future__ import annotations

import contextlib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from logpress.contract.source import ClusterSource
from logpress.sources.nearest import nearest
from logpress.sources.search.address import Address, Hours
from logpress.sources.search.cluster import Cluster
from logpress.sources.search.index import counts_of
from logpress.sources.window import fill_in

DAY_FORMS = ("%Y-%m-%d", "%Y.%m.%d", "%Y%m%d", "%Y_%m_%d")
"""How names of indices write a day."""

_MOST_APART = 400
"""Days before and after whose indices are known by their names."""

_MOST_HOURS_APART = timedelta(days=31)
"""The time before and after that is looked at in an index of many days."""

_MOST_INDICES = 10_000


def nearest_days(uri: str, day: date, source: ClusterSource) -> list[date]:
    """The days nearest to one that a cluster has documents of; empty if there are none, or it cannot be asked.

    They are known by the names of indices where these have the day in them, else by `source.time_field`.
    """
    found: set[date] = set()
    with contextlib.suppress(Exception):  # it only makes an error say more, whose cause may be just this
        found = _days_of(Address.parse(uri), day, source)
    return nearest(found, day)


def _days_of(named: Address, day: date, source: ClusterSource) -> set[date]:
    own = fill_in(named.index or source.index, day)
    others = own
    for form in DAY_FORMS:
        others = others.replace(day.strftime(form), "*")
    with closing(Cluster(named, source)) as cluster:
        if others != own:
            names = {"names": {"terms": {"field": "_index", "size": _MOST_INDICES}}}
            address = replace(named, index=others, hours=None)
            answer = counts_of(cluster, address, source, names)
            there = {bucket["key"] for bucket in answer["aggregations"]["names"]["buckets"]}
            apart = (day + timedelta(days=number) for number in range(-_MOST_APART, _MOST_APART + 1))
            return {other for other in apart if _renamed(own, day, other) in there}
        whole_day = Hours.of_day(day)
        hours = Hours(whole_day.begin - _MOST_HOURS_APART, whole_day.end + _MOST_HOURS_APART)
        by_day = {"field": source.time_field, "calendar_interval": "day", "min_doc_count": 1}
        address = replace(named, index=own, hours=hours)
        answer = counts_of(cluster, address, source, {"days": {"date_histogram": by_day}})
        keys = (bucket["key"] for bucket in answer["aggregations"]["days"]["buckets"])
        return {datetime.fromtimestamp(key / 1000, UTC).date() for key in keys}


def _renamed(name: str, day: date, other: date) -> str:
    """The name of another day's index."""
    for form in DAY_FORMS:
        name = name.replace(day.strftime(form), other.strftime(form))
    return name
