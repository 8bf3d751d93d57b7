"""The metadata of a part file, in the key-value metadata of its footer: all that restoring the file needs.

docs/format.md is the specification.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from numpy.typing import NDArray
from pydantic import ValidationError

from logpress.codecs.registry import CODECS, codecs_of
from logpress.contract.model import Contract
from logpress.engine.part import format_4
from logpress.engine.part.footer_checks import check_footer
from logpress.engine.part.group_metadata import GroupMetadata, unpacked
from logpress.engine.part.layout_checks import check_layouts
from logpress.engine.part.part_file import METADATA_KEY as METADATA_KEY
from logpress.engine.registers.registers import Registers
from logpress.engine.registers.stored_columns import DAY, ROW_GROUP, StoredColumn, stored_columns, stored_too
from logpress.errors import PartError
from logpress.layout.model import Layout, layouts_with
from logpress.parquet.metadata import CHECKSUM_KEY
from logpress.parquet.schema import FileColumn
from logpress.parquet.writer import FileWriter, Sink
from logpress.version import __version__, commit

CREATED_BY = "logpress version "
"""Begin of `created_by` in the footer of a part."""

_STORED_TOO_SINCE = 2
"""[format] The first minor version whose files have predicted columns under their own names."""

MAJOR, MINOR = 5, max(_STORED_TOO_SINCE, *(codec.since for codec in CODECS.values()))
"""[format] The latest version. A reader ignores unknown parts of a later minor one, and refuses a later major one."""

VERSION = f"{MAJOR}.{MINOR}"
"""The latest version; a file says `version_of` its contract."""

_ZSTD = 19  # some KB

_WRONG_CONTENT = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Exceptions of parsing data that are not the expected JSON."""


@dataclass(frozen=True)
class Identity:
    """Identity of a part, which detects a file that was copied over another one.

    Attributes:
        table: its table.
        day: its UTC day, as 2021-12-26.
        slice: its slice.
        records: number of its records.
        digest: 128-bit digest of the multiset of its records, hexadecimal.
    """

    table: str = ""
    day: str = ""
    slice: str = ""
    records: int = 0
    digest: str = ""


@dataclass(frozen=True)
class PartMetadata:
    """The metadata of a part file.

    Attributes:
        contract: the contract it was written with, without source, checks, personal columns, entity and time.
        layouts: the skeletons of its records, by number.
        version: of the format.
        identity: identity of the part; None before format 5.
        checksums: for each row group, the CRC-32 of each column chunk; None before format 5.
        older_groups: metadata of row groups, which formats before 5 have here.
    """

    contract: Contract
    layouts: tuple[Layout, ...]
    version: str = VERSION
    identity: Identity | None = None
    checksums: tuple[tuple[int, ...], ...] | None = None
    older_groups: tuple[GroupMetadata, ...] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, footer: pq.FileMetaData) -> PartMetadata:
        """Read the metadata of a part's footer.

        Raises:
            PartError: if logpress did not write the file, or a later major version did, or it is damaged.
        """
        texts = footer.metadata or {}
        text = texts.get(METADATA_KEY)
        if text is None:
            raise PartError(
                "has no logpress metadata; it was not written by logpress, or was rewritten by another tool"
            )
        try:
            data = json.loads(text)
            major = _major(data["format"])
            if major > MAJOR:
                raise PartError(_newer(data["format"], footer))
            if major == format_4.MAJOR:
                contract, layouts, groups = format_4.read(data)
                found = cls(contract, layouts, str(major), None, None, groups)
            elif major == MAJOR:
                if CHECKSUM_KEY.encode() not in texts:
                    raise PartError("is damaged: its footer has no checksum")
                found = _read(data)
            else:
                raise PartError(f"has format {data['format']}, which no released logpress wrote; press the day again")
            check_layouts(found.contract, found.layouts)
            check_footer(
                found.contract, footer, has_row_group=major >= MAJOR, may_have_more=_minor(found.version) > MINOR
            )
            for what, count in (("metadata", found.older_groups), ("checksums", found.checksums)):
                if count is not None and len(count) != footer.num_row_groups:
                    raise PartError(
                        f"is damaged: it has {footer.num_row_groups} row groups, but {what} of {len(count)}"
                    )
            if any(len(checksums) != footer.num_columns for checksums in found.checksums or ()):
                raise PartError(f"is damaged: it has {footer.num_columns} columns, but checksums of another number")
            return found
        except (*_WRONG_CONTENT, pa.ArrowException) as error:  # pydantic's ValidationError is a ValueError
            later = _later_minor(text)
            if later is not None:
                raise PartError(_newer(later, footer)) from error
            if isinstance(error, ValidationError):
                raise PartError(f"is damaged: its contract is not valid: {error.errors()[0]['msg']}") from error
            raise PartError(f"is damaged: its logpress metadata cannot be read: {error!r}") from error

    def to_text(self) -> str:
        """The form in the file: JSON, whose long members are JSON as zstd and base64."""
        assert self.identity is not None
        assert self.checksums is not None
        packed = {
            "contract": stored_contract(self.contract),
            "layouts": [layout.to_json() for layout in self.layouts],
            "chunk_crc32": self.checksums,
        }
        identity = self.identity
        return _json(
            {
                "format": version_of(self.contract),
                "table": identity.table,
                "day": identity.day,
                "slice": identity.slice,
                "records": identity.records,
                "digest": identity.digest,
                "readers": self.contract.files.readers,
                "packed": base64.b64encode(
                    zstandard.ZstdCompressor(level=_ZSTD).compress(_json(packed).encode())
                ).decode(),
            }
        )

    @cached_property
    def registers(self) -> Registers:
        """The registers of the contract."""
        return Registers(self.contract)

    def layouts_with(self, column: str) -> NDArray[np.bool_]:
        """bool[layouts]: whether a layout has a slot for the column."""
        return layouts_with(self.layouts, column)

    def checksums_of(self, group: int) -> tuple[int, ...] | None:
        """CRC-32 of each column chunk of a row group; None if the file has none."""
        return None if self.checksums is None else self.checksums[group]

    def group(self, file: pq.ParquetFile, number: int) -> GroupMetadata:
        """The metadata of a row group.

        Args:
            file: opened for the column ROW_GROUP of this row group.
            number: number of the row group.

        Raises:
            PartError: if it is damaged, or a later logpress wrote what this one does not know.
        """
        try:
            if self.older_groups is not None:
                found = self.older_groups[number]
            else:
                first = next(file.iter_batches(1, row_groups=[number], columns=[ROW_GROUP], use_threads=False))
                found = GroupMetadata.from_bytes(first.column(0)[0].as_py())
            found.check_rows(file.metadata.row_group(number).num_rows)
            return found
        except (*_WRONG_CONTENT, StopIteration) as error:
            if _minor(self.version) > MINOR:
                raise PartError(_newer(self.version, file.metadata)) from error
            raise PartError(f"is damaged: the metadata of row group {number} cannot be read: {error!r}") from error


