"""A lake's files, manifests and table metadata, checked against the Iceberg specification."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.manifest import DataFile, ManifestContent, ManifestEntryStatus
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import NestedField
from tests.conftest import PressBytes
from tests.every_type import every_type, records, with_stored
from tests.integration.lakes import plain, press, records_of

from logpress.contract import Contract
from logpress.lake import Lake
from logpress.lake.catalog import open_catalog
from logpress.lake.metrics import statistics_of
from logpress.lake.schema import iceberg_schema
from logpress.parquet.schema import FileColumn
from logpress.parquet.writer import FileWriter

DAYS = (date(2021, 12, 26), date(2021, 12, 27))
EPOCH = date(1970, 1, 1)
LONGEST_BOUND = 16
"""Characters, or bytes, of a bound that is cut: the default of write.metadata.metrics.default, truncate(16)."""

_ANY_SIGNED = [{"Type": "Int", "bitWidth": width, "isSigned": True} for width in (8, 16, 32)]
_NONE = [{"Type": "None"}]
PARQUET: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "boolean": ("BOOLEAN", _NONE),
    "int": ("INT32", [*_NONE, *_ANY_SIGNED]),  # narrower ones are int32, too: they only say that less is used
    "long": ("INT64", _NONE),
    "float": ("FLOAT", _NONE),
    "double": ("DOUBLE", _NONE),
    "date": ("INT32", [{"Type": "Date"}]),
    "timestamptz": ("INT64", [{"Type": "Timestamp", "isAdjustedToUTC": True, "timeUnit": "microseconds"}]),
    "string": ("BYTE_ARRAY", [{"Type": "String"}]),
    "binary": ("BYTE_ARRAY", _NONE),
    "uuid": ("FIXED_LEN_BYTE_ARRAY", [{"Type": "UUID"}]),
}
"""Appendix A: the physical type of each type, and the logical types it may have."""

SINGLE_VALUE: dict[str, Callable[[bytes], Any]] = {
    "boolean": lambda data: struct.unpack("?", data)[0],
    "int": lambda data: struct.unpack("<i", data)[0],
    "long": lambda data: struct.unpack("<q", data)[0],
    "float": lambda data: struct.unpack("<f", data)[0],
    "double": lambda data: struct.unpack("<d", data)[0],
    "date": lambda data: struct.unpack("<i", data)[0],
    "timestamptz": lambda data: struct.unpack("<q", data)[0],
    "string": lambda data: data.decode(),
    "binary": lambda data: data,
}
"""Appendix D: a value of each type from its bytes; days and microseconds since 1970 as numbers."""


@dataclass(frozen=True)
class Registered:
    """A published table.

    Attributes:
        table: as the catalog has it.
        files: its data files, as the manifests have them.
    """

    contract: Contract
    table: Table
    files: list[DataFile]

    @property
    def schema(self) -> Schema:
        return self.table.schema()


@pytest.fixture(scope="module", params=["sdk_log", "every_type", "stored"])
def registered(
    request: pytest.FixtureRequest, sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Registered:
    """Each table in turn: two days of two files, each of two row groups."""
    home = tmp_path_factory.mktemp("spec")
    files = sdk_log.files.model_copy(update={"row_group_rows": 1000})
    contract = every_type() if request.param != "sdk_log" else sdk_log.model_copy(update={"files": files})
    if request.param == "stored":
        contract = with_stored(contract)
    for day in DAYS:
        press(contract, day, records_of(contract, day), str(home / "lake"), home)
    with open_catalog(Lake.open(str(home / "lake"))) as catalog:
        table = catalog.load(contract.table)
        assert table is not None
    return Registered(contract, table, data_files(table))


def data_files(table: Table) -> list[DataFile]:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    manifests = snapshot.manifests(table.io)
    assert all(manifest.content == ManifestContent.DATA for manifest in manifests)
    entries = [entry for manifest in manifests for entry in manifest.fetch_manifest_entry(table.io)]
    return [entry.data_file for entry in entries if entry.status != ManifestEntryStatus.DELETED]


# ------------------------------------------------------------------------------------------------------------ files


def test_columns_are_stored_as_appendix_a_says(registered: Registered) -> None:
    seen = set()
    for file in registered.files:
        columns = pq.read_metadata(file.file_path).schema
        for place in range(len(columns)):
            column = columns.column(place)
            type_ = str(registered.schema.find_type(column.name))
            physical, logical = PARQUET[type_]
            found = json.loads(column.logical_type.to_json())
            assert column.physical_type == physical, column.name
            assert any(allowed.items() <= found.items() for allowed in logical), (column.name, found)
            seen.add(type_)
    wanted = {"int", "long", "date", "timestamptz", "string", "binary"}
    assert seen >= wanted | ({"boolean", "double"} if registered.contract.table == "every_type" else set())


def test_columns_are_flat_and_required_where_the_table_says_so(registered: Registered) -> None:
    for file in registered.files:
        columns = pq.read_metadata(file.file_path).schema
        for place in range(len(columns)):
            column = columns.column(place)
            assert column.max_repetition_level == 0
            assert column.path == column.name
            if registered.schema.find_field(column.name).required:
                assert column.max_definition_level == 0
    assert [field.name for field in registered.schema.fields if field.required] == ["day"]


def test_columns_without_field_ids_are_found_by_the_name_mapping(registered: Registered) -> None:
    mapping = json.loads(registered.table.properties["schema.name-mapping.default"])
    ids = {name: entry["field-id"] for entry in mapping for name in entry["names"]}
    assert ids == {field.name: field.field_id for field in registered.schema.fields}
    assert all("fields" not in entry for entry in mapping)
    for file in registered.files:
        arrow = pq.read_schema(file.file_path)
        assert set(arrow.names) <= ids.keys()
        assert all(b"PARQUET:field_id" not in (field.metadata or {}) for field in arrow)


# -------------------------------------------------------------------------------------------------------- the table


def test_the_tables_metadata(registered: Registered) -> None:
    metadata = json.loads(registered.table.metadata.model_dump_json(by_alias=True))
    assert metadata["format-version"] == 2
    [schema] = metadata["schemas"]
    ids = [field["id"] for field in schema["fields"]]
    assert len(set(ids)) == len(ids)
    assert metadata["last-column-id"] == max(ids)
    assert {field["type"] for field in schema["fields"]} <= PARQUET.keys()
    day = next(field for field in schema["fields"] if field["name"] == "day")
    assert (day["type"], day["required"]) == ("date", True)
    [spec] = metadata["partition-specs"]
    assert spec["fields"] == [{"source-id": day["id"], "field-id": 1000, "transform": "identity", "name": "day"}]
    assert metadata["sort-orders"] == [{"order-id": 0, "fields": []}]
    assert metadata["default-sort-order-id"] == 0


# ---------------------------------------------------------------------------------------------------- the manifests


def test_files_are_described_as_they_are(registered: Registered) -> None:
    assert len(registered.files) == 4
    for file in registered.files:
        footer = pq.read_metadata(file.file_path)
        assert footer.num_row_groups >= 1
        assert file.content.value == 0
        assert file.file_format.value.lower() == "parquet"
        assert file.file_size_in_bytes == Path(file.file_path).stat().st_size
        assert file.record_count == footer.num_rows
        assert file.split_offsets == begins(footer)
        assert not file.sort_order_id  # none, or 0: unsorted, as only row groups are sorted
        assert not file.equality_ids
        days = pq.read_table(file.file_path, columns=["day"], partitioning=None)["day"].unique().to_pylist()
        assert [(day - EPOCH).days for day in days] == [file.partition[0]]
    assert sum(footer_of(file).num_row_groups > 1 for file in registered.files) == 4


def footer_of(file: DataFile) -> pq.FileMetaData:
    return pq.read_metadata(file.file_path)


def begins(footer: pq.FileMetaData) -> list[int]:
    """Begins of row groups: those of their first pages."""
    found = []
    for number in range(footer.num_row_groups):
        columns = [footer.row_group(number).column(place) for place in range(footer.num_columns)]
        found.append(min(column.dictionary_page_offset or column.data_page_offset for column in columns))
    return found


def test_counts_and_sizes_of_columns(registered: Registered) -> None:
    for file in registered.files:
        footer, table = footer_of(file), pq.read_table(file.file_path, partitioning=None)
        sizes = dict.fromkeys(table.column_names, 0)
        for number in range(footer.num_row_groups):
            for place, name in enumerate(table.column_names):
                sizes[name] += footer.row_group(number).column(place).total_compressed_size
        field_ids = {name: registered.schema.find_field(name).field_id for name in table.column_names}
        assert file.column_sizes == {field_ids[name]: size for name, size in sizes.items()}
        readable = {name: id_ for name, id_ in field_ids.items() if not name.startswith("_")}
        assert file.value_counts == dict.fromkeys(readable.values(), table.num_rows)
        assert file.null_value_counts == {id_: table[name].null_count for name, id_ in readable.items()}


def test_bounds_are_the_least_and_greatest_values(registered: Registered) -> None:
    seen = set()
    for file in registered.files:
        table = plain(pq.read_table(file.file_path, partitioning=None))
        for field in registered.schema.fields:
            if field.name in table.column_names:
                seen.add(check_bounds(field, table[field.name], file.lower_bounds, file.upper_bounds))
    others = {"long", "boolean", "double"} if registered.contract.table == "every_type" else set()
    assert seen == {"int", "date", "timestamptz", "string", None} | others


def check_bounds(
    field: NestedField, column: pa.ChunkedArray, lowers: dict[int, bytes], uppers: dict[int, bytes]
) -> str | None:
    """Hold a column's bounds against its values; returns the type if there are any."""
    values = column.drop_null()
    if field.name.startswith("_") or not len(values) or str(field.field_type) == "uuid":
        assert field.field_id not in lowers
        assert field.field_id not in uppers
        return None
    type_ = str(field.field_type)
    low, high = (SINGLE_VALUE[type_](bounds[field.field_id]) for bounds in (lowers, uppers))
    least, greatest = pc.min(values).as_py(), pc.max(values).as_py()
    if type_ not in ("string", "binary"):
        assert (low, high) == (least, greatest), field.name
        return type_
    assert low == least[:LONGEST_BOUND]
    assert len(high) <= LONGEST_BOUND
    assert high == greatest if len(greatest) <= LONGEST_BOUND else high > greatest  # by bytes as by code points
    return type_


