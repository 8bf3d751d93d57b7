"""A file, and an Iceberg table, of each encoding and each kind of column that the engine can write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tests.unit.quality.test_readers import ROWS, VALUES

from logpress.contract import load_contract
from logpress.contract.base import Encoding, Reader
from logpress.engine.part.metadata import open_writer
from logpress.engine.registers.stored_columns import StoredColumn
from logpress.quality.readers import WRITTEN, Kind, gaps_of, type_gaps_of

NAMESPACE = "encodings"


@dataclass(frozen=True)
class Encoded:
    """A file of one encoding.

    Attributes:
        path: where it lies, on this machine.
        rows: near and wide values, each with and without nulls, and the number of each row.
    """

    kind: Kind
    encoding: Encoding
    path: Path
    rows: pa.Table

    @property
    def name(self) -> str:
        """Of its table."""
        return f"{self.encoding}_{self.kind}"

    def check(self, reader: Reader, read: Callable[[], pa.Table]) -> None:
        """See that a reader gives these values; where the table of readers has a gap, that it refuses."""
        type_ = self.rows.schema.field("near").type
        if gaps_of(type_, self.encoding, [reader]) or type_gaps_of(type_, [reader]):
            try:
                found = read()
            except Exception:  # whatever an engine raises says that it does not read it
                return
            raise AssertionError(f"{reader} reads {self.name}, with {found.num_rows} rows: it is no gap any more")
        found = read()
        found = found.take(pc.sort_indices(found["row"]))  # Arrow sorts no tables with UUIDs
        assert found.column_names == self.rows.column_names
        for name in found.column_names:
            assert _said(found[name]) == _said(self.rows[name]), (reader, self.name, name)


def _said(column: pa.ChunkedArray) -> list[Any]:
    """Values; UUIDs as texts, as engines without such a type have them."""
    return [str(value) if isinstance(value, UUID) else value for value in column.to_pylist()]


def write_encoded(folder: Path) -> list[Encoded]:
    """All of them."""
    folder.mkdir()
    pairs = [(kind, encoding) for encoding, kinds in WRITTEN.items() for kind in sorted(kinds)]
    return [_write(folder, kind, encoding) for kind, encoding in pairs]


def _write(folder: Path, kind: Kind, encoding: Encoding) -> Encoded:
    arrays = {spread: VALUES[kind, spread] for spread in ("near", "wide") if (kind, spread) in VALUES}
    if kind == "int64":
        arrays["instant"] = VALUES[kind, "wide"].cast(pa.timestamp("us", "UTC"))
    for spread, array in list(arrays.items()):
        arrays[f"{spread}_nulls"] = pa.array(array.to_pylist(), array.type, mask=np.arange(ROWS) % 7 == 3)
    columns = [StoredColumn(name, array.type, "", encoding, 3) for name, array in arrays.items()]
    columns.append(StoredColumn("row", pa.int32(), "", "plain", 3))
    arrays["row"] = pa.array(range(ROWS), pa.int32())
    found = Encoded(kind, encoding, folder / f"{encoding}_{kind}.parquet", pa.table(arrays))
    with found.path.open("wb") as file:
        writer = open_writer(file, load_contract("sdk_log"), columns)
        values = [array.cast(field.type) for array, field in zip(arrays.values(), writer.schema, strict=True)]
        writer.write_table(pa.Table.from_arrays(values, schema=writer.schema))
        writer.close()
    return found


def register(encoded: Sequence[Encoded], catalog_uri: str, home: str, properties: dict[str, str]) -> None:
    """Make an Iceberg table of each.

    Args:
        encoded: the files.
        catalog_uri: of the SQL catalog, as SQLAlchemy has it.
        home: where the tables are to lie.
        properties: of the catalog.
    """
    import fsspec
    from pyiceberg.catalog.sql import SqlCatalog

    from logpress.lake.schema import iceberg_schema

    catalog = SqlCatalog("logpress", uri=catalog_uri, warehouse=home, **properties)
    catalog.create_namespace(NAMESPACE)
    for file in encoded:
        there = f"{home}/{file.name}/{file.path.name}"
        with fsspec.open(there, "wb") as out:
            out.write(file.path.read_bytes())
        schema = iceberg_schema([file.rows.schema], {})
        table = catalog.create_table((NAMESPACE, file.name), schema, location=f"{home}/{file.name}")
        table.add_files([there])
    catalog.close()
