"""Virtual columns that a contract stores, too: what files, scans and views have, and that a wrong value is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import records_in_order
from tests.every_type import every_type, records, with_stored
from tests.examples import shown_as_stored
from tests.integration.lakes import plain

from logpress import open_lake, reference
from logpress.contract import Contract
from logpress.contract.edit import changed_contract
from logpress.day import one_machine as whole_day
from logpress.day.published import verify_published
from logpress.engine.part import encode, encode_stored_too
from logpress.engine.part.compare_stored_too import Comparison
from logpress.engine.part.metadata import PartMetadata, version_of
from logpress.engine.part.opened_part import OpenedPart
from logpress.engine.press import press_slice
from logpress.engine.registers.stored_columns import physical_columns, register_columns, stored_columns
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.in_order import restore
from logpress.errors import PartError, ProofError
from logpress.lake import Lake
from logpress.manifest import SliceSpec
from logpress.quality.readable import prove_readable
from logpress.quality.values import column_values

DAYS = (date(2021, 12, 26), date(2021, 12, 27))
NAMES = ("label", "ended_at", "_id")
COUNT = 1_200


def pressed(contract: Contract, folder: Path, count: int = COUNT, threads: int = 1) -> str:
    """A part of two row groups."""
    folder.mkdir(exist_ok=True)
    source = folder / "raw.ndjson"
    source.write_bytes(b"".join(record + b"\n" for record in records(DAYS[0], count)))
    spec = SliceSpec(name="slice", inputs=(str(source),))
    manifest = press_slice(contract, DAYS[0], spec, str(folder / "out"), threads=threads)
    assert manifest.part is not None
    return str(folder / "out" / manifest.part.path)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> str:
    return pressed(with_stored(every_type()), tmp_path_factory.mktemp("stored"))


# ------------------------------------------------------------------------------------------------------- contracts


def test_only_virtual_columns_can_be_stored_too() -> None:
    data = every_type().model_dump(mode="json", exclude_unset=True)
    data["columns"][0]["storage"] = "stored"
    with pytest.raises(ValueError, match="`storage` of 'number' is `stored`, which is for virtual columns"):
        Contract.model_validate(data)
    data["columns"][0]["storage"] = "plain"
    with pytest.raises(ValueError, match="storage"):
        Contract.model_validate(data)


def test_rows_are_not_ordered_by_a_virtual_column_that_is_stored_too() -> None:
    with pytest.raises(Exception, match="names 'ended_at', which is virtual"):
        changed_contract(with_stored(every_type()), {("order_by",): ("ended_at",)})


def test_the_contracts_storage_says_how_they_are_encoded() -> None:
    contract = changed_contract(
        with_stored(every_type()), {("storage", "ended_at", "encoding"): "delta", ("storage", "_id", "zstd"): 1}
    )
    stored = {column.name: column for column in stored_columns(contract)}
    assert [(stored[name].encoding, stored[name].zstd, stored[name].of) for name in NAMES] == [
        ("dictionary", 3, "label"), ("delta", 3, "ended_at"), ("plain", 1, "_id")
    ]  # fmt: skip


def test_readers_need_the_column_and_registers_what_it_is_derived_from() -> None:
    contract = with_stored(every_type())
    assert physical_columns(contract, NAMES) == ["label", "ended_at", "_id"]
    assert register_columns(contract, NAMES) == register_columns(every_type(), NAMES)
    assert not set(NAMES) & set(register_columns(contract, NAMES))


# ----------------------------------------------------------------------------------------------------------- files


def test_the_format_is_5_2_only_where_a_column_is_stored_too(part: str, tmp_path: Path) -> None:
    first = every_type(())  # of the codecs that format 5.2 has
    assert (version_of(first), version_of(with_stored(first))) == ("5.1", "5.2")
    assert PartMetadata.of(pq.read_metadata(part)).version == version_of(with_stored(every_type()))
    without = pressed(every_type(), tmp_path, 50)
    assert PartMetadata.of(pq.read_metadata(without)).version == version_of(every_type())
    assert b'"stored"' not in pq.read_metadata(without).metadata[b"logpress"]


def test_values_are_those_that_are_derived(part: str, tmp_path: Path) -> None:
    without = pressed(every_type(), tmp_path)
    table = pq.read_table(part, columns=list(NAMES))
    for name in ("label", "ended_at"):
        derived, read = (
            [value for array in column_values(contract, name, path) for value in array.to_pylist()]
            for contract, path in ((every_type(), without), (with_stored(every_type()), part))
        )
        assert len(set(derived)) > 3
        assert table[name].to_pylist() == derived == read
        assert pl.read_parquet(part, columns=[name])[name].to_list() == derived
        by_pandas = pd.read_parquet(part, columns=[name])[name]
        assert [None if pd.isna(value) else value for value in by_pandas] == derived
    assert prove_readable(part) > 0  # by fastparquet
    present = [a.is_valid().to_pylist() for a in column_values(with_stored(every_type()), "_id", part)]
    assert [valid for group in present for valid in group] == table["_id"].is_valid().to_pylist()


def test_any_number_of_threads_writes_the_same_file(part: str, tmp_path: Path) -> None:
    one = pressed(with_stored(every_type()), tmp_path, threads=3)
    assert Path(one).read_bytes() == Path(part).read_bytes()


def test_restoring_needs_none_of_them(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = records(DAYS[0], COUNT)
    read: list[str] = []
    group = OpenedPart.group

    def seen(self: Any, number: int, columns: Any, **options: Any) -> Any:
        read.extend(columns)
        return group(self, number, columns, **options)

    monkeypatch.setattr(OpenedPart, "group", seen)
    chunks: list[bytes] = []
    restore([part], [], lambda chunk: chunks.append(bytes(chunk)))
    assert Counter(b"".join(chunks).split(b"\n")[:-1]) == Counter(expected)
    assert read
    assert not set(NAMES) & set(read)
    assert list(reference.records(part)) == records_in_order(part)


# ----------------------------------------------------------------------------------------------------- wrong values


Change = Callable[[pa.Array], pa.Array]


def a_later_instant(array: pa.Array) -> pa.Array:
    return pa.array([*array[:-1].to_pylist(), array[0].as_py()], array.type)


def no_value(array: pa.Array) -> pa.Array:
    return pa.concat_arrays([array[:-1], pa.nulls(1, array.type)])


def another_text(array: pa.Array) -> pa.Array:
    values = array.to_pylist()
    found = pa.array([*values[:-1], "something else"], pa.string())
    return found.dictionary_encode() if pa.types.is_dictionary(array.type) else found


@pytest.fixture
def tampering(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Change], None]:
    """Files are written, with right checksums, whose column has other values than its formula."""
    made = encode_stored_too.stored_too_arrays

    def tamper(name: str, change: Change) -> None:
        def wrong(*arguments: Any) -> dict[str, pa.Array]:
            arrays = made(*arguments)
            return {**arrays, name: change(arrays[name])}

        monkeypatch.setattr(encode, "stored_too_arrays", wrong)

    return tamper


@pytest.mark.parametrize(
    ("name", "change"),
    [("ended_at", a_later_instant), ("ended_at", no_value), ("label", another_text), ("label", no_value),
     ("_id", another_text), ("_id", no_value)],
)  # fmt: skip
def test_a_value_that_its_formula_does_not_give_is_found(
    tampering: Callable[[str, Change], None], tmp_path: Path, name: str, change: Change
) -> None:
    tampering(name, change)
    part = pressed(with_stored(every_type()), tmp_path)
    with pytest.raises(PartError, match=f"row 999: the stored value of the virtual column {name} is"):
        digest_files([part], [], threads=0)
    # records come back in any case
    chunks: list[bytes] = []
    assert restore([part], [], lambda chunk: chunks.append(bytes(chunk))) == COUNT
    assert Counter(b"".join(chunks).split(b"\n")[:-1]) == Counter(records(DAYS[0], COUNT))


def no_utf_8(array: pa.Array) -> pa.Array:
    values = [b"\xff", *([b"x"] * (len(array) - 1))]
    return pa.Array.from_buffers(pa.string(), len(array), pa.array(values, pa.binary()).buffers())


def test_texts_that_are_none_are_damage(tampering: Callable[[str, Change], None], tmp_path: Path) -> None:
    tampering("_id", no_utf_8)
    part = pressed(with_stored(every_type()), tmp_path, 50)
    with pytest.raises(PartError, match=r"is damaged: column _id: .*UTF8"):
        digest_files([part], [], threads=0)


def publish(contract: Contract, day: date, home: Path) -> None:
    raw = home / f"{day:%Y/%m/%d}"
    raw.mkdir(parents=True, exist_ok=True)
    (raw / "records.ndjson").write_bytes(b"".join(record + b"\n" for record in records(day, COUNT)))
    whole_day.run_day(contract, day, [str(raw)], str(home / "lake"), threads=1)


def test_a_day_with_a_wrong_value_is_not_published(tampering: Callable[[str, Change], None], tmp_path: Path) -> None:
    tampering("label", another_text)
    with pytest.raises(ProofError, match="the stored value of the virtual column label is 'something else'"):
        publish(with_stored(every_type()), DAYS[0], tmp_path)
    assert Lake.open(str(tmp_path / "lake")).days("every_type") == []


def test_verify_finds_a_wrong_value_of_a_published_day(
    tampering: Callable[[str, Change], None], tmp_path: Path
) -> None:
    contract = with_stored(every_type())
    tampering("ended_at", a_later_instant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Comparison, "compare", lambda *_: None)
        publish(contract, DAYS[0], tmp_path)
    with pytest.raises(PartError, match="the stored value of the virtual column ended_at"):
        verify_published(contract, DAYS[0], str(tmp_path / "lake"), threads=1)


# ------------------------------------------------------------------------------------------------------------ lakes


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose first day was pressed before its virtual columns were stored, too."""
    home = tmp_path_factory.mktemp("mixed")
    publish(every_type(), DAYS[0], home)
    publish(with_stored(every_type()), DAYS[1], home)
    return home


