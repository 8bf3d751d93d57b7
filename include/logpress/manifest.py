"""What one slice took in and put out, and what a published day consists of: plain JSON, small enough for XCom.

Counts are records. A record read is exactly one of: taken as a row, taken as a reject, or of another day:

    records == rows + rejects + other_day
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from logpress.errors import TooLargeError

_NO_CHECKSUM = "0" * 64
_CHECKSUM = b'"manifest_sha256": "'


def file_name(prefix: str, slice_: str, sha256: str) -> str:
    """What a slice's part or rejects file is called: `part` or `_rejects`, its slice, and a digest of its content."""
    return f"{prefix}-{slice_}-{sha256[:12]}.parquet"


class Model(BaseModel):
    """Frozen JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SliceSpec(Model):
    """A unit of extraction and of retry: a named group of raw inputs."""

    name: str = Field(description="unique within the day, safe in a file name; shown in the Airflow UI")
    inputs: tuple[str, ...] = Field(description="paths or URIs of raw objects, in the order they are read")
    raw_bytes: int | None = Field(default=None, description="size of the inputs as they lie there, where known")
    named_after: dict[str, date] = Field(
        default_factory=dict, description="days that inputs are named after, where their folders do not say so"
    )
    expected: tuple[int, ...] = Field(default=(), description="records of each input, where the source can count them")
    source: str | None = Field(default=None, description="what all slices of the source make up together")
    source_records: int | None = Field(default=None, description="records that it had when the slices were planned")
    source_written: str | None = Field(default=None, description="what told then whether anything is written to it")
    taken_from: str | None = Field(
        default=None, description="the input, where only the first that has the day is taken"
    )
    documents_per_second: float | None = Field(
        default=None, description="its share of what the run may ask a cluster for"
    )
    page_hits: int | None = Field(default=None, description="most hits asked for at a time, where some are very large")

    def after(self, error: Exception) -> SliceSpec:
        """The slice as it is to be read again after an error: in smaller pages, if they were too large."""
        return self.model_copy(update={"page_hits": error.hits}) if isinstance(error, TooLargeError) else self


class OriginStats(Model):
    """What one raw object held."""

    uri: str
    stored_bytes: int = Field(description="size as it lies there (compressed, if it is)")
    raw_bytes: int = Field(description="bytes after decompression, separators included")
    compression: Literal["none", "gzip", "zstd"]
    records: int
    version: str = Field(default="", description="its ETag, or when it was last written: tells whether it has changed")
    damage: str | None = Field(default=None, description="why reading stopped early, as in a cut gzip member")
    expected: int | None = Field(default=None, description="records that plan had counted, where the source can count")


class ColumnStats(Model):
    """What one Parquet column takes in a part."""

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
    """Where a record stands in the raw input."""

    origin: str
    record: int = Field(description="its number in the origin, from 1; lines without content do not count")


class SliceManifest(Model):
    """What one slice took in and put out."""

    format: Literal[1] = 1
    table: str
    day: str
    slice: str
    origins: tuple[OriginStats, ...]
    records: int
    rows: int = Field(description="records of this day in the part, irregular ones included")
    irregular_rows: int = Field(
        description="rows whose bytes are kept whole, or in part, because a codec or layout did not fit"
    )
    rejects: int = Field(
        description="records in the rejects file: no JSON objects, duplicates, those whose day nothing tells"
    )
    other_day: int = Field(description="records that belong to another day and were left to it")
    raw_bytes: int = Field(description="bytes of the records taken (rows and rejects), separators not counted")
    digest: str = Field(description="128-bit digest of the multiset of records taken, hexadecimal, from the raw bytes")
    part: PartStats | None = Field(description="None where the slice has no row of this day")
    rejects_part: PartStats | None = None
    unknown_paths: dict[str, int] = Field(
        default_factory=dict, description="paths that no contract names, and in how many rows"
    )
    reject_reasons: dict[str, int] = Field(default_factory=dict)
    layouts: int = 0
    source: str | None = Field(default=None, description="what all slices of the source make up together")
    source_records: int | None = Field(default=None, description="records that it had when the slices were planned")
    source_written: str | None = Field(default=None, description="what told then whether anything is written to it")
    taken_from: str | None = Field(
        default=None, description="the input, where only the first that has the day is taken"
    )
    distinct_ids: int | None = Field(default=None, description="different ids among the records, where there are any")
    kept_whole: int = Field(
        default=0, description="rows kept whole because the proof found that their layouts did not give them back"
    )
    kept_whole_first: tuple[RecordPlace, ...] = Field(default=(), description="where the first of them stand")
    seconds: float = Field(default=0.0, description="time it took; not part of what is compared between runs")

    @property
    def duplicates(self) -> int:
        """Rejects that are equal to an earlier record of the slice."""
        return self.reject_reasons.get("duplicate", 0)

    @property
    def without_day(self) -> int:
        """Rejects whose day cannot be read, and whose input may be of any day."""
        return self.reject_reasons.get("no_day", 0)

    @property
    def damage(self) -> dict[str, str]:
        """Inputs that could be read in part only, and why."""
        return {origin.uri: origin.damage for origin in self.origins if origin.damage}


class DayManifest(Model):
    """A published day."""

    format: Literal[1] = 1
    table: str
    day: str
    published_at: datetime = Field(description="UTC")
    snapshot_id: int | None = None
    manifest_sha256: str | None = Field(
        default=None,
        description="of this file's bytes, hexadecimal, its own digits taken as zeros; None before it had one",
    )
    slices: tuple[SliceManifest, ...]

    def to_bytes(self) -> bytes:
        """The form in the lake, with its checksum."""
        blank = self.model_copy(update={"manifest_sha256": _NO_CHECKSUM}).model_dump_json(indent=1).encode()
        place = blank.index(_CHECKSUM) + len(_CHECKSUM)
        return blank[:place] + hashlib.sha256(blank).hexdigest().encode() + blank[place + len(_NO_CHECKSUM) :]

    @classmethod
    def from_bytes(cls, data: bytes) -> DayManifest:
        """The reverse of `to_bytes`.

        Raises:
            ValueError: if it is damaged, or of a later logpress.
        """
        try:
            found = cls.model_validate_json(data)
        except ValidationError as error:
            reasons = {reason["type"] for reason in error.errors()}
            if reasons == {"extra_forbidden"}:
                raise ValueError("has members that this logpress does not know: a newer one wrote it") from error
            raise ValueError(f"is damaged: {error.errors()[0]['msg']}") from error
        if found.manifest_sha256 is not None:
            place = data.find(_CHECKSUM) + len(_CHECKSUM)
            blank = data[:place] + _NO_CHECKSUM.encode() + data[place + len(_NO_CHECKSUM) :]
            if hashlib.sha256(blank).hexdigest() != found.manifest_sha256:
                raise ValueError("is damaged: it is not what was written, as its checksum tells")
        return found.model_copy(update={"manifest_sha256": None})  # which is the file's

    @property
    def parts(self) -> tuple[PartStats, ...]:
        """The parts, in the order of the slices."""
        return tuple(manifest.part for manifest in self.slices if manifest.part is not None)

    @property
    def rejects_parts(self) -> tuple[PartStats, ...]:
        """The rejects files, in the order of the slices."""
        return tuple(manifest.rejects_part for manifest in self.slices if manifest.rejects_part is not None)

    @property
    def rows(self) -> int:
        """Rows of the day, irregular ones included."""
        return sum(manifest.rows for manifest in self.slices)

    @property
    def rejects(self) -> int:
        """Records in the rejects files."""
        return sum(manifest.rejects for manifest in self.slices)

    @property
    def damage(self) -> dict[str, str]:
        """Inputs that could be read in part only, and why."""
        return {uri: damage for manifest in self.slices for uri, damage in manifest.damage.items()}

    @property
    def taken_from(self) -> tuple[str, ...]:
        """The input that was taken, where it was to be the first that has the day."""
        return tuple(sorted({manifest.taken_from for manifest in self.slices if manifest.taken_from is not None}))

    @property
    def raw_bytes(self) -> int:
        """Bytes of the day's records, separators not counted."""
        return sum(manifest.raw_bytes for manifest in self.slices)

    @property
    def stored_bytes(self) -> int:
        """Bytes of all the day's Parquet files, rejects included."""
        return sum(part.stored_bytes for part in (*self.parts, *self.rejects_parts))
