"""The values of one column of a part, stored or virtual, a row group at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.codecs.arrow_arrays import array_of, missing_of, texts_array, values_of
from logpress.codecs.kernels_text import NULL
from logpress.codecs.texts import Texts, name_is_text
from logpress.contract.columns import Instant, KinesisSequence, is_virtual
from logpress.contract.model import Contract
from logpress.engine.part.part_file import open_part
from logpress.engine.part.part_reader import PartReader
from logpress.engine.registers.stored_columns import arrow_type, physical_columns


def column_values(contract: Contract, name: str, path: str) -> Iterator[pa.Array]:
    """Read a column.

    Args:
        contract: the table.
        name: a column of it.
        path: a part file, a path or fsspec URI.

    Returns:
        One array a row group, strings as dictionaries. Of a sequence number only that it is there, as booleans: true
        or null.

    Raises:
        PartError: if the file is damaged.
    """
    if is_virtual(contract.by_name[name]):
        yield from _virtual(contract, name, path)
        return
    with open_part(path, [name] if name_is_text(contract.by_name[name].codec) else []) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=[name], use_threads=False).column(0).combine_chunks()


def column_statistics(contract: Contract, name: str, path: str) -> list[pq.Statistics | None]:
    """What a part's footer says of a column, a row group at a time; nothing of a virtual one.

    Raises:
        PartError: if the file is damaged.
    """
    if is_virtual(contract.by_name[name]):
        return []
    with open_part(path) as file:
        place = file.schema_arrow.get_field_index(name)
        return [file.metadata.row_group(group).column(place).statistics for group in range(file.num_row_groups)]


def _virtual(contract: Contract, name: str, path: str) -> Iterator[pa.Array]:
    column = contract.by_name[name]
    needed = physical_columns(contract, [name])
    reader = PartReader(path)
    for group in range(reader.row_groups):
        rows = reader.decoder(group, needed).all_rows()
        if isinstance(column, KinesisSequence):
            missing = rows.regs[f"{name}#shard"] == NULL
            yield array_of(~missing, pa.bool_(), missing)
        elif isinstance(column, Instant):
            values = rows.regs[name]
            yield array_of(values, pa.int64(), values == NULL).view(pa.timestamp(column.unit, "UTC"))
        else:
            codes = rows.regs[name]
            texts = texts_array([text.encode() for text in _plain(rows.texts[name])], arrow_type(column))
            missing = codes == NULL
            indices = array_of(np.where(missing, 0, codes), pa.int64(), missing)
            yield pa.DictionaryArray.from_arrays(indices, texts)


def _plain(texts: Texts) -> list[str]:
    """Texts as they read, without JSON's escapes."""
    return [json.loads(b'"%b"' % texts[number]) for number in range(len(texts))]


def seconds_of(array: pa.Array) -> pa.Array:
    """Instants as seconds since 1970, which the bounds of a check are in; numbers as they are."""
    if not pa.types.is_timestamp(array.type):
        return array
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[array.type.unit]
    return array_of(values_of(array.view(pa.int64())) / per_second, pa.float64(), missing_of(array))
