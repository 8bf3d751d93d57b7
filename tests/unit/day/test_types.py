"""Columns whose type changes from day to day: what can be one table is one, what cannot is refused before pressing."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from tests.conftest import SEED, compact

from logpress.contract import Contract, load_contract
from logpress.contract.load import contract_path
from logpress.contract.model import Contract as Model
from logpress.day import one_machine as whole_day
from logpress.day import stages
from logpress.errors import ContractError
from logpress.lake import Lake
from logpress.reading import open_lake

DAYS = (date(2021, 12, 26), date(2021, 12, 27), date(2021, 12, 28))
COLUMN = "response_status_code"


TYPES = {"int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64()}


def with_column(contract: Contract, **changes: Any) -> Contract:
    """The contract with its column of status codes declared otherwise."""
    data = contract.model_dump(mode="json", exclude_defaults=True)
    declared = next(column for column in data["columns"] if column["name"] == COLUMN)
    if "codec" in changes:
        declared.pop("type", None)
    declared.update(changes)
    data["checks"] = [check for check in data.get("checks", ()) if check.get("column") != COLUMN]
    return Model.model_validate(data)


def press(contract: Contract, day: date, lake: str, home: Path, status: int) -> None:
    raw = home / f"{day}.ndjson"
    documents = [json.loads(json.dumps(SEED)) for _ in range(5)]
    for number, document in enumerate(documents):
        document["_source"]["timestamp"] = f"{day}T10:00:0{number}Z"
        document["_source"]["response_status_code"] = status + number
    raw.write_bytes(b"".join(compact(document) + b"\n" for document in documents))
    whole_day.run_day(contract, day, [str(raw)], lake, threads=1)


@pytest.mark.parametrize(
    "order", [("int64", "int16", "int32"), ("int16", "int64", "int16"), ("int16", "int16", "int64")]
)
def test_days_of_different_widths_are_one_table_in_the_widest_type(
    sdk_log: Contract, tmp_path: Path, order: tuple[str, ...]
) -> None:
    lake = str(tmp_path / "lake")
    statuses = [1 << 40 if type_ == "int64" else 200 for type_ in order]
    for day, type_, status in zip(DAYS, order, statuses, strict=True):
        press(with_column(sdk_log, type=type_), day, lake, tmp_path, status)
    table = open_lake(lake).table("sdk_log")
    scan = table.scan(columns=["day", COLUMN])
    assert scan.schema.field(COLUMN).type == pa.int64()
    found = scan.to_arrow().sort_by([("day", "ascending"), (COLUMN, "ascending")])
    assert found[COLUMN].to_pylist() == [status + number for status in statuses for number in range(5)]
    assert table.scan(columns=[COLUMN], where=[(COLUMN, ">=", 1 << 40)]).count() == 5 * statuses.count(1 << 40)
    for day, type_ in zip(DAYS, order, strict=True):
        assert table.scan(day).schema.field(COLUMN).type == TYPES[type_]


def kept(lake: str) -> list[str]:
    """What a lake has but for what refused runs leave, which the index tells of."""
    table = Path(lake) / "sdk_log"
    return sorted(str(path) for path in table.rglob("*") if "attempts" not in path.parts)


def test_a_type_that_the_catalog_cannot_change_is_refused_before_anything_is_pressed(
    sdk_log: Contract, tmp_path: Path
) -> None:
    lake = str(tmp_path / "lake")
    category = with_column(sdk_log, codec="category")
    stages.see_lake(category, lake)  # there is none yet
    press(sdk_log, DAYS[0], lake, tmp_path, 200)
    before = kept(lake)
    said = rf"sdk_log: column {COLUMN} is int in the days that \S+ has, and string by the contract; .* another name"
    with pytest.raises(ContractError, match=said):
        stages.see_lake(category, lake)
    with pytest.raises(ContractError, match=said):
        press(category, DAYS[1], lake, tmp_path, 200)
    assert kept(lake) == before
    for type_ in ("int8", "int32", "int64"):
        stages.see_lake(with_column(sdk_log, type=type_), lake)
    renamed = with_column(sdk_log, codec="category", name="status")
    press(renamed, DAYS[1], lake, tmp_path, 200)
    assert Lake.open(lake).days("sdk_log") == list(DAYS[:2])


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (
            {"kind": "range", "column": "func_name", "min": 1},
            "check of kind range does not apply to 'func_name', whose codec is category",
        ),
        ({"kind": "values", "column": COLUMN, "values": ["x"]}, "check of kind values does not apply to"),
    ],
)
def test_a_check_that_a_column_cannot_have_is_refused_with_its_line(
    tmp_path: Path, check: dict[str, Any], told: str
) -> None:
    data = yaml.safe_load(contract_path("sdk_log").read_text())
    data["checks"] = [{"kind": "min_rows", "min": 1}, check]
    path = tmp_path / "sdk_log.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True))
    with pytest.raises(ContractError, match=rf"sdk_log\.yaml:\d+: a {told}"):
        load_contract(path)
