"""Columns of a part against contract and manifest: what another tool rewrote never gives nulls without a word."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from logpress import open_lake
from logpress.comparing import Named, compare_day
from logpress.contract import load_contract
from logpress.engine.part import metadata as part_module
from logpress.engine.part.metadata import METADATA_KEY, PartMetadata
from logpress.engine.part.opened_part import OpenedGroup, OpenedPart
from logpress.errors import PartError, ProofError
from logpress.lake import Lake
from logpress.manifest import DayManifest, PartStats
from logpress.reading.part import Part
from logpress.reading.told import Told

DAY = date(2021, 12, 26)
FROZEN = Path(__file__).parents[2].parent / "frozen" / "4"


CHANGES: dict[str, tuple[str, str]] = {
    "renamed": ("SELECT * RENAME (sdk_version AS sdk)", "column sdk_version is not there"),
    "retyped": (
        "SELECT * REPLACE (response_elapsed_ms::BIGINT AS response_elapsed_ms)",
        "column response_elapsed_ms has type int64, not int32",
    ),
    "removed": ("SELECT * EXCLUDE (sdk_version)", "column sdk_version is not there"),
    "added": ("SELECT *, day AS more", "its contract knows no column 'more'"),
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of format 4, whose parts have no checksum: another tool can rewrite them."""
    shutil.copytree(FROZEN / "lake", tmp_path / "lake")
    return Lake.open(str(tmp_path / "lake"))


def first_part(lake: Lake) -> tuple[Path, PartStats]:
    manifest = lake.need_day("sdk_log", DAY)
    return Path(lake.files(manifest)[0][0]), manifest.parts[0]


def rewrite(path: Path, select: str) -> None:
    """Let DuckDB write a part anew, with its metadata; pyarrow writes statistics that no part has."""
    text = pq.read_metadata(path).metadata[METADATA_KEY].decode().replace("'", "''")
    with duckdb.connect() as connection:
        rows = f"{select} FROM read_parquet('{path}', hive_partitioning = false)"
        connection.execute(f"COPY ({rows}) TO '{path}.new' (FORMAT parquet, KV_METADATA {{logpress: '{text}'}})")
    os.replace(f"{path}.new", path)


@pytest.mark.parametrize("change", CHANGES)
def test_a_part_whose_columns_are_not_its_contracts_is_an_error(lake: Lake, change: str) -> None:
    path, _ = first_part(lake)
    scan = open_lake(lake.uri).table("sdk_log").scan(DAY)
    before = scan.to_arrow()
    assert before.num_rows == scan.rows
    rewrite(path, CHANGES[change][0])
    for read in (
        scan.to_arrow, lambda: list(scan.places(str(path))), lambda: Part.open(str(path)),
        lambda: open_lake(lake.uri).table("sdk_log").scan(DAY),
    ):  # fmt: skip
        with pytest.raises(PartError, match=rf"{path.name}: is damaged or was changed by .*: {CHANGES[change][1]}"):
            read()


def test_first_rows_are_read_alone_only_where_bytes_have_a_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, as in format 4, a page whose header is damaged is passed over; the number of all rows tells."""

    def first_rows(path: Path) -> int:
        part = OpenedPart.open(str(path))
        with part.group(0, ["_layout"], is_described=False) as group:
            return int(group.table(["_layout"], first_rows=1).num_rows)

    older, newer = FROZEN / "older.parquet", FROZEN.parent / "5" / "older.parquet"
    assert first_rows(older) == first_rows(newer) == 1
    monkeypatch.setattr(OpenedGroup, "batches", lambda *_: iter(()))
    assert first_rows(older) == 1
    with pytest.raises(PartError, match="another number of values than rows"):
        first_rows(newer)


def test_columns_of_a_later_minor_version_are_skipped(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = first_part(lake)
    rewrite(path, CHANGES["added"][0])
    footer = pq.read_metadata(path)
    with pytest.raises(PartError, match="knows no column 'more'"):
        PartMetadata.of(footer)
    monkeypatch.setattr(part_module, "MINOR", -1)
    assert PartMetadata.of(footer).contract.table == "sdk_log"


def manifest_with(lake: Lake, **changes: object) -> None:
    """Write a manifest that tells something else of the first part."""
    manifest = lake.need_day("sdk_log", DAY)
    first = manifest.slices[0]
    assert first.part is not None
    changed = first.model_copy(update={"part": first.part.model_copy(update=changes)})
    slices = (changed, *manifest.slices[1:])
    Path(lake.manifest_path("sdk_log", DAY)).write_bytes(
        DayManifest.to_bytes(manifest.model_copy(update={"slices": slices}))
    )


def test_a_part_is_compared_with_its_manifest_when_a_scan_opens_it(lake: Lake) -> None:
    path, part = first_part(lake)
    names = [column.name for column in part.columns]
    more = part.columns[0].model_copy(update={"name": "more"})
    for changes, message in (
        ({"columns": part.columns[1:]}, f"has a column '{names[0]}', which is not in the day's manifest"),
        ({"columns": (*part.columns, more)}, "has no column 'more', which is in the day's manifest"),
        ({"columns": part.columns[::-1]}, "has its columns in another order"),
        ({"rows": part.rows + 1}, f"has {part.rows} rows, {part.rows + 1} are in the day's manifest"),
        ({"stored_bytes": 7}, f"has {part.stored_bytes} bytes, 7 are in the day's manifest"),
    ):
        manifest_with(lake, **{"columns": part.columns, "rows": part.rows, "stored_bytes": part.stored_bytes} | changes)
        with pytest.raises(PartError, match=f"{path.name}: {message}"):
            open_lake(lake.uri).table("sdk_log").scan(DAY).to_arrow()


def test_a_part_that_was_replaced_after_the_scan_was_made_is_told(lake: Lake) -> None:
    path, part = first_part(lake)
    scan = pickle.loads(pickle.dumps(open_lake(lake.uri).table("sdk_log").scan(DAY)))
    rewrite(path, "SELECT *")  # the same rows
    assert os.path.getsize(path) != part.stored_bytes
    assert Part.open(str(path)).footer.num_rows == part.rows
    for read in (scan.to_arrow, lambda: list(scan.places(str(path)))):
        with pytest.raises(PartError, match=rf"{path.name}: has \d+ bytes, {part.stored_bytes} are in the day's"):
            read()


def test_a_scan_reads_all_bytes_first_where_it_is_asked_to(lake: Lake) -> None:
    path, part = first_part(lake)
    table = open_lake(lake.uri).table("sdk_log")
    assert table.scan(DAY, verify=True).to_arrow().equals(table.scan(DAY).to_arrow())
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    assert hashlib.sha256(data).hexdigest() != part.sha256
    table.scan(DAY)
    with pytest.raises(ProofError, match=f"{path.name}: its (size|content) has changed since it was written"):
        table.scan(DAY, verify=True)


def test_what_a_manifest_tells_is_what_the_file_has(lake: Lake) -> None:
    path, part = first_part(lake)
    told = Told.of(part)
    assert Part.open(str(path), told=told).footer.num_rows == told.rows == part.rows


def test_a_day_that_is_compared_is_the_one_that_was_pressed(lake: Lake) -> None:
    path, _ = first_part(lake)
    contract, side = load_contract("sdk_log"), Named(lake=lake.uri)
    assert compare_day(contract, DAY, side, side).is_same
    rewrite(path, "SELECT *")  # reads as before
    with pytest.raises(ProofError, match=f"{path.name}: its (size|content) has changed since it was written"):
        compare_day(contract, DAY, side, side)
