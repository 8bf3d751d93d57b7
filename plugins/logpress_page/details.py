"""A day in detail, from its manifest, its attempts and its contract: what changed, hours, columns, checks, rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from logpress_page import words
from logpress_page.tiles import bytes_a_record, irregular_share, reject_share

if TYPE_CHECKING:
    from logpress.contract.model import Contract
    from logpress.lake.index_rows import DayRow
    from logpress.manifest import DayManifest
    from logpress_page.states import Day, TableDays

GREW, GREW_OF_DAY = 0.1, 0.01
"""A column is named as changed if its bytes a row did by this share, and by this share of all bytes a row."""


@dataclass(frozen=True)
class Change:
    """A figure of a day beside those of others; the changes are texts, and no text if there is nothing to compare."""

    name: str
    now: str
    yesterday: str
    last_week: str
    usual: str


@dataclass(frozen=True)
class ColumnLine:
    """A column of the part files.

    Attributes:
        share: its bytes of the day's.
        fill: share of rows that have a value; None if it was not counted, or the column is logpress's own.
        change: of its bytes a row since the day before.
    """

    name: str
    meaning: str
    type: str
    path: str
    fill: float | None
    distinct: int | None
    stored_bytes: int
    share: float
    bytes_a_row: float
    change: str
    encodings: str
    is_hidden: bool
    is_personal: bool


@dataclass(frozen=True)
class SliceLine:
    """A slice."""

    name: str
    inputs: int
    records: int
    rows: int
    rejects: int
    raw_bytes: int
    stored_bytes: int
    seconds: float

    @property
    def speed(self) -> float | None:
        """MB of raw JSON a second."""
        return self.raw_bytes / self.seconds / 1e6 if self.seconds else None


@dataclass(frozen=True)
class Hour:
    """An hour of the day: its rows, and those of the day before."""

    hour: int
    rows: int
    before: int | None


def changes(days: TableDays, day: Day) -> list[Change]:
    """The figures of a day beside those of the day before, of the same weekday, and of the median of 28 days."""
    row = day.figures
    if row is None:
        return []
    yesterday, last_week = (days.of(day.day - timedelta(days=number)).figures for number in (1, 7))
    usual = days.usual(day.day)
    found = []
    for name, value_of, shown, compared in _FIGURES:
        now = value_of(row)
        known = [value for one in usual if (value := value_of(one)) is not None]
        others = [
            None if yesterday is None else value_of(yesterday),
            None if last_week is None else value_of(last_week),
            median(known) if known else None,
        ]
        texts = [f"{shown(other)} ({compared(now, other)})" if other is not None else words.NONE for other in others]
        found.append(Change(name, shown(now), *texts))
    return found


def _ratio(row: DayRow) -> float | None:
    return row.raw_bytes / row.stored_bytes if row.raw_bytes and row.stored_bytes else None


_FIGURES = (
    ("Rows", lambda row: row.rows, words.count, words.change),
    ("Hours with rows", lambda row: row.hours_present, words.count, words.change),
    ("Irregular", irregular_share, words.share, words.points),
    ("Rejects", reject_share, words.share, words.points),
    ("Raw", lambda row: row.raw_bytes, words.size, words.change),
    ("Stored", lambda row: row.stored_bytes, words.size, words.change),
    ("Smaller", _ratio, words.times, words.change),
    ("Bytes a record", bytes_a_record, lambda value: words.NONE if value is None else f"{value:.3f}", words.change),
    ("Layouts", lambda row: row.layouts, words.count, words.change),
)


def hours(manifest: DayManifest, before: DayManifest | None) -> list[Hour]:
    """The hours of a day; none if its rows were not counted by hour."""
    profile = manifest.verification.profile if manifest.verification is not None else None
    if profile is None or len(profile.hours) != 24:
        return []
    other = before.verification.profile if before is not None and before.verification is not None else None
    earlier: Sequence[int | None] = other.hours if other is not None and len(other.hours) == 24 else [None] * 24
    return [Hour(hour, rows, past) for hour, (rows, past) in enumerate(zip(profile.hours, earlier, strict=True))]


def columns(manifest: DayManifest, before: DayManifest | None, contract: Contract | None) -> list[ColumnLine]:
    """The columns of a day's parts, the largest first; last what of the parts is in no column."""
    earlier = _sizes(before) if before is not None else Counter()
    profile = manifest.verification.profile if manifest.verification is not None else None
    known = profile.by_name if profile is not None else {}
    named = contract.by_name if contract is not None else {}
    helpers = {helper: column.name for column in named.values() for helper in column.helpers}
    rows, rows_before, stored = max(1, manifest.rows), max(1, before.rows if before else 1), manifest.stored_bytes or 1
    found = []
    for stored_column in manifest.columns:
        name, size = stored_column.name, stored_column.stored_bytes
        column, profiled = named.get(name), known.get(name)
        meaning = column.description if column is not None else _OWN.get(name, "")
        if name in helpers:
            meaning = f"What {helpers[name]} needs to be restored exactly"
        found.append(
            ColumnLine(
                name=name, meaning=meaning, type=getattr(column, "type", "") if column is not None else "",
                path=" or ".join(column.path) if column is not None else "",
                fill=None if profiled is None or column is None else 1 - profiled.nulls / rows,
                distinct=None if profiled is None else profiled.distinct, stored_bytes=size, share=size / stored,
                bytes_a_row=size / rows,
                change=words.change(size / rows, earlier[name] / rows_before) if before is not None else words.NONE,
                encodings=", ".join(stored_column.encodings), is_hidden=column is None,
                is_personal=bool(getattr(column, "personal", False)),
            )
        )  # fmt: skip
    return found