NOT_OF_PARTS = {"source", "checks", "alerts", "entity", "time", "by_user", "personal"}
"""What a contract says of a table, but no part file needs."""


def stored_contract(contract: Contract) -> dict[str, Any]:
    """A contract as part files hold it: with all defaults written out, so that defaults may change later.

    What does not matter to the file is left out: where records come from, checks, and who is told.
    """
    return contract.model_dump(mode="json", exclude=NOT_OF_PARTS)


def restores_alike(one: Contract, other: Contract) -> bool:
    """Whether rows of parts of these contracts can be rendered together; descriptions, for example, may differ."""
    first, second = (
        contract.model_dump(include={"columns", "copies"}, exclude={"columns": {"__all__": _TELL_READERS}})
        for contract in (one, other)
    )
    return bool(first == second)


_TELL_READERS = {"description", "nullable", "storage"}
"""Keys of a column that do not matter to how its texts are restored."""


def version_of(contract: Contract) -> str:
    """The lowest version that has all that a file of this contract holds, so that readers of that version take it."""
    minors = [codec.since for codec in codecs_of(contract).values()]
    return f"{MAJOR}.{max(*minors, _STORED_TOO_SINCE if stored_too(contract) else 0)}"


def _major(version: object) -> int:
    if type(version) is int:
        return version  # formats before 5 have a single number
    if isinstance(version, str) and re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", version):
        return int(version.split(".")[0])
    raise ValueError(f"{version!r} is not a version of the format")


def is_older(version: str) -> bool:
    """Whether a version of the format, as in `PartMetadata.version`, has an older major number than today's.

    Parts of another minor version stay as they are, because today's reader reads them.
    """
    return int(version.partition(".")[0]) < MAJOR


def _newer(version: str, footer: pq.FileMetaData) -> str:
    return (
        f"has format {version}, written by a newer logpress ({footer.created_by}), and needs what this one does "
        f"not know, which reads formats up to {VERSION}; update logpress"
    )


def _later_minor(text: bytes) -> str | None:
    """The version in the metadata if it is a later minor one, because then unreadable metadata need not be damaged."""
    try:
        version: str = json.loads(text)["format"]
        return version if _major(version) == MAJOR and _minor(version) > MINOR else None
    except _WRONG_CONTENT:
        return None


def _minor(version: str) -> int:
    """The minor number; 0 for formats before 5."""
    return int(version.partition(".")[2] or 0)


def _read(data: dict[str, Any]) -> PartMetadata:
    packed = json.loads(unpacked(base64.b64decode(data["packed"], validate=True)))
    identity = Identity(*(data[name] for name in ("table", "day", "slice", "records", "digest")))
    if not all(type(getattr(identity, name)) is type(usual) for name, usual in vars(Identity()).items()):
        raise ValueError(f"{identity} does not identify a part")
    return PartMetadata(
        Contract.model_validate(packed["contract"], extra="ignore"),
        tuple(Layout.from_json(layout) for layout in packed["layouts"]),
        data["format"],
        identity,
        tuple(tuple(int(checksum) for checksum in checksums) for checksums in packed["chunk_crc32"]),
    )


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def open_writer(sink: Sink, contract: Contract, columns: Sequence[StoredColumn] | None = None) -> FileWriter:
    """A Parquet writer with the contract's encodings: v1 pages of 96 KB, checksums, statistics, zstd.

    Args:
        sink: takes the file.
        contract: the table.
        columns: columns of the file; all that the contract stores if None.
    """
    columns = stored_columns(contract) if columns is None else columns
    names = [column.name for column in columns]
    return FileWriter(
        sink,
        [
            FileColumn(
                name=column.name,
                type=column.type,
                nullable=column.name != DAY,
                encoding=column.encoding,
                zstd=column.zstd,
                statistics=_has_statistics(column),
            )
            for column in columns
        ],
        sorted_by=[name for name in contract.order_by if name in names],
        created_by=f"{CREATED_BY}{__version__}" + (f" (build {commit()})" if commit() else ""),
        is_checked=True,
    )


def _has_statistics(column: StoredColumn) -> bool:
    """Whether readers may filter by the column. Statistics of columns for restoring only would be of no use."""
    return not column.name.startswith("_")