# --------------------------------------------------------------------------- bounds that pyiceberg's own get wrong


def bounds_of(path: str | io.BytesIO) -> tuple[Schema, dict[str, Any], pa.Table]:
    """The schema that a file's table would have, and what a manifest would say of the file."""
    file = pq.ParquetFile(path)
    schema = iceberg_schema([file.schema_arrow], {})
    return schema, statistics_of(file.metadata, schema, {}).to_serialized_dict(), plain(file.read())


def test_a_row_group_that_says_no_bounds_leaves_the_file_without(press_bytes: PressBytes, tmp_path: Path) -> None:
    """Texts of more than 4,096 bytes are in no statistics: those of the other row groups are not the file's."""
    lines = records(DAYS[0], 2_100)
    longest = "\U0010ffff" * 2_000
    document = json.loads(lines[-1])
    document["note"] = longest
    lines[-1] = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    pressed = press_bytes(every_type(), lines, tmp_path)
    schema, found, table = bounds_of(str(pressed.part))
    assert pc.max(table["note"]).as_py() == longest
    note, number = (schema.find_field(name) for name in ("note", "number"))
    assert note.field_id not in found["lower_bounds"] | found["upper_bounds"]
    assert found["null_value_counts"][note.field_id] == table["note"].null_count
    assert check_bounds(number, table["number"], found["lower_bounds"], found["upper_bounds"]) == "long"


