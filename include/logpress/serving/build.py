"""Sort a published day by user: files of buckets of users, with small row groups, for quick lookups."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from logpress.codecs.arrow_arrays import array_of, missing_of, values_of
from logpress.contract.columns import is_virtual
from logpress.contract.model import ByUser, Contract
from logpress.errors import ContractError
from logpress.lake import Lake
from logpress.lake.by_user import (
    FIRST_KEYS,
    ByUserDay,
    ByUserFile,
    days_by_user,
    drop_by_user,
    made_from,
    publish_by_user,
    read_by_user,
    write_by_user,
)
from logpress.progress import Progress
from logpress.reading.lake import TableReader
from logpress.reading.scan import Scan
from logpress.reading.users import hashes_of_users, order_keys
from logpress.serving.kernels_words import own_words

BUCKET_ROWS = 4_000_000
"""[memory] Rows of a bucket, about, which are sorted in memory: 600 MB."""

GROUP_ROWS = 8_192
"""Rows of a row group, which a lookup reads as a whole: 1 ms."""

_ZSTD = 6
"""Plain instants take 3.62 bytes, 3.95 at level 3 and 3.59 at 9."""


def build_by_user(
    contract: Contract, day: date, lake_uri: str, *, progress: Progress | None = None
) -> tuple[ByUserDay, bool]:
    """Sort a published day by user, unless that was done since it was published; drop days that are no longer kept.

    Args:
        contract: the table; with `by_user`.
        day: the UTC day.
        lake_uri: the lake.
        progress: called with bytes (0) and rows done so far.

    Returns:
        The day's manifest, and whether something was made.

    Raises:
        ContractError: if the contract does not say who a user is.
        UsageError: if the lake does not exist, or the day is not published.
        LakeError: if the lake or its catalog refuses.
        PartError: if a part is damaged.
    """
    lake = Lake.open(lake_uri)
    settings, time, columns = _settings(contract)
    manifest = lake.need_day(contract.table, day)
    wanted = made_from(manifest, contract.entity, time, columns)
    found = read_by_user(lake, contract.table, day)
    is_made = found is None or found.made_from != wanted or not _are_there(lake, found)
    if is_made:
        files, without = [], 0
        buckets = max(1, -(-manifest.rows // BUCKET_ROWS))
        for bucket, table in _buckets(lake, contract, day, columns, buckets, progress):
            file, left_out = _write(lake, contract, day, bucket, table)
            without += left_out
            if file is not None:
                files.append(file)
        found = ByUserDay(
            table=contract.table, day=day.isoformat(), made_at=datetime.now(UTC), made_from=wanted,
            entity=contract.entity, time=time, columns=columns, rows=sum(file.rows for file in files),
            without_user=without, buckets=buckets, files=tuple(files),
        )  # fmt: skip
        publish_by_user(lake, found, contract.descriptions)
    assert found is not None
    kept = days_by_user(lake, contract.table)
    drop_by_user(lake, contract.table, kept[: -settings.keep])
    return found, is_made


def kept_days(lake: Lake, contract: Contract) -> list[date]:
    """The published days that are kept sorted by user, ascending.

    Raises:
        LakeError: if the lake cannot be read.
    """
    settings, _, _ = _settings(contract)
    return lake.days(contract.table)[-settings.keep :]


def _settings(contract: Contract) -> tuple[ByUser, str, tuple[str, ...]]:
    if not contract.entity or contract.time is None:
        raise ContractError(
            f"{contract.table}: the contract does not say who a user is; give `entity`, the columns that name one, and "
            "`time`, the instant in whose order rows come"
        )
    settings = contract.by_user or ByUser()
    stored = [column.name for column in contract.columns if not is_virtual(column) and not column.name.startswith("_")]
    names = (*contract.entity, contract.time, *(settings.columns or stored))
    return settings, contract.time, tuple(dict.fromkeys(names))


def _are_there(lake: Lake, made: ByUserDay) -> bool:
    folder = lake.by_user_folder(made.table, date.fromisoformat(made.day))
    sizes = {item.name for item in lake.storage.list(folder)}
    return all(file.path in sizes for file in made.files)


def _buckets(
    lake: Lake, contract: Contract, day: date, columns: Sequence[str], buckets: int, progress: Progress | None
) -> Iterator[tuple[int, pa.Table]]:
    """The day's rows, a bucket of users at a time; of several buckets, rows go through files."""
    if not lake.need_day(contract.table, day).rows:  # of no rows the columns are not known
        return
    batches = _told(TableReader(lake, contract.table).scan(day, columns=columns), progress)
    if buckets == 1:
        found = list(batches)
        if found:
            yield 0, pa.Table.from_batches(found).unify_dictionaries().combine_chunks()
        return
    with tempfile.TemporaryDirectory(prefix="logpress-by-user-") as folder:
        paths = [str(Path(folder) / str(number)) for number in range(buckets)]
        for number in _dealt_out(batches, contract.entity, paths):
            with pa.memory_map(paths[number]) as source, pa.ipc.open_stream(source) as stream:
                yield number, stream.read_all().unify_dictionaries().combine_chunks()


def _told(scan: Scan, progress: Progress | None) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in scan.to_batches(categories=True):
        yield batch
        done += batch.num_rows
        if progress is not None:
            progress(0, done)


