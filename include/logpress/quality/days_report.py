"""The report of a range of days: a day each, and their totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

from logpress.quality.prices import DEFAULT, Prices
from logpress.quality.size_report import DayReport


class FieldTotal(BaseModel):
    """A column over all days of a range; the names are those of `FieldReport`."""

    model_config = ConfigDict(frozen=True)

    name: str
    raw_bytes: int | None
    stored_bytes: int


class DaysReport(BaseModel):
    """The published days of a range in figures.

    Attributes:
        first: the first of them.
        last: the last of them.
        missing: days between them that are not published.
        unreadable: why the manifest of a day cannot be read, by day; the totals lack these days.
        days: the others.
        gzip_bytes: sum of the days' estimates; None if a day has none. So are the next two.
        usd_a_month: dollars a month for `days_kept` days like the mean of these.
        fields: bytes by column over all days, the largest first; their sums are the totals.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    first: str
    last: str
    missing: tuple[str, ...]
    unreadable: dict[str, str]
    days: tuple[DayReport, ...]
    rows: int
    irregular_rows: int
    rejects: int
    raw_bytes: int
    stored_bytes: int
    input_bytes: int
    ratio: float
    stored_bytes_a_record: float
    gzip_bytes: int | None
    zstd_bytes: int | None
    parquet_bytes: int | None
    usd_a_month: float
    usd_per_gb_month: float
    days_kept: int
    fields: tuple[FieldTotal, ...]

    @classmethod
    def of(
        cls,
        table: str,
        first: date,
        last: date,
        days: Sequence[DayReport],
        unreadable: Mapping[str, str],
        prices: Prices = DEFAULT,
    ) -> DaysReport:
        """The report of days.

        Args:
            table: the table.
            first: the first published day.
            last: the last one.
            days: the reports of those that can be read, in order.
            unreadable: why others cannot, by day.
            prices: what storage costs.
        """
        there = {day.day for day in days} | set(unreadable)
        all_days = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
        stored, raw = sum(day.stored_bytes for day in days), sum(day.raw_bytes for day in days)
        records = sum(day.rows + day.rejects for day in days)
        return cls(
            table=table,
            first=first.isoformat(),
            last=last.isoformat(),
            missing=tuple(day for day in all_days if day not in there),
            unreadable=dict(unreadable),
            days=tuple(days),
            rows=sum(day.rows for day in days),
            irregular_rows=sum(day.irregular_rows for day in days),
            rejects=sum(day.rejects for day in days),
            raw_bytes=raw,
            stored_bytes=stored,
            input_bytes=sum(day.input_bytes for day in days),
            ratio=round(raw / stored, 2) if stored else 0.0,
            stored_bytes_a_record=round(stored / records, 4) if records else 0.0,
            gzip_bytes=_total([day.elsewhere.gzip_bytes if day.elsewhere else None for day in days]),
            zstd_bytes=_total([day.elsewhere.zstd_bytes if day.elsewhere else None for day in days]),
            parquet_bytes=_total([day.elsewhere.parquet_bytes if day.elsewhere else None for day in days]),
            usd_a_month=prices.usd_a_month(stored / len(days)) if days else 0.0,
            usd_per_gb_month=prices.usd_per_gb_month,
            days_kept=prices.days_kept,
            fields=_fields(days),
        )


def _total(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _fields(days: Sequence[DayReport]) -> tuple[FieldTotal, ...]:
    raw: dict[str, list[int | None]] = {}
    stored: dict[str, int] = {}
    for day in days:
        for field in day.fields:
            raw.setdefault(field.name, []).append(field.raw_bytes)
            stored[field.name] = stored.get(field.name, 0) + field.stored_bytes
    totals = [FieldTotal(name=name, raw_bytes=_total(raw[name]), stored_bytes=stored[name]) for name in stored]
    return tuple(sorted(totals, key=lambda field: -field.stored_bytes))
