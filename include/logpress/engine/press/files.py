"""The files of one slice: its part and its rejects file."""

from __future__ import annotations

from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.contract.model import Contract
from logpress.engine.part.metadata import METADATA_KEY, Identity, PartMetadata, open_writer
from logpress.engine.part.named_output import Output
from logpress.engine.part.rejects import REJECTS_SCHEMA, Rejects
from logpress.layout.model import Layout
from logpress.manifest import PartStats
from logpress.parquet.writer import FileWriter


class SliceFiles:
    """Files that are opened by the first write, and named when they are complete.

    Ended by `close` or `discard`. Different threads may write the part and the rejects.

    Attributes:
        filesystem: of fsspec.
        folder: of the files, on that file system.
    """

    def __init__(self, contract: Contract, folder: str, slice_name: str) -> None:
        self.filesystem: Any
        self.filesystem, self.folder = fsspec.core.url_to_fs(folder)
        self._contract = contract
        self._slice = slice_name
        self._part: Output | None = None
        self._rejects: Output | None = None

    def make_folder(self) -> None:
        """Make the folder if it is missing."""
        self.filesystem.makedirs(self.folder, exist_ok=True)

    def write_rows(self, table: pa.Table) -> None:
        """Write a row group of the part."""
        if self._part is None:
            self._part = Output(self.filesystem, self.folder, "part", self._slice)
            self._part.writer = open_writer(self._part.sink, self._contract)
        assert self._part.writer is not None
        self._part.writer.write_table(table)

    def write_rejects(self, rejects: Rejects, most_pending: int = 0) -> None:
        """Write a row group of rejects if more than `most_pending` bytes of them are in memory."""
        if rejects.pending_bytes <= most_pending:
            return
        if self._rejects is None:
            self._rejects = rejects_output(self.filesystem, self.folder, self._slice)
        assert self._rejects.writer is not None
        self._rejects.writer.write_table(rejects.take())

    def close(self, identity: Identity, layouts: tuple[Layout, ...]) -> tuple[PartStats | None, PartStats | None]:
        """Complete the part and the rejects file; None for a file without rows.

        Args:
            identity: identity of the part.
            layouts: layouts of its records, by number.
        """
        part = None
        if self._part is not None:
            assert isinstance(self._part.writer, FileWriter)
            checksums = tuple(map(tuple, self._part.writer.chunk_checksums))
            text = PartMetadata(self._contract, layouts, identity=identity, checksums=checksums).to_text()
            self._part.writer.add_key_value_metadata({METADATA_KEY.decode(): text})
            part = self._part.close()
        return part, None if self._rejects is None else self._rejects.close()

    def discard(self) -> None:
        """Remove the unfinished files."""
        for output in (self._part, self._rejects):
            if output is not None:
                output.discard()


def rejects_output(filesystem: Any, folder: str, slice_name: str) -> Output:
    """A rejects file on its way into a folder; row groups are written with its `writer`."""
    output = Output(filesystem, folder, "_rejects", slice_name)
    output.writer = pq.ParquetWriter(
        output.sink, REJECTS_SCHEMA, compression="zstd", compression_level=9,
        use_dictionary=["origin", "reason", "message"],  # a dictionary of long records would be another copy
        data_page_version="1.0", write_page_checksum=True, store_schema=False,
    )  # fmt: skip
    return output