_OWN = {
    "_raw": "Records that were kept whole",
    "_extra": "Values that the contract does not name",
    "_layout": "Which skeleton of keys and punctuation a record has",
}
"""What some of logpress's own columns have."""


def changed_columns(manifest: DayManifest, before: DayManifest | None) -> list[str]:
    """Sentences about columns that are new, gone, or took much more or less than the day before."""
    if before is None:
        return []
    now, past = _sizes(manifest), _sizes(before)
    rows, rows_before = max(1, manifest.rows), max(1, before.rows)
    found = [f"{name} is new" for name in now.keys() - past.keys()]
    found += [f"{name} is gone" for name in past.keys() - now.keys()]
    of_day = past.total() / rows_before
    for name in now.keys() & past.keys():
        size, other = now[name] / rows, past[name] / rows_before
        if abs(size - other) > max(GREW * other, GREW_OF_DAY * of_day):
            found.append(f"{name} takes {size:.3f} bytes a row, {words.change(size, other)}")
    unknown = manifest.unknown_paths
    for path in unknown.keys() - before.unknown_paths.keys():
        found.append(f"{path}, which the contract does not name, came with {words.counted(unknown[path], 'row')}")
    return sorted(found)


def _sizes(manifest: DayManifest) -> Counter[str]:
    return Counter({column.name: column.stored_bytes for column in manifest.columns})


def slices(manifest: DayManifest) -> list[SliceLine]:
    """The slices of a day, in order."""
    return [
        SliceLine(
            name=entry.slice, inputs=len(entry.origins), records=entry.records, rows=entry.rows, rejects=entry.rejects,
            raw_bytes=entry.raw_bytes, seconds=entry.seconds,
            stored_bytes=sum(part.stored_bytes for part in (entry.part, entry.rejects_part) if part is not None),
        )
        for entry in manifest.slices
    ]  # fmt: skip


def kept_whole(manifest: DayManifest) -> tuple[int, list[str]]:
    """(Records that had to be kept whole, where the first of them are)."""
    places = [
        f"{place.origin} record {place.record:,}" for entry in manifest.slices for place in entry.kept_whole_first
    ]
    return sum(entry.kept_whole for entry in manifest.slices), places[:5]


def footers(manifest: DayManifest) -> Mapping[str, int]:
    """Bytes of a day that are in no column, by what they are."""
    rest = {
        "Footers and page indices": manifest.footer_bytes,
        "Rejects files": sum(part.stored_bytes for part in manifest.rejects_parts),
    }
    return {name: size for name, size in rest.items() if size}
