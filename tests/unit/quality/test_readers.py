"""The table of readers, compared with the installed readers: the engine writes every pair, and they read it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logpress.contract import load_contract
from logpress.contract.base import Encoding
from logpress.engine.part.metadata import open_writer
from logpress.engine.registers.stored_columns import StoredColumn
from logpress.errors import UsageError
from logpress.quality.readers import (
    GAPS,
    READERS,
    TITLES,
    WRITTEN,
    Kind,
    encodings_of,
    gaps_of,
    kind_of,
    parse_readers,
    readers_of,
    type_gaps_of,
)

ROWS = 4_000
_random = np.random.default_rng(3)


def integers(bits: int, kind: str) -> np.ndarray[Any, Any]:
    return _random.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), ROWS).astype(kind)


# near: what neighbours differ by is small; wide: they may differ by all that the type holds
VALUES: dict[tuple[Kind, str], pa.Array] = {
    ("boolean", "near"): pa.array(integers(20, "i4") > 0),
    ("small_integer", "near"): pa.array(integers(7, "i2")),
    ("small_integer", "wide"): pa.array(integers(16, "i2")),
    ("int32", "near"): pa.array(integers(12, "i4")),
    ("int32", "wide"): pa.array(integers(32, "i4")),
    ("int64", "near"): pa.array(integers(12, "i8")),
    ("int64", "wide"): pa.array(integers(40, "i8")),
    ("double", "near"): pa.array(_random.random(ROWS)),
    ("text", "near"): pa.array([f"값 {number % 700}" for number in range(ROWS)]),
    ("bytes", "near"): pa.array([b"%d" % (number % 700) for number in range(ROWS)]),
    ("uuid", "near"): pa.array([UUID(int=(number % 700) << 118 | number % 7) for number in range(ROWS)], pa.uuid()),
    ("uuid", "wide"): pa.array([UUID(bytes=_random.bytes(16)) for _ in range(ROWS)], pa.uuid()),
}
CASES = [
    (kind, spread, encoding, nulls)
    for kind, spread in VALUES
    for encoding in get_args(Encoding)
    if kind in WRITTEN[encoding]
    for nulls in (False, True)
]


def write(folder: Path, kind: Kind, spread: str, encoding: Encoding, nulls: bool) -> tuple[Path, pa.Array]:
    array = VALUES[kind, spread]
    if nulls:
        array = pa.array(array.to_pylist(), array.type, mask=np.arange(ROWS) % 7 == 3)
    path = folder / "a.parquet"
    column = StoredColumn("x", array.type, "", encoding, 3)
    with path.open("wb") as file:
        writer = open_writer(file, load_contract("sdk_log"), [column])
        values = array.cast(writer.schema.field("x").type)
        writer.write_table(pa.Table.from_arrays([values], schema=writer.schema))
        writer.close()
    return path, array


def read_pyarrow(path: Path) -> list[Any]:
    return pq.read_table(path)["x"].to_pylist()


def read_polars(path: Path) -> list[Any]:
    is_uuid = pq.read_schema(path).field("x").type == pa.uuid()  # of which Polars reads the bytes
    return [value and UUID(bytes=value) if is_uuid else value for value in pl.read_parquet(path)["x"].to_list()]


def read_duckdb(path: Path) -> list[Any]:
    with duckdb.connect() as connection:
        return [row[0] for row in connection.execute(f"SELECT x FROM '{path}'").fetchall()]


def dictionary_pays(kind: Kind, array: pa.Array) -> bool:
    """Whether numbers take less as a dictionary and indices; if not, they are written plainly."""
    size = {"small_integer": 4, "int32": 4, "int64": 8, "double": 8, "uuid": 16}.get(kind)
    if size is None:
        return True
    values = (array.storage if kind == "uuid" else array).drop_null()
    entries = len(values.unique())
    return entries * size + len(values) * (entries - 1).bit_length() / 8 <= len(values) * size


@pytest.mark.parametrize(("kind", "spread", "encoding", "nulls"), CASES)
@pytest.mark.parametrize("read", [read_pyarrow, read_polars, read_duckdb])
def test_pyarrow_polars_and_duckdb_read_all_that_is_written(tmp_path, read, kind, spread, encoding, nulls):
    path, array = write(tmp_path, kind, spread, encoding, nulls)
    written = {"plain": "PLAIN", "dictionary": "RLE_DICTIONARY", "delta": "DELTA_", "byte_stream_split": "BYTE_STREAM"}
    stored = pq.read_metadata(path).row_group(0).column(0).encodings
    name = written[encoding] if encoding != "dictionary" or dictionary_pays(kind, array) else "PLAIN"
    assert any(found.startswith(name) for found in stored)
    assert "RLE_DICTIONARY" not in stored or name == "RLE_DICTIONARY"
    assert read(path) == array.to_pylist()
    name = read.__name__.removeprefix("read_")
    assert gaps_of(array.type, encoding, [name]) == []


FASTPARQUET = """
import sys
from logpress.errors import ProofError
from logpress.quality.readable import prove_readable
try:
    prove_readable(sys.argv[1])