def test_a_row_group_without_values_says_nothing_of_the_others() -> None:
    written = [pa.array([None, None], pa.string()), pa.array(["b", None], pa.string()), pa.array([], pa.string())]
    schema, found, table = bounds_of(file_of(pa.string(), written))
    assert check_bounds(schema.find_field("c"), table["c"], found["lower_bounds"], found["upper_bounds"]) == "string"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00.000001+09:00", "9999-12-31T23:59:59.999999-09:00"])
def test_moments_outside_of_the_years_of_readers_are_no_instants(
    moment: str, press_bytes: PressBytes, tmp_path: Path
) -> None:
    """The text is kept; the day is published."""
    lines = records(DAYS[0], 50)
    document = json.loads(lines[7])
    document["seen"]["us"] = moment
    lines[7] = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    schema, found, table = bounds_of(str(press_bytes(every_type(), lines, tmp_path).part))
    field = schema.find_field("seen_us")
    assert check_bounds(field, table["seen_us"], found["lower_bounds"], found["upper_bounds"]) == "timestamptz"
    assert sum(moment in (text or "") for text in table["_extra"].to_pylist()) == 1


@pytest.mark.parametrize("last", ["\ud7ff", "\U0010ffff", "\uffff", "z"])
def test_the_upper_bound_of_a_text_is_cut_at_a_character(last: str) -> None:
    texts = ["a", "z" * (LONGEST_BOUND - 1) + last + "more"]
    schema, found, table = bounds_of(file_of(pa.string(), [pa.array(texts)]))
    assert check_bounds(schema.find_field("c"), table["c"], found["lower_bounds"], found["upper_bounds"]) == "string"


