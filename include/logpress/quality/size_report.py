"""The report of a published day: rows, rejects, bytes saved, and where the bytes of each column are."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from pydantic import BaseModel, ConfigDict

from logpress.contract.model import Contract
from logpress.manifest import DayManifest, OriginStats
from logpress.quality.estimates import Estimates, estimate
from logpress.quality.field_report import ColumnReport, FieldReport, columns_of, fields_of
from logpress.quality.prices import DEFAULT, Prices
from logpress.results import CheckResult
from logpress.sources.dated import folder_above
from logpress.sources.search.address import is_cluster

MEDIAN_DAYS = 28
"""Days before a day whose median it is compared with."""


class PlaceReport(BaseModel):
    """A folder or index with some of a day's records."""

    model_config = ConfigDict(frozen=True)

    place: str
    inputs: int
    records: int
    stored_bytes: int


class Elsewhere(BaseModel):
    """What a day takes in other formats: estimated from the first MB of rows of each slice.

    Attributes:
        sampled_rows: rows that were measured.
        sampled_bytes: their bytes.
        gzip_bytes: with gzip, level 6.
        zstd_bytes: with zstd, level 3.
        parquet_bytes: as Parquet of pyarrow: a column a JSON key, snappy; None if pyarrow cannot read the records.
    """

    model_config = ConfigDict(frozen=True)

    sampled_rows: int
    sampled_bytes: int
    gzip_bytes: int
    zstd_bytes: int
    parquet_bytes: int | None