def _dealt_out(batches: Iterator[pa.RecordBatch], entity: Sequence[str], paths: Sequence[str]) -> list[int]:
    """Write each row to the file of its user's bucket; gives the buckets that have rows."""
    writers: dict[int, Any] = {}
    with ExitStack() as stack:
        for batch in batches:
            users = hashes_of_users([batch.column(batch.schema.get_field_index(name)) for name in entity])
            which = users % np.uint64(len(paths))
            order = np.argsort(which, kind="stable")
            ends = np.searchsorted(which[order], np.arange(len(paths) + 1, dtype=np.uint64))
            for number, path in enumerate(paths):
                rows = order[ends[number] : ends[number + 1]]
                if not len(rows):
                    continue
                if number not in writers:
                    sink = stack.enter_context(pa.OSFile(path, "wb"))
                    writers[number] = stack.enter_context(pa.ipc.new_stream(sink, batch.schema))
                writers[number].write_batch(batch.take(array_of(rows.astype(np.int64), pa.int64())))
    return sorted(writers)


def _write(lake: Lake, contract: Contract, day: date, bucket: int, table: pa.Table) -> tuple[ByUserFile | None, int]:
    """Sort a bucket, and write its file; gives what the manifest tells of it, and rows without a user."""
    assert contract.time is not None
    entity = [table.column(name).chunk(0) for name in contract.entity]
    is_user = np.ones(table.num_rows, dtype=np.bool_)
    for array in entity:
        missing = missing_of(array)
        if missing is not None:
            is_user &= ~missing
    keys = [*order_keys(entity), *order_keys([table.column(contract.time).chunk(0)])]
    order = np.lexsort(keys[::-1])
    order = order[is_user[order]]
    left_out = table.num_rows - len(order)
    if not len(order):
        return None, left_out
    table = table.take(array_of(order.astype(np.int64), pa.int64()))
    data, groups = _encoded(table, contract, day)
    digest = hashlib.sha256(data).hexdigest()
    name = f"users-{bucket:04}-{digest[:12]}.parquet"
    write_by_user(lake, contract.table, day, name, data)
    times = keys[-1][order]
    newest = int(times.max())
    file = ByUserFile(
        path=name, bucket=bucket, rows=len(order), row_groups=groups, stored_bytes=len(data), sha256=digest,
        newest=None if newest == np.iinfo(np.int64).min else newest,
    )  # fmt: skip
    return file, left_out


def _encoded(table: pa.Table, contract: Contract, day: date) -> tuple[pa.Buffer, int]:
    """A Parquet file of sorted rows: small row groups, each with dictionaries of its own words."""
    names = [*table.column_names, "day"]
    schema = pa.schema([*table.schema, pa.field("day", pa.date32(), nullable=False)])
    plain = [field.name for field in schema if pa.types.is_timestamp(field.type) and field.name not in contract.entity]
    sink = pa.BufferOutputStream()
    firsts: list[list[Any]] = []
    columns = {name: _Column(table.column(name).chunk(0)) for name in table.column_names}
    ordinal = np.int32((day - date(1970, 1, 1)).days)
    writer = pq.ParquetWriter(
        sink, schema, compression="zstd", compression_level=_ZSTD, store_schema=False, write_page_checksum=True,
        data_page_version="1.0", use_dictionary=[name for name in names if name not in plain],
        # of the columns that are searched; each has one page in a row group, so a page index would repeat them
        write_statistics=[*contract.entity, str(contract.time), "day"],
        sorting_columns=pq.SortingColumn.from_ordering(schema, [(name, "ascending") for name in contract.entity]),
    )  # fmt: skip
    with writer:
        for first in range(0, table.num_rows, GROUP_ROWS):
            rows = min(GROUP_ROWS, table.num_rows - first)
            arrays = [column.slice(first, rows) for column in columns.values()]
            arrays.append(array_of(np.full(rows, ordinal, dtype=np.int32), pa.date32()))
            batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
            writer.write_batch(batch, row_group_size=rows)
            firsts.append([_first(batch.column(batch.schema.get_field_index(name))) for name in contract.entity])
        writer.add_key_value_metadata({FIRST_KEYS.decode(): json.dumps(firsts, ensure_ascii=False)})
    return sink.getvalue(), len(firsts)


def _first(array: pa.Array) -> str | int:
    scalar = array[0]
    if pa.types.is_timestamp(array.type):
        return int(scalar.value)
    value = scalar.as_py()
    return value if isinstance(value, str) else int(value)


class _Column:
    """A column that is cut into row groups; a dictionary is cut to the words that each has."""

    def __init__(self, array: pa.Array) -> None:
        self._array = array
        self._places: NDArray[np.int32] | None = None
        if pa.types.is_dictionary(array.type):
            missing = missing_of(array)
            codes = values_of(array.indices).astype(np.int32, copy=False)
            self._codes = codes if missing is None else np.where(missing, np.int32(-1), codes)
            self._places = np.full(len(array.dictionary), -1, dtype=np.int32)
            self._own = np.empty(GROUP_ROWS, dtype=np.int32)
            self._words = np.empty(GROUP_ROWS, dtype=np.int32)

    def slice(self, first: int, rows: int) -> pa.Array:
        if self._places is None:
            return self._array.slice(first, rows)
        codes = self._codes[first : first + rows]
        count = own_words(codes, self._places, self._own, self._words)
        words = self._array.dictionary.take(array_of(self._words[:count].copy(), pa.int32()))
        own = array_of(self._own[:rows].copy(), pa.int32(), codes < 0)
        return pa.DictionaryArray.from_arrays(own, words)
