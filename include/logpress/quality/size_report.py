"""The report of a published day: rows, rejects, bytes saved, and bytes of each column."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, ConfigDict
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from logpress.contract.model import Contract
from logpress.manifest import DayManifest, OriginStats
from logpress.sources.dated import folder_above
from logpress.sources.search.address import is_cluster

SHOWN_PLACES = 10
"""Number of places that are shown on a terminal."""


class ColumnReport(BaseModel):
    """One column of a day."""

    model_config = ConfigDict(frozen=True)

    name: str
    stored_bytes: int
    bytes_a_row: float
    encodings: tuple[str, ...]


class PlaceReport(BaseModel):
    """A folder or index with some of a day's records."""

    model_config = ConfigDict(frozen=True)

    place: str
    inputs: int
    records: int
    stored_bytes: int


class DayReport(BaseModel):
    """A published day in figures.

    Attributes:
        raw_bytes: bytes of the records, separators not counted.
        stored_bytes: bytes of all Parquet files, rejects included.
        without_day: rejects whose day cannot be read, from inputs that name no day.
        ratio: raw_bytes / stored_bytes.
        erased: records that were erased since the day was pressed, the last of them at `erased_at` (UTC).
        kept_whole: rows kept whole because the proof found that their layouts did not restore them.
        taken_from: the input that was read, if only the first that has the day is (`use: first`).
        places: folders (without subfolders that name a time) and indices of the raw input, most records first.
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
    ratio: float
    stored_bytes_a_record: float
    reject_reasons: dict[str, int]
    unknown_paths: dict[str, int]
    damaged_origins: dict[str, str]
    taken_from: tuple[str, ...]
    places: tuple[PlaceReport, ...]
    columns: tuple[ColumnReport, ...]

    @classmethod
    def of(cls, manifest: DayManifest) -> DayReport:
        """The report of a published day."""
        parts = [entry.part for entry in manifest.slices if entry.part is not None]
        rejects = [entry.rejects_part for entry in manifest.slices if entry.rejects_part is not None]
        sizes: Counter[str] = Counter()
        encodings: dict[str, set[str]] = {}
        for part in parts:
            for column in part.columns:
                sizes[column.name] += column.stored_bytes
                encodings.setdefault(column.name, set()).update(column.encodings)
        reasons: Counter[str] = Counter()
        unknown: Counter[str] = Counter()
        for entry in manifest.slices:
            reasons.update(entry.reject_reasons)
            unknown.update(entry.unknown_paths)
        records = manifest.rows + manifest.rejects
        stored = manifest.stored_bytes
        columns = [
            ColumnReport(
                name=name,
                stored_bytes=size,
                bytes_a_row=round(size / max(1, manifest.rows), 4),
                encodings=tuple(sorted(encodings[name])),
            )
            for name, size in sizes.most_common()
        ]
        in_columns = sum(sizes.values())
        footers = sum(part.stored_bytes for part in parts) - in_columns
        if parts:
            columns.append(
                ColumnReport(
                    name="(footers)",
                    stored_bytes=footers,
                    bytes_a_row=round(footers / max(1, manifest.rows), 4),
                    encodings=(),
                )
            )
        return cls(
            table=manifest.table,
            day=manifest.day,
            published_at=manifest.published_at.isoformat(),
            slices=len(manifest.slices),
            files=len(parts) + len(rejects),
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
            ratio=round(manifest.raw_bytes / stored, 2) if stored else 0.0,
            stored_bytes_a_record=round(stored / records, 4) if records else 0.0,
            reject_reasons=dict(sorted(reasons.items())),
            unknown_paths=dict(sorted(unknown.items())),
            damaged_origins=manifest.damage,
            taken_from=manifest.taken_from,
            places=_places(manifest),
            columns=tuple(columns),
        )


def _places(manifest: DayManifest) -> tuple[PlaceReport, ...]:
    """Records and bytes of a day's inputs, summed by place."""
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


def render_report(report: DayReport, contract: Contract | None = None) -> RenderableType:
    """The report as tables with bars, for a terminal."""
    head = Table.grid(padding=(0, 2))
    head.add_column(style="dim")
    head.add_column()
    head.add_row(
        "rows", f"{report.rows:,}" + (f" ({report.irregular_rows:,} irregular)" if report.irregular_rows else "")
    )
    if report.kept_whole:
        head.add_row("kept whole", f"{report.kept_whole:,} (their layouts did not restore them)")
    if report.rejects:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.reject_reasons.items())
        head.add_row("rejects", f"{report.rejects:,} ({reasons})")
    if report.erased:
        head.add_row("erased", f"{report.erased:,} since the day was pressed, the last at {report.erased_at}")
    if report.without_day:
        head.add_row("without a day", f"{report.without_day:,} (rejects: neither record nor input names a day)")
    if report.other_day:
        head.add_row("of other days", f"{report.other_day:,} (not in these files)")
    for uri in report.taken_from:
        head.add_row("read from", Text(f"{uri}, the first input that has the day", overflow="fold"))
    for number, place in enumerate(report.places[:SHOWN_PLACES]):
        text = (
            f"{place.place}, {place.records:,} records in {place.inputs:,} {'inputs' if place.inputs > 1 else 'input'}"
        )
        head.add_row("" if number else "from", Text(text, overflow="fold"))
    if len(report.places) > SHOWN_PLACES:
        head.add_row("", f"and {len(report.places) - SHOWN_PLACES:,} more places")
    head.add_row("raw", human_bytes(report.raw_bytes))
    head.add_row("stored", f"{human_bytes(report.stored_bytes)} in {report.files} files")
    head.add_row("ratio", Text(f"{report.ratio:,.1f} times smaller", style="bold green"))
    head.add_row("a record", f"{report.stored_bytes_a_record:.2f} bytes")
    columns = Table(box=None, pad_edge=False)
    columns.add_column("column")
    columns.add_column("bytes a row", justify="right")
    columns.add_column("")
    largest = max((column.bytes_a_row for column in report.columns), default=1.0) or 1.0
    meanings = {column.name: column.description for column in contract.columns} if contract else {}
    for column in report.columns:
        bar = "█" * max(0, round(30 * column.bytes_a_row / largest))
        columns.add_row(
            column.name, f"{column.bytes_a_row:.3f}", Text(bar, style="cyan"), meanings.get(column.name, "")
        )
    parts: list[RenderableType] = [Text(f"{report.table} {report.day}", style="bold"), head, Text(), columns]
    if report.unknown_paths:
        parts.append(Text("paths that the contract does not name, stored in _extra:", style="yellow"))
        parts += [Text(f"  {path}  {count:,} rows") for path, count in report.unknown_paths.items()]
    for uri, damage in report.damaged_origins.items():
        parts.append(Text(f"damaged: {uri}: {damage}", style="red"))
    return Group(*parts)