class DayReport(BaseModel):
    """A published day in figures.

    Attributes:
        raw_bytes: bytes of the records, separators not counted.
        stored_bytes: bytes of all Parquet files, rejects included.
        input_bytes: stored bytes of the raw objects that were read, as they came, records of other days included.
        without_day: rejects whose day cannot be read, from inputs that name no day.
        ratio: raw_bytes / stored_bytes.
        erased: records that were erased since the day was pressed, the last of them at `erased_at` (UTC).
        kept_whole: rows kept whole because the proof found that their layouts did not restore them.
        taken_from: the input that was read, if only the first that has the day is (`use: first`).
        places: folders (without subfolders that name a time) and indices of the raw input, most records first.
        columns: the columns of the part files, hidden ones too, the largest first; the last is FOOTERS.
        fields: the columns as readers see them, the largest first. Their bytes, with those of FOOTERS and REJECTS, are
            the bytes of the files, and their raw bytes are `raw_bytes`, both to the byte.
        elsewhere: the day in other formats; None if it was pressed before that was measured.
        usd_a_month: dollars a month for `days_kept` days like this one, at `usd_per_gb_month`.
        median_bytes_a_record: median of stored_bytes_a_record of the published days among the 28 before; None without
            any, or if they were not looked at.
        proven_at: when the proof ended (UTC); None if it is not known.
        hours: rows by hour (UTC), 24 numbers; empty if they were not counted.
        checks: the results of all checks.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    day: str
    published_at: str
    slices: int
    files: int
    rows: int
    irregular_rows: int
    kept_whole: int = 0
    rejects: int
    erased: int = 0
    erased_at: str | None = None
    without_day: int
    other_day: int
    raw_bytes: int
    stored_bytes: int
    input_bytes: int = 0
    ratio: float
    stored_bytes_a_record: float
    reject_reasons: dict[str, int]
    unknown_paths: dict[str, int]
    damaged_origins: dict[str, str]
    taken_from: tuple[str, ...]
    places: tuple[PlaceReport, ...]
    columns: tuple[ColumnReport, ...]
    fields: tuple[FieldReport, ...] = ()
    elsewhere: Elsewhere | None = None
    usd_a_month: float = 0.0
    usd_per_gb_month: float = 0.0
    days_kept: int = 0
    median_bytes_a_record: float | None = None
    median_days: int = 0
    proven_at: str | None = None
    hours: tuple[int, ...] = ()
    checks: tuple[CheckResult, ...] = ()

    @classmethod
    def of(
        cls,
        manifest: DayManifest,
        contract: Contract | None = None,
        *,
        earlier: Sequence[float] = (),
        prices: Prices = DEFAULT,
    ) -> DayReport:
        """The report of a published day.

        Args:
            manifest: the day.
            contract: the table; says which column a hidden column serves. Each serves itself if None.
            earlier: `bytes_a_record` of the published days among the `MEDIAN_DAYS` before.
            prices: what storage costs.
        """
        stored = manifest.stored_bytes
        estimates = estimate(manifest.slices)
        found = manifest.verification
        a_record = bytes_a_record(manifest)
        return cls(
            table=manifest.table,
            day=manifest.day,
            published_at=manifest.published_at.isoformat(),
            slices=len(manifest.slices),
            files=len(manifest.parts) + len(manifest.rejects_parts),
            rows=manifest.rows,
            irregular_rows=sum(entry.irregular_rows for entry in manifest.slices),
            kept_whole=sum(entry.kept_whole for entry in manifest.slices),
            rejects=manifest.rejects,
            erased=manifest.erased,
            erased_at=manifest.erasures[-1].erased_at.isoformat() if manifest.erasures else None,
            without_day=sum(entry.without_day for entry in manifest.slices),
            other_day=sum(entry.other_day for entry in manifest.slices),
            raw_bytes=manifest.raw_bytes,
            stored_bytes=stored,
            input_bytes=sum(origin.stored_bytes for entry in manifest.slices for origin in entry.origins),
            ratio=round(manifest.raw_bytes / stored, 2) if stored else 0.0,
            stored_bytes_a_record=round(a_record or 0.0, 4),
            reject_reasons=dict(sorted(manifest.reject_reasons.items())),
            unknown_paths=dict(sorted(manifest.unknown_paths.items())),
            damaged_origins=manifest.damage,
            taken_from=manifest.taken_from,
            places=places_of(manifest),
            columns=columns_of(manifest),
            fields=fields_of(manifest, contract, estimates),
            elsewhere=_elsewhere(estimates),
            usd_a_month=prices.usd_a_month(stored),
            usd_per_gb_month=prices.usd_per_gb_month,
            days_kept=prices.days_kept,
            median_bytes_a_record=median(earlier) if earlier else None,
            median_days=len(earlier),
            proven_at=found.proven_at.isoformat() if found else None,
            hours=found.profile.hours if found and found.profile else (),
            checks=found.checks if found else (),
        )

    @property
    def broken_checks(self) -> list[CheckResult]:
        """The checks that are broken."""
        return [check for check in self.checks if not check.ok]

    @property
    def change(self) -> float | None:
        """How much larger a record is than the median of the days before: 0.1 is 10 %; None without one."""
        return self.stored_bytes_a_record / self.median_bytes_a_record - 1 if self.median_bytes_a_record else None


def bytes_a_record(manifest: DayManifest) -> float | None:
    """Stored bytes a row or reject of a day; None if it has none."""
    records = manifest.rows + manifest.rejects
    return manifest.stored_bytes / records if records else None


def _elsewhere(estimates: Estimates | None) -> Elsewhere | None:
    if estimates is None:
        return None
    return Elsewhere(
        sampled_rows=estimates.rows,
        sampled_bytes=estimates.sampled_bytes,
        gzip_bytes=estimates.gzip_bytes,
        zstd_bytes=estimates.zstd_bytes,
        parquet_bytes=estimates.parquet_bytes,
    )


def places_of(manifest: DayManifest) -> tuple[PlaceReport, ...]:
    """Folders (without subfolders that name a time) and indices of the raw input, most records first."""
    found: dict[str, list[OriginStats]] = {}
    for entry in manifest.slices:
        for origin in entry.origins:
            place = origin.uri.partition("?")[0] if is_cluster(origin.uri) else folder_above(origin.uri)
            found.setdefault(place, []).append(origin)
    places = [
        PlaceReport(
            place=place,
            inputs=len(origins),
            records=sum(origin.records for origin in origins),
            stored_bytes=sum(origin.stored_bytes for origin in origins),
        )
        for place, origins in found.items()
    ]
    return tuple(sorted(places, key=lambda place: -place.records))


def human_bytes(size: float) -> str:
    """A size with a decimal unit, such as 1.5 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
