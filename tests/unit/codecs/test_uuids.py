"""Days with UUIDs: what readers see of them, conditions, order, the catalog, and files that nobody could write."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.any_check import check_of

from logpress import open_lake
from logpress.codecs.registry import codecs_of
from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.engine.part.metadata import restores_alike, version_of
from logpress.errors import ContractError, PartError, UsageError
from logpress.lake import Lake
from logpress.lake.catalog import open_catalog
from logpress.quality.values import column_values
from logpress.reading import TableReader

DAY = date(2021, 12, 26)
DEVICES = [UUID(int=number << 96 | number) for number in (0, 1, 5 << 28, 2**31 + 1, 2**32 - 1)]
"""As signed numbers they would be in another order."""


def contract_of(**device: Any) -> Contract:
    columns = [
        {"name": "at", "path": "at", "codec": "instant"},
        {"name": "device", "path": "device", "codec": "uuid", **device},
        {"name": "request", "path": "request", "codec": "uuid"},
        {"name": "number", "path": "number", "codec": "integer"},
    ]
    files = {"row_group_rows": 1000}
    return Contract.model_validate(
        {
            "table": "t",
            "day": "at",
            "columns": columns,
            "order_by": ["device"],
            "restore_order": ["request"],
            "files": files,
        }
    )


class Published(NamedTuple):
    """A day of 2,500 rows, in three row groups; the device and request of each row, by its number."""

    table: TableReader
    lake: str
    devices: list[str | None]
    requests: list[str]

    @property
    def part(self) -> str:
        (path,) = self.table.files()
        return path


def write(path: Path, chance: random.Random, upper: bool = False) -> tuple[list[str | None], list[str]]:
    devices = [None if (at := chance.randrange(6)) == 5 else str(DEVICES[at]) for _ in range(2_500)]
    requests = [str(UUID(int=chance.getrandbits(128))) for _ in devices]
    lines = [
        json.dumps({"at": "2021-12-26T10:00:00.000Z", "device": device and (device.upper() if upper else device),
                    "request": request, "number": number})
        for number, (device, request) in enumerate(zip(devices, requests, strict=True))
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    return devices, requests


@pytest.fixture(scope="module", params=["lower", "upper"])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Published:
    home = tmp_path_factory.mktemp("uuids")
    devices, requests = write(home / "raw.ndjson", random.Random(5), request.param == "upper")
    whole_day.run_day(contract_of(letters=request.param), DAY, [str(home / "raw.ndjson")], str(home / "lake"))
    return Published(open_lake(home / "lake").table("t"), str(home / "lake"), devices, requests)


def test_scans_give_strings(published: Published) -> None:
    scan = published.table.scan()
    found = scan.to_arrow().sort_by("number")
    assert found.schema.field("device").type == found.schema.field("request").type == pa.string()
    assert found["device"].to_pylist() == published.devices
    assert found["request"].to_pylist() == published.requests
    assert pd.api.types.is_string_dtype(scan.to_pandas()["device"].dtype)
    assert scan.to_polars().schema["device"] == pl.String()
    assert scan.to_duckdb().filter(f"device = '{DEVICES[2]}'").count("*").fetchall() == [
        (published.devices.count(str(DEVICES[2])),)
    ]
    info = next(column for column in published.table.columns if column.name == "device")
    assert (info.virtual, info.derived, info.type) == (False, True, pa.string())


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ([("device", "==", str(DEVICES[3]))], lambda device, number: device == str(DEVICES[3])),
        ([("device", "==", str(DEVICES[3])), ("number", "<", 99)], lambda d, n: d == str(DEVICES[3]) and n < 99),
        ([("device", "in", [str(DEVICES[0]), None])], lambda device, number: device in (str(DEVICES[0]), None)),
        (
            [("device", "!=", None), ("number", ">=", 2_400)],
            lambda device, number: device is not None and number >= 2_400,
        ),
        ([("device", ">", "8")], lambda device, number: (device or "") > "8"),
        ([[("number", "==", 7)], [("device", "==", None)]], lambda device, number: number == 7 or device is None),
        (pc.starts_with(pc.field("device"), "5"), lambda device, number: (device or "").startswith("5")),
        ((pc.field("number") < 5) & pc.field("device").is_valid(), lambda d, n: n < 5 and d is not None),
    ],
)
def test_conditions(published: Published, where: Any, holds: Callable[[str | None, int], bool]) -> None:
    expected = [number for number, device in enumerate(published.devices) if holds(device, number)]
    scan = published.table.scan(where=where, columns=["number"])
    assert sorted(scan.to_arrow()["number"].to_pylist()) == expected
    assert scan.count() == len(expected) > 0


def test_a_condition_that_is_no_string_is_refused(published: Published) -> None:
    with pytest.raises(UsageError, match="device compares with"):
        published.table.scan(where=[("device", "==", 7)])


def test_files_have_the_type_of_parquet_and_the_order_of_its_bytes(published: Published) -> None:
    with pq.ParquetFile(published.part) as file:
        assert "fixed_len_byte_array(16) field_id=-1 device (UUID)" in str(file.schema)
        for number in range(file.num_row_groups):
            stored = file.read_row_group(number, columns=["device"])["device"].combine_chunks().storage.to_pylist()
            assert stored == sorted(stored, key=lambda value: (value is not None, value))
            statistics = file.metadata.row_group(number).column(1).statistics
            assert (statistics.has_min_max, statistics.null_count) == (False, stored.count(None))
            assert file.metadata.row_group(number).column(1).has_dictionary_page
            request = file.metadata.row_group(number).column(2)
            assert request.path_in_schema == "request"
            assert not request.has_dictionary_page
    counted = duckdb.sql(
        f"SELECT typeof(device), count(*) FROM '{published.part}' WHERE device = '{DEVICES[1]}' GROUP BY 1"
    )
    assert counted.fetchall() == [("UUID", published.devices.count(str(DEVICES[1])))]


def test_the_catalog_has_uuids(published: Published) -> None:
    with open_catalog(Lake.open(published.lake)) as catalog:
        table = catalog.load("t")
        assert table is not None
        assert str(table.schema().find_field("device").field_type) == "uuid"
        rows = table.scan(row_filter=f"device = '{DEVICES[4]}'").to_arrow()
    assert rows.num_rows == published.devices.count(str(DEVICES[4]))


def test_a_column_of_texts_does_not_become_one_of_uuids(tmp_path: Path) -> None:
    write(tmp_path / "raw.ndjson", random.Random(5))
    texts = contract_of(codec="text", type="string")
    whole_day.run_day(texts, DAY, [str(tmp_path / "raw.ndjson")], str(tmp_path / "lake"))
    with pytest.raises(ContractError, match="column device is string in the days"):
        whole_day.run_day(contract_of(), DAY, [str(tmp_path / "raw.ndjson")], str(tmp_path / "lake"))
    assert open_lake(tmp_path / "lake").table("t").scan().count() == 2_500


def test_checks_see_strings(published: Published) -> None:
    contract = contract_of()
    (first, *_) = column_values(contract, "device", published.part)
    assert first.type == pa.string()
    lake = Lake.open(published.lake)
    from logpress.quality.checks.run import run_checks

    slices = lake.need_day("t", DAY).slices
    values = tuple(map(str, DEVICES[1:]))
    checked = contract.model_copy(
        update={
            "checks": (
                check_of(kind="values", column="device", values=values),
                check_of(kind="unique", column="request"),
            )
        }
    )
    found = run_checks(checked, slices, [published.part])
    wrong, unique = found.checks
    assert wrong.message.startswith(f"{published.devices.count(str(DEVICES[0]))} of 2,500 values of device")
    assert unique.ok
    assert found.profile.by_name["device"].nulls == published.devices.count(None)


def test_a_value_that_nobody_could_write_is_damage() -> None:
    contract = contract_of()
    codec = codecs_of(contract)["device"]
    storage = pa.array([b"\x80" + bytes(15), None, bytes(16)], pa.binary(16))
    table = pa.table({"device": pa.ExtensionArray.from_storage(pa.uuid(), storage)})
    regs = {register.name: np.zeros(3, dtype=np.int64) for register in codec.registers}
    with pytest.raises(PartError, match="column device has a UUID that nobody could write"):
        codec._fill(table, regs, 0)  # type: ignore[attr-defined]
    codec._fill(table.slice(1), {name: register[1:] for name, register in regs.items()}, 1)  # type: ignore[attr-defined]
    assert [register[1:].tolist() for register in regs.values()] == [[-(2**63), 0], [-(2**63), 0]]


def test_versions_and_what_restores_alike() -> None:
    assert version_of(contract_of()) == "5.1"
    assert version_of(Contract.model_validate({"table": "t", "day": "at", "columns": [
        {"name": "at", "path": "at", "codec": "instant"}]})) == "5.0"  # fmt: skip
    assert not restores_alike(contract_of(), contract_of(letters="upper"))
    assert restores_alike(contract_of(), contract_of(description="a device", storage={"zstd": 3}))