def test_a_text_of_the_last_characters_has_no_upper_bound() -> None:
    _, found, _ = bounds_of(file_of(pa.string(), [pa.array(["a", "\U0010ffff" * (LONGEST_BOUND + 1)])]))
    assert found["lower_bounds"] == {1: b"a"}
    assert found["upper_bounds"] == {}


def file_of(type_: pa.DataType, groups: list[pa.Array]) -> io.BytesIO:
    """A file of one column, a row group for each array."""
    sink = io.BytesIO()
    writer = FileWriter(sink, [FileColumn("c", type_, True, "plain", 1, True)])
    for group in groups:
        writer.write_table(pa.table({"c": group}))
    writer.close()
    sink.seek(0)
    return sink


_VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-(2**7), 2**7 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.date32(): st.integers(-(2**31), 2**31 - 1),
    pa.timestamp("us", "UTC"): st.integers(-(2**63), 2**63 - 1),
    pa.string(): st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    pa.binary(): st.binary(max_size=40),
}


@given(st.data())
def test_bounds_of_any_values(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(list(_VALUES)))
    columns = data.draw(st.lists(st.lists(st.none() | _VALUES[type_], max_size=6), min_size=1, max_size=4))
    storage = {pa.date32(): pa.int32(), pa.timestamp("us", "UTC"): pa.int64()}.get(type_, type_)
    arrays = [pa.array(column, storage).view(type_) for column in columns]
    schema, found, table = bounds_of(file_of(type_, arrays))
    field = schema.find_field("c")
    values = [value for column in columns for value in column if value is not None]
    assert found["record_count"] == found["value_counts"][1] == sum(map(len, columns))
    assert found["null_value_counts"] == {1: found["record_count"] - len(values)}
    if type_ in (pa.string(), pa.binary()) and 1 not in found["upper_bounds"]:
        last = "\U0010ffff" if type_ == pa.string() else b"\xff"
        assert not values or max(values)[:LONGEST_BOUND] == last * LONGEST_BOUND
        return
    check_bounds(field, table["c"], found["lower_bounds"], found["upper_bounds"])