except ProofError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(("kind", "spread", "encoding", "nulls"), CASES)
def test_fastparquet_reads_what_has_no_gap_only(tmp_path, kind, spread, encoding, nulls):
    from logpress.errors import ProofError
    from logpress.quality.readable import prove_readable

    path, array = write(tmp_path, kind, spread, encoding, nulls)
    gaps = gaps_of(array.type, encoding, ["fastparquet"])
    if not gaps:
        assert prove_readable(str(path)) == ROWS
    elif encoding == "delta" and kind != "text":
        if spread == "wide" and not nulls:  # in a process of its own: it may crash
            ran = subprocess.run([sys.executable, "-c", FASTPARQUET, str(path)], capture_output=True, timeout=60)
            assert ran.returncode != 0
    else:
        with pytest.raises(ProofError, match="fastparquet cannot read it"):
            prove_readable(str(path))


def read_bare_fastparquet(path: Path) -> list[Any]:
    import fastparquet

    found: list[Any] = fastparquet.ParquetFile(str(path)).to_pandas()["x"].tolist()
    return found


def test_fastparquet_drops_zeros_at_the_end_of_uuids(tmp_path):
    """As the table of readers says; the proof knows it, and tells other bytes nevertheless."""
    from logpress.errors import ProofError
    from logpress.quality import readable

    assert [gap.reader for gap in type_gaps_of(pa.uuid(), READERS)] == ["fastparquet", "spark", "athena"]
    path, array = write(tmp_path, "uuid", "near", "plain", True)
    stored = array.storage.to_pylist()
    cut = [value and value.rstrip(b"\0") for value in stored]
    assert read_bare_fastparquet(path) == cut != stored
    assert readable.prove_readable(str(path)) == ROWS
    other = pd.Series([b"\1", None])
    with pytest.raises(ProofError, match="row 0: pyarrow reads"):
        readable._compare("", "x", pa.array([b"\2" + bytes(15), None], pa.binary(16)), other)


@pytest.mark.parametrize(("bits", "is_right"), [(28, True), (29, False), (40, False), (56, False)])
def test_fastparquet_misreads_deltas_of_more_than_28_bits(tmp_path, bits, is_right):
    """As the table of readers says; beyond 56 bits fastparquet crashes."""
    values = np.cumsum(_random.integers(0, 2**bits, ROWS))
    sample = tmp_path / "a.parquet"
    with sample.open("wb") as file:
        writer = open_writer(file, load_contract("sdk_log"), [StoredColumn("x", pa.int64(), "", "delta", 3)])
        writer.write_table(pa.table({"x": values}))
        writer.close()
    assert read_pyarrow(sample) == values.tolist()
    assert (read_bare_fastparquet(sample) == values.tolist()) is is_right


def test_gaps_are_of_what_can_be_written_and_say_why():
    assert set(TITLES) == set(READERS)
    for gap in GAPS:
        assert gap.kinds <= WRITTEN[gap.encoding]
        assert gap.why
        assert gap.source
    for encoding in ("plain", "dictionary"):
        assert not [gap for gap in GAPS if gap.encoding == encoding]


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (pa.timestamp("us", "UTC"), "int64"),
        (pa.date32(), "int32"),
        (pa.int8(), "small_integer"),
        (pa.dictionary(pa.int32(), pa.binary()), "bytes"),
    ],
)
def test_kinds(type_, kind):
    assert kind_of(type_) == kind


def test_types_that_part_files_do_not_have_are_refused():
    with pytest.raises(ValueError, match="no columns of type list"):
        kind_of(pa.list_(pa.int8()))


def test_bytes_and_booleans_have_fewer_encodings():
    assert encodings_of(pa.binary()) == ["plain", "dictionary"]
    assert encodings_of(pa.bool_()) == ["plain"]


def test_readers_of_a_contract():
    contract = load_contract("sdk_log")
    assert readers_of(contract) == tuple(reader for reader in READERS if reader != "fastparquet")
    for named, expected in (((), READERS), (("duckdb",), ("pyarrow", "duckdb"))):
        files = contract.files.model_copy(update={"readers": named})
        assert readers_of(contract.model_copy(update={"files": files})) == expected


def test_readers_are_named_with_commas():
    assert parse_readers(" Trino, polars,") == ("polars", "trino")
    assert parse_readers("") == ()
    with pytest.raises(UsageError, match="'exel' is unknown; give some of pyarrow, "):
        parse_readers("exel")
