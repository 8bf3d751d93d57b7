"""Raw objects into slices, and what is new since a day was published."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpress.contract import Contract, load_contract
from logpress.contract.model import Files
from logpress.day import plan as planning
from logpress.day.plan import Changes, changes_since, cut_slices
from logpress.manifest import DayManifest, OriginStats, SliceManifest
from logpress.sources import RawObject, hour_of_path

DAY = date(2021, 12, 26)


def small(contract: Contract, slice_bytes: int = 1 << 20) -> Contract:
    return contract.model_copy(update={"files": Files(slice_bytes=slice_bytes, merge_bytes=0)})


def objects(sizes: list[int], hour: int = 10) -> list[RawObject]:
    return [
        RawObject(f"s3://b/2021/12/26/{hour:02}/{number:05}", size, DAY, str(size)) for number, size in enumerate(sizes)
    ]


@given(sizes=st.lists(st.integers(0, 1 << 20), min_size=1, max_size=60))
def test_slices_are_few_even_and_never_too_large(sdk_log, sizes) -> None:
    found = cut_slices(small(sdk_log), objects(sizes))
    assert [uri for spec in found for uri in spec.inputs] == [entry.uri for entry in objects(sizes)]
    given_bytes = [spec.raw_bytes or 0 for spec in found]
    assert max(given_bytes) <= 1 << 20
    # as few as when each is filled as far as it goes, and none more than one object above what even ones would have
    filled, count = 0, 1
    for size in sizes:
        if filled + size > 1 << 20:
            filled, count = 0, count + 1
        filled += size
    assert len(found) == count
    assert max(given_bytes) <= sum(sizes) / count + max(sizes)


def test_an_object_larger_than_a_slice_is_a_slice(sdk_log) -> None:
    found = cut_slices(small(sdk_log), objects([5 << 20, 10, 10, 7 << 20, 10]))
    assert [len(spec.inputs) for spec in found] == [1, 2, 1, 1]
    assert [spec.name for spec in found] == [f"2021-12-26T10-{number}" for number in range(1, 5)]


def test_many_small_objects_are_several_slices(sdk_log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_OBJECTS", 10)
    found = cut_slices(sdk_log, objects([1] * 95))
    assert len(found) == 10
    assert max(len(spec.inputs) for spec in found) <= 10


def hours(sizes: list[int]) -> list[RawObject]:
    return [entry for hour, size in enumerate(sizes) for entry in objects([size // 2, size - size // 2], hour)]


@given(sizes=st.lists(st.one_of(st.integers(0, 1 << 19), st.integers(0, 4 << 20)), min_size=1, max_size=24))
def test_small_hours_are_pressed_together_and_large_ones_alone(sizes) -> None:
    contract = load_contract("sdk_log")
    contract = contract.model_copy(update={"files": Files(merge_bytes=1 << 20)})
    entries = hours(sizes)
    found = cut_slices(contract, entries)
    assert Counter(uri for spec in found for uri in spec.inputs) == Counter(entry.uri for entry in entries)
    assert len({spec.name for spec in found}) == len(found)
    for spec in found:
        named = {hour_of_path(uri) for uri in spec.inputs}
        assert len(named) == 1 or (spec.raw_bytes or 0) <= 1 << 20
    for one, other in pairwise(found):  # none could have gone with the one behind it
        fits = (one.raw_bytes or 0) + (other.raw_bytes or 0) <= 1 << 20
        assert not fits or max(one.raw_bytes or 0, other.raw_bytes or 0) >= 1 << 20


def test_slices_of_several_hours_are_even_and_named_by_the_first_and_the_last() -> None:
    contract = load_contract("sdk_log")
    found = cut_slices(contract, hours([3 << 20] * 12))
    assert [spec.name for spec in found] == ["2021-12-26T00-05", "2021-12-26T06-11"]
    around = [RawObject(f"/raw/2021/12/{day}/{hour}/x", 9, DAY) for day, hour in ((25, 23), (26, "00"), (27, "01"))]
    assert [spec.name for spec in cut_slices(contract, around)] == ["2021-12-25T23-27T01"]
    assert [spec.name for spec in cut_slices(contract, [*around, RawObject("/raw/x", 9, None)])][1:] == ["all"]
    alone = contract.model_copy(update={"files": Files(merge_bytes=0)})
    assert len(cut_slices(alone, around)) == 3
    assert len(cut_slices(contract, objects([1] * 1_001))) == 2


def test_partitions_of_an_hour_are_one_slice_and_hours_are_utc(sdk_log) -> None:
    entries = [RawObject(f"/raw/game={game}/2021/12/26/{hour}/x", 9, DAY) for game in "ab" for hour in (10, 11)]
    assert [spec.name for spec in cut_slices(sdk_log, entries)] == ["2021-12-26T10", "2021-12-26T11"]
    source = sdk_log.source.model_copy(update={"path_time_zone": "Asia/Seoul"})
    korean = sdk_log.model_copy(update={"source": source})
    assert [spec.name for spec in cut_slices(korean, entries)] == ["2021-12-26T01", "2021-12-26T02"]


def published(entries: list[RawObject]) -> DayManifest:
    origins = tuple(
        OriginStats(uri=e.uri, stored_bytes=e.size, raw_bytes=9, compression="none", records=1, version=e.version)
        for e in entries
    )
    counts = {"records": 0, "rows": 0, "irregular_rows": 0, "rejects": 0, "other_day": 0, "raw_bytes": 0}
    one = SliceManifest(table="t", day=str(DAY), slice="s", origins=origins, digest="0", part=None, **counts)
    return DayManifest(table="t", day=str(DAY), published_at=datetime.now(UTC), slices=(one,))


def test_what_is_new_changed_or_gone() -> None:
    before = objects([1, 2, 3, 4])
    now = [
        before[0],
        RawObject(before[1].uri, 2, DAY, "other"),
        RawObject(before[2].uri, 5, DAY, "3"),
        *objects([9], 11),
    ]
    changes = changes_since(now, published(before))
    assert changes == Changes((now[-1].uri,), (before[1].uri, before[2].uri), (before[3].uri,))
    assert str(changes) == "1 object is new, 2 have changed and 1 is gone since the last run"


def test_parts_of_an_index_are_not_gone() -> None:
    files = objects([1, 2])
    part = RawObject("opensearch+http://search:9200/sdk-log-2021-12-26?shard=0", 0, None)
    assert changes_since(files, published([*files, part])) == Changes((), (), ())
    assert changes_since(files[:1], published([part, *files])) == Changes((), (), (files[1].uri,))


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((0, 0, 0), "no object is new or has changed since the last run"),
        ((3, 1, 0), "3 objects are new and 1 has changed since the last run"),
        ((0, 1, 0), "1 object has changed since the last run"),
        ((0, 0, 2), "2 objects are gone since the last run"),
        ((1, 0, 1), "1 object is new and 1 is gone since the last run"),
        ((1_000, 0, 0), "1,000 objects are new since the last run"),
    ],
)
def test_changes_are_told_in_one_line(counts, text) -> None:
    assert str(Changes(*(("x",) * count for count in counts))) == text