def test_scans_give_the_same_before_and_after(mixed: Path, tmp_path: Path) -> None:
    publish(every_type(), DAYS[1], tmp_path)
    table = open_lake(str(mixed / "lake")).table("every_type")
    columns = {column.name: column for column in table.columns}
    assert not any(columns[name].virtual for name in NAMES)
    wanted = open_lake(str(tmp_path / "lake")).table("every_type").scan(columns=["number", *NAMES]).to_arrow()
    assert table.scan(DAYS[1], columns=["number", *NAMES]).to_arrow().equals(wanted)
    label = wanted["label"][0].as_py()
    for where in ([("label", "==", label)], [("ended_at", ">", wanted["ended_at"][7].as_py())]):
        both = table.scan(columns=["number", *NAMES], where=where).to_arrow()
        each = [table.scan(day, columns=["number", *NAMES], where=where).to_arrow() for day in DAYS]
        assert 0 < len(both) == sum(map(len, each)) < 2 * COUNT
        assert both.equals(pa.concat_tables(each))


def test_a_published_day_is_verified(mixed: Path) -> None:
    for contract, day in zip((every_type(), with_stored(every_type())), DAYS, strict=True):
        verify_published(contract, day, str(mixed / "lake"), threads=1)


def test_views_have_the_columns_of_both_days(mixed: Path, logpress: Callable[..., Any]) -> None:
    for day in DAYS:
        others = {"_id", *shown_as_stored(every_type())}
        names = [column.name for column in every_type().columns if column.name not in others]
        wanted = open_lake(str(mixed / "lake")).table("every_type").scan(day, columns=names).to_arrow()
        text = logpress("view", "every_type", "--lake", mixed / "lake", "--dialect", "duckdb").out
        with duckdb.connect() as connection:
            connection.execute(text)
            ((view,),) = connection.execute("SHOW TABLES").fetchall()
            listed = ", ".join(f'"{name}"' for name in names)
            query = f"SELECT {listed} FROM {view} WHERE day = DATE '{day}' ORDER BY number"
            found = plain(connection.sql(query).to_arrow_table())
        assert found.to_pylist() == plain(wanted.sort_by("number")).to_pylist()
