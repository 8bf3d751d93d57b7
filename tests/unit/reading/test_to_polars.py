"""Polars makes virtual instants itself: of any units, and however they predict each other, as scans make them."""

from __future__ import annotations

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.unit.reading.test_reading import press

from logpress import open_lake
from logpress.contract import Contract
from logpress.errors import PartError
from logpress.reading import to_polars
from logpress.reading.part import Part

SEED = 7


def instant(name: str, unit: str, residual_of: tuple[str, ...] = ()) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "path": name, "codec": "instant", "type": f"timestamp[{unit}]"}
    return {**column, "residual_of": list(residual_of)} if residual_of else column


COLUMNS = [
    instant("at", "us"),
    instant("begun", "ms"),
    {"name": "took", "path": "took", "codec": "integer", "type": "int32"},
    {"name": "wide", "path": "wide", "codec": "integer", "type": "int64"},
    {"name": "kind", "path": "kind", "codec": "category"},
    {"name": "url", "path": "url", "codec": "lookup", "key": "kind"},
    instant("ended", "ms", ("begun", "took")),
    instant("seconds", "s", ("ended",)),
    instant("exact", "us", ("begun", "took")),
    instant("rounded", "ms", ("at", "took")),
    instant("of_seconds", "s", ("seconds", "took")),
    instant("of_wide", "ms", ("at", "wide")),
    instant("of_that", "us", ("of_wide",)),
]


def record(rng: random.Random) -> bytes:
    """A record of any of the columns; each may be missing, early or far from what is predicted."""
    found: dict[str, Any] = {}
    base = datetime(2021, 12, 26, 12, tzinfo=UTC) + timedelta(microseconds=rng.randrange(10**9))
    digits = {"s": 0, "ms": 3, "us": 6}
    for column in COLUMNS:
        name = column["name"]
        if name != "at" and rng.random() < 0.2:
            found[name] = None
        elif column["codec"] == "instant":
            value = base + timedelta(microseconds=rng.randrange(-(10**7), 10**7))
            if name != "at" and rng.random() < 0.1:
                value = datetime(rng.choice([1, 1899, 1969, 9999]), 6, 1, tzinfo=UTC) + (value - base)
            unit = digits[column["type"].removeprefix("timestamp[").removesuffix("]")]
            fraction = f".{value.microsecond:06d}"[: unit + 1] if unit else ""
            found[name] = value.strftime("%Y-%m-%dT%H:%M:%S").zfill(19) + fraction + "Z"
        elif column["codec"] == "integer":
            found[name] = rng.choice(
                [0, 7, -3, 2**31 - 1, -(2**31), *([2**62, -(2**63) + 1] if name == "wide" else [])]
            )
        else:
            found[name] = rng.choice(["a", "b", "호랑이", 'q"'])
    return json.dumps(found).encode()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("polars")
    contract = Contract.model_validate(
        {"table": "times", "day": "at", "columns": COLUMNS, "files": {"row_group_rows": 1_000}}
    )
    rng = random.Random(SEED)
    day = datetime(2021, 12, 26, tzinfo=UTC).date()
    press(contract, home / "lake", home, day, [record(rng) for _ in range(3_000)])
    return str(home / "lake")


def test_virtual_instants_are_those_of_scans(lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = open_lake(lake).table("times")
    scan = table.scan()
    expected = pl.from_arrow(scan.to_arrow())
    assert isinstance(expected, pl.DataFrame)
    through_arrow: list[str] = []
    through = to_polars._through_arrow
    monkeypatch.setattr(to_polars, "_through_arrow", lambda one: through_arrow.extend(one.schema.names) or through(one))
    assert scan.to_polars().equals(expected)
    assert set(through_arrow) == {"url", "of_wide", "of_that"}
    for name in scan.schema.names:
        assert scan.only([name]).to_polars().equals(expected.select(name)), name
        assert scan.to_polars(lazy=True).select(name).collect().equals(expected.select(name)), name


@pytest.mark.parametrize(
    "stored", [("ended",), ("exact", "seconds"), ("of_wide",), ("of_that", "ended", "url")], ids="-".join
)
def test_virtual_instants_that_some_days_store_are_those_of_scans(tmp_path: Path, stored: tuple[str, ...]) -> None:
    too = [{**one, "storage": "stored"} if one["name"] in stored else one for one in COLUMNS]
    rng = random.Random(SEED)
    for day, columns in ((26, COLUMNS), (27, too)):
        contract = Contract.model_validate({"table": "times", "day": "at", "columns": columns})
        records = [record(rng).replace(b'"at": "2021-12-26', b'"at": "2021-12-%d' % day) for _ in range(500)]
        press(contract, tmp_path / "lake", tmp_path, datetime(2021, 12, day, tzinfo=UTC).date(), records)
    both = open_lake(tmp_path / "lake").table("times")
    for scan in (both.scan("2021-12-27"), both.scan()):
        expected = pl.from_arrow(scan.to_arrow())
        assert isinstance(expected, pl.DataFrame)
        assert len(expected) == 500 * len(scan.days)
        assert scan.to_polars().equals(expected)
        for name in scan.schema.names:
            assert scan.only([name]).to_polars().equals(expected.select(name)), name


@pytest.mark.parametrize("where", [None, [("took", ">", 0)]])
def test_a_file_is_opened_once_for_each_way_of_reading_it(
    lake: str, where: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = open_lake(lake).table("times").scan(columns=["at", "kind"], where=where)
    opened: list[str] = []
    open_part = Part.open

    def watched(path: str, *given: Any, **options: Any) -> Part:
        opened.append(path)
        return open_part(path, *given, **options)

    monkeypatch.setattr(Part, "open", watched)
    assert scan.to_polars().height == scan.to_arrow().num_rows
    assert sorted(opened) == sorted([*scan.files, *scan.files])


def test_lazy_frames_filter_by_virtual_columns(lake: str) -> None:
    scan = open_lake(lake).table("times").scan()
    late = (pl.col("ended") - pl.col("begun") > pl.duration(seconds=2)) & pl.col("url").is_not_null()
    expected = pl.from_arrow(scan.to_arrow())
    assert isinstance(expected, pl.DataFrame)
    found = scan.to_polars(lazy=True).filter(late).select("kind", "seconds").collect()
    assert found.height > 0
    assert found.equals(expected.filter(late).select("kind", "seconds"))


@pytest.mark.parametrize("damaged", ["_ended_residual", "took"])
def test_bytes_of_what_an_instant_is_made_of_are_compared(lake: str, tmp_path: Path, damaged: str) -> None:
    copied = str(shutil.copytree(lake, tmp_path / "lake", symlinks=True))
    scan = open_lake(copied).table("times").scan(columns=["ended"])
    part = next(scan.parts())
    names = [part.footer.schema.column(number).name for number in range(part.footer.num_columns)]
    chunk = part.footer.row_group(0).column(names.index(damaged))
    with open(part.path, "r+b") as file:
        file.seek(chunk.data_page_offset + chunk.total_compressed_size // 3)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(PartError, match=f"column {damaged} of row group 0"):
        scan.to_polars()
