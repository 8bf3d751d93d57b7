"""Manifests of slices (records read and files written) and of published days: JSON, small enough for XCom.

Counts are numbers of records. Each record that was read is a row, a reject, of another day, or was erased later:

    records == rows + rejects + other_day + erased
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from pydantic import Field, ValidationError

from logpress.errors import TooLargeError
from logpress.results import Model, Verification

_NO_CHECKSUM = "0" * 64
_CHECKSUM = b'"manifest_sha256": "'


def file_name(prefix: str, slice_: str, sha256: str) -> str:
    """Name of a slice's part or rejects file: `part` or `_rejects`, the slice, and a digest of the content."""
    return f"{prefix}-{slice_}-{sha256[:12]}.parquet"


def summed(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """Counts by name of several slices, added up: rejects by reason, or rows by path."""
    found: Counter[str] = Counter()
    for some in counts:
        found.update(some)
    return found


class SliceSpec(Model):
    """A unit of extraction and of retry: a named group of raw inputs."""

    name: str = Field(description="unique within the day, safe in a file name; shown in the Airflow UI")
    inputs: tuple[str, ...] = Field(description="paths or URIs of raw objects, in the order they are read")
    raw_bytes: int | None = Field(default=None, description="stored size of the inputs, if known")
    named_after: dict[str, date] = Field(
        default_factory=dict, description="days in the names of inputs whose folders name no day"
    )
    expected: tuple[int, ...] = Field(default=(), description="records of each input, if the source can count them")
    source: str | None = Field(default=None, description="URI of the index that the day's slices cover together")
    source_records: int | None = Field(default=None, description="records of `source` when the day was planned")
    source_written: str | None = Field(
        default=None, description="sequence numbers of `source` at that time, which change when it is written to"
    )
    taken_from: str | None = Field(
        default=None, description="the input that was read, if only the first that has the day is (`use: first`)"
    )
    documents_per_second: float | None = Field(
        default=None, description="its share of the rate at which the run may read"
    )
    page_hits: int | None = Field(default=None, description="upper limit of hits a page, if some are very large")

    def after(self, error: Exception) -> SliceSpec:
        """The slice for the next attempt after an error: with smaller pages, if they were too large."""
        return self.model_copy(update={"page_hits": error.hits}) if isinstance(error, TooLargeError) else self


class OriginStats(Model):
    """Counts of one raw object."""

    uri: str
    stored_bytes: int = Field(description="stored size (compressed, if the object is)")
    raw_bytes: int = Field(description="bytes after decompression, separators included")
    compression: Literal["none", "gzip", "zstd"]
    records: int
    version: str = Field(default="", description="ETag or time of last change, by which a changed object is recognised")
    damage: str | None = Field(default=None, description="why reading stopped early, such as a truncated gzip member")
    expected: int | None = Field(default=None, description="records that `plan` counted, if the source can count")


class ColumnStats(Model):
    """Size of one Parquet column in a part."""

    name: str
    stored_bytes: int
    encodings: tuple[str, ...]


class PartStats(Model):
    """One Parquet file of a slice, in staging or published."""

    path: str = Field(description="file name, relative to the day's folder (or to the slice's staging folder)")
    rows: int
    row_groups: int
    stored_bytes: int
    sha256: str = Field(description="of the file's bytes, hexadecimal")
    columns: tuple[ColumnStats, ...]


class RecordPlace(Model):
    """Position of a record in the raw input."""

    origin: str
    record: int = Field(description="its number in the origin, from 1; empty lines do not count")


class SliceSample(Model):
    """What the first rows of a slice take in other formats, and where their bytes are.

    Measured while the slice is pressed, for size reports; it says nothing of what is stored.
    """

    rows: int
    raw_bytes: int = Field(description="bytes of these rows, each with a newline")
    gzip_bytes: int = Field(description="the same with gzip, level 6")
    zstd_bytes: int = Field(description="the same with zstd, level 3")
    parquet_bytes: int | None = Field(
        description="the same as Parquet of pyarrow: a column a JSON key, snappy; None if pyarrow cannot read them"
    )
    field_rows: int = Field(description="rows, evenly spaced among these, that `field_bytes` adds up")
    field_bytes: dict[str, int] = Field(
        description="bytes of their values by column, copies included; `_layout`: keys, punctuation and constants; "
        "`_extra`: values that the contract does not name; `_raw`: rows kept whole. Newlines are not counted"
    )
    reject_bytes: int = Field(description="bytes of all the slice's rejects when it was pressed")


class SliceManifest(Model):
    """Records that one slice read, and files that it wrote."""

    format: Literal[1] = 1
    table: str
    day: str
    slice: str
    origins: tuple[OriginStats, ...]
    records: int
    rows: int = Field(description="records of this day in the part, irregular ones included")
    irregular_rows: int = Field(
        description="rows of which some or all bytes are kept as text, because a codec or layout did not fit"
    )
    rejects: int = Field(description="records in the rejects file: no JSON objects, duplicates, records without a day")
    other_day: int = Field(description="records of other days, which are not in the files")
    raw_bytes: int = Field(description="bytes of rows and rejects, separators not counted")
    digest: str = Field(
        description="128-bit digest of the multiset of rows and rejects, from their raw bytes; hexadecimal"
    )
    part: PartStats | None = Field(description="None if the slice has no row of this day")
    rejects_part: PartStats | None = None
    unknown_paths: dict[str, int] = Field(
        default_factory=dict, description="paths that the contract does not name, with their numbers of rows"
    )
    reject_reasons: dict[str, int] = Field(default_factory=dict)
    layouts: int = 0
    source: str | None = Field(default=None, description="URI of the index that the day's slices cover together")
    source_records: int | None = Field(default=None, description="records of `source` when the day was planned")
    source_written: str | None = Field(
        default=None, description="sequence numbers of `source` at that time, which change when it is written to"
    )
    taken_from: str | None = Field(
        default=None, description="the input that was read, if only the first that has the day is (`use: first`)"
    )
    distinct_ids: int | None = Field(default=None, description="number of distinct ids, if the records have ids")
    kept_whole: int = Field(
        default=0, description="rows kept whole because the proof found that their layouts did not restore them"
    )
    kept_whole_first: tuple[RecordPlace, ...] = Field(default=(), description="positions of the first of them")
    contract_sha256: str | None = Field(
        default=None, description="SHA-256 of the contract it was pressed with, with all defaults; hexadecimal"
    )
    written_by: str | None = Field(default=None, description="version of the logpress that wrote it")
    erased: int = Field(default=0, description="records that were erased since the slice was pressed, rejects included")
    seconds: float = Field(default=0.0, description="time it took; not compared between runs")
    sample: SliceSample | None = Field(
        default=None, description="what its first rows take elsewhere; not compared between runs; None without rows"
    )

    @property
    def duplicates(self) -> int:
        """Rejects that equal an earlier record of the slice."""
        return self.reject_reasons.get("duplicate", 0)

    @property
    def without_day(self) -> int:
        """Rejects whose day cannot be read, from inputs that name no day."""
        return self.reject_reasons.get("no_day", 0)

    @property
    def damage(self) -> dict[str, str]:
        """Inputs that could only be read in part, with the reason."""
        return {origin.uri: origin.damage for origin in self.origins if origin.damage}


class Erasure(Model):
    """Records that were erased from a published day at a time; nothing says which."""

    id: str = Field(description="of the entry in the table's log of erasures")
    erased_at: datetime = Field(description="UTC")
    records: int = Field(description="rows and rejects")


class DayManifest(Model):
    """A published day."""

    format: Literal[1] = 1
    table: str
    day: str
    published_at: datetime = Field(description="UTC")
    snapshot_id: int | None = None
    run: str | None = Field(default=None, description="the run that published it; None in older manifests")
    run_id: str | None = Field(default=None, description="Airflow's run that published it; None if none did")
    manifest_sha256: str | None = Field(
        default=None,
        description="SHA-256 of this file with zeros in place of these digits, hexadecimal; None in older manifests",
    )
    slices: tuple[SliceManifest, ...]
    erasures: tuple[Erasure, ...] = Field(default=(), description="since the day was pressed, the oldest first")
    verification: Verification | None = Field(
        default=None, description="what `verify` found before publication; None in older manifests"
    )

    def to_bytes(self) -> bytes:
        """The file's bytes in the lake, with the checksum."""
        blank = self.model_copy(update={"manifest_sha256": _NO_CHECKSUM}).model_dump_json(indent=1).encode()
        place = blank.index(_CHECKSUM) + len(_CHECKSUM)
        return blank[:place] + hashlib.sha256(blank).hexdigest().encode() + blank[place + len(_NO_CHECKSUM) :]

    @classmethod
    def from_bytes(cls, data: bytes) -> DayManifest:
        """The reverse of `to_bytes`.

        Raises:
            ValueError: if it is damaged, or a later logpress wrote it.
        """
        return _kept(data) if len(data) <= _MOST_KEPT_BYTES else _parsed(data)

    @property
    def parts(self) -> tuple[PartStats, ...]:
        """The parts, in the order of the slices."""
        return tuple(manifest.part for manifest in self.slices if manifest.part is not None)

    @property
    def rejects_parts(self) -> tuple[PartStats, ...]:
        """The rejects files, in the order of the slices."""
        return tuple(manifest.rejects_part for manifest in self.slices if manifest.rejects_part is not None)

    @property
    def columns(self) -> tuple[ColumnStats, ...]:
        """The columns of all parts together, the largest first."""
        sizes = summed({column.name: column.stored_bytes} for part in self.parts for column in part.columns)
        encodings: dict[str, set[str]] = {name: set() for name in sizes}
        for column in (column for part in self.parts for column in part.columns):
            encodings[column.name].update(column.encodings)
        return tuple(
            ColumnStats(name=name, stored_bytes=size, encodings=tuple(sorted(encodings[name])))
            for name, size in sizes.most_common()
        )

    @property
    def footer_bytes(self) -> int:
        """Bytes of the parts that are in no column: footers, with schema, statistics, layouts and checksums."""
        return sum(part.stored_bytes - sum(one.stored_bytes for one in part.columns) for part in self.parts)

    @property
    def reject_reasons(self) -> Counter[str]:
        """Rejects by reason."""
        return summed(manifest.reject_reasons for manifest in self.slices)

    @property
    def unknown_paths(self) -> Counter[str]:
        """Rows by path that the contract does not name."""
        return summed(manifest.unknown_paths for manifest in self.slices)

    @property
    def rows(self) -> int:
        """Rows of the day, irregular ones included."""
        return sum(manifest.rows for manifest in self.slices)

    @property
    def rejects(self) -> int:
        """Records in the rejects files."""
        return sum(manifest.rejects for manifest in self.slices)

    @property
    def erased(self) -> int:
        """Records that were erased since the day was pressed, rejects included."""
        return sum(manifest.erased for manifest in self.slices)

    @property
    def damage(self) -> dict[str, str]:
        """Inputs that could only be read in part, with the reason."""
        return {uri: damage for manifest in self.slices for uri, damage in manifest.damage.items()}

    @property
    def taken_from(self) -> tuple[str, ...]:
        """The input that was read, if only the first that has the day is (`use: first`)."""
        return tuple(sorted({manifest.taken_from for manifest in self.slices if manifest.taken_from is not None}))

    @property
    def raw_bytes(self) -> int:
        """Bytes of the day's records, separators not counted."""
        return sum(manifest.raw_bytes for manifest in self.slices)

    @property
    def stored_bytes(self) -> int:
        """Bytes of all the day's Parquet files, rejects included."""
        return sum(part.stored_bytes for part in (*self.parts, *self.rejects_parts))


def _parsed(data: bytes) -> DayManifest:
    try:
        found = DayManifest.model_validate_json(data)
    except ValidationError as error:
        reasons = {reason["type"] for reason in error.errors()}
        if reasons == {"extra_forbidden"}:
            raise ValueError("was written by a newer logpress; upgrade this one to read it") from error
        raise ValueError(f"is damaged: {error.errors()[0]['msg']}") from error
    if found.manifest_sha256 is not None:
        place = data.find(_CHECKSUM) + len(_CHECKSUM)
        blank = data[:place] + _NO_CHECKSUM.encode() + data[place + len(_NO_CHECKSUM) :]
        if hashlib.sha256(blank).hexdigest() != found.manifest_sha256:
            raise ValueError("is damaged: its checksum does not match its content")
    return found.model_copy(update={"manifest_sha256": None})  # a checksum of the file, not of the model


_MOST_KEPT_BYTES = 1 << 18
"""[memory] Manifests up to this size, of about 8 slices, are kept parsed: 4 times their bytes each, 16 MB at most."""

_kept = lru_cache(maxsize=16)(_parsed)  # whoever scans again and again reads the same days
