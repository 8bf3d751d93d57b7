"""Where the bytes of a day are: column by column, as readers see them and as part files have them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from logpress.contract.columns import is_virtual
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import DAY, EXTRA, LAYOUT, RAW, ROW_GROUP, stored_columns
from logpress.manifest import ColumnStats, DayManifest
from logpress.quality.estimates import REJECTS, Estimates

FOOTERS = "(footers)"
"""What is told of parts beside their columns: footers, with schema, statistics, layouts and checksums."""

MEANINGS = {
    DAY: "UTC day of the record",
    LAYOUT: "keys, punctuation and constants; stored: which layout a record has",
    EXTRA: "values that the contract does not name, or that their codec refused",
    RAW: "records that are kept whole",
    ROW_GROUP: "lookups, counters and spellings that restoring needs",
    FOOTERS: "schema, layouts, statistics and checksums of the parts",
    REJECTS: "no JSON objects, duplicates, records without a day",
}
"""What is told of without being a column of a contract."""


class ColumnReport(BaseModel):
    """One column of a day's part files, hidden ones included."""

    model_config = ConfigDict(frozen=True)

    name: str
    stored_bytes: int
    bytes_a_row: float
    encodings: tuple[str, ...]

    @property
    def encoding(self) -> str:
        """How its values are encoded, as contracts name it; several if parts or pages differ."""
        found = [name for part, name in _ENCODINGS.items() if any(part in encoding for encoding in self.encodings)]
        return " and ".join(found) or ("plain" if self.encodings else "")


_ENCODINGS = {"DICTIONARY": "dictionary", "DELTA": "delta", "BYTE_STREAM_SPLIT": "byte_stream_split"}
"""What Parquet's names of encodings are to contracts; levels and dictionaries have others beside these."""


class FieldReport(BaseModel):
    """A column as readers see it, with all that is stored for it; or what belongs to no column.

    Attributes:
        name: of a column; `_layout`, `_extra`, `_raw`, `day` and `_row_group`, as in part files; or FOOTERS, REJECTS.
        raw_bytes: bytes of its values in the JSON, copies included, estimated from samples; None without samples.
        stored_bytes: bytes of its column and of the hidden columns that serve it.
        ratio: raw_bytes / stored_bytes; None if either is unknown or 0.
        bytes_a_row: stored_bytes by rows.
        is_virtual: whether only hidden columns are stored.
        is_personal: whether the contract calls it personal.
        nulls: rows without a value; None if the day has no profile. So are the next two.
        distinct: distinct values.
        entropy: bits a row, each row alone: what no coder of single values goes below.
        columns: the columns of the part files, its own and hidden ones.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    raw_bytes: int | None
    stored_bytes: int
    ratio: float | None
    bytes_a_row: float
    is_virtual: bool = False
    is_personal: bool = False
    nulls: int | None = None
    distinct: int | None = None
    entropy: float | None = None
    columns: tuple[ColumnReport, ...] = ()


def columns_of(manifest: DayManifest) -> tuple[ColumnReport, ...]:
    """The columns of the part files, the largest first, and their footers."""
    if not manifest.parts:
        return ()
    footers = ColumnStats(name=FOOTERS, stored_bytes=manifest.footer_bytes, encodings=())
    return tuple(
        ColumnReport(
            name=column.name,
            stored_bytes=column.stored_bytes,
            bytes_a_row=round(column.stored_bytes / max(1, manifest.rows), 4),
            encodings=column.encodings,
        )
        for column in (*manifest.columns, footers)
    )


def fields_of(manifest: DayManifest, contract: Contract | None, estimates: Estimates | None) -> tuple[FieldReport, ...]:
    """The columns as readers see them, the largest first, with footers and rejects.

    Args:
        manifest: the day.
        contract: the table; says which column a hidden column serves. Each serves itself if None.
        estimates: of raw bytes; None if the day has no samples.
    """
    owners = {column.name: column.of or column.name for column in stored_columns(contract)} if contract else {}
    known = contract.by_name if contract else {}
    raw = estimates.raw_bytes if estimates else {}
    found = manifest.verification
    profiles = found.profile.by_name if found and found.profile else {}
    others = [REJECTS] * bool(manifest.rejects_parts)
    columns: dict[str, list[ColumnReport]] = {name: [] for name in (*known, *raw, *others)}
    for column in columns_of(manifest):
        columns.setdefault(owners.get(column.name, column.name), []).append(column)
    rejects = sum(part.stored_bytes for part in manifest.rejects_parts)
    fields = []
    for name, own in columns.items():
        size = rejects if name == REJECTS else sum(column.stored_bytes for column in own)
        raw_bytes = raw.get(name, 0) if estimates else None
        if not size and not raw_bytes and name not in known:
            continue
        profile = profiles.get(name)
        fields.append(
            FieldReport(
                name=name,
                raw_bytes=raw_bytes,
                stored_bytes=size,
                ratio=round(raw_bytes / size, 2) if raw_bytes and size else None,
                bytes_a_row=round(size / max(1, manifest.rows), 4),
                is_virtual=name in known and is_virtual(known[name]),
                is_personal=contract is not None and name in contract.personal,
                nulls=profile.nulls if profile else None,
                distinct=profile.distinct if profile else None,
                entropy=profile.entropy if profile else None,
                columns=tuple(own),
            )
        )
    return tuple(sorted(fields, key=lambda field: -field.stored_bytes))
