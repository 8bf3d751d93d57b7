"""Records whose day cannot be read: kept, told, and a row of one day at most."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import SEED, compact

from logpress.contract import Contract
from logpress.day import published, stages
from logpress.day.one_machine import run_day
from logpress.engine.press import press_slice
from logpress.errors import CheckError
from logpress.manifest import SliceManifest, SliceSpec
from logpress.records.slice_input import Undated, undated_in

FIRST = date(2021, 12, 26)
DAYS = [FIRST, FIRST + timedelta(days=1), date(2022, 3, 1)]
WITHOUT_A_DAY = [1640531464000, "1640531464", None, "2021-12-26 10:00:00,123", "2021-12-26T10:00:00+25:00", ""]


def hit(number: int, when: object) -> bytes:
    return compact({**SEED["_source"], "response_elapsed_time": number, "timestamp": when})


def mixed() -> tuple[list[bytes], list[bytes]]:
    """Records of two days, and records of none; some of these are kept whole."""
    dated = [hit(n, f"{DAYS[n % 2]}T10:00:00Z") for n in range(10)]
    many = {f"x{n}": n for n in range(600)}
    undated = [hit(100 + n, when) for n, when in enumerate(WITHOUT_A_DAY)]
    undated += [compact({**json.loads(record), **many}) for record in undated]
    return dated, undated


def press_at(contract: Contract, day: date, paths: list[Path], out: Path, **more: object) -> SliceManifest:
    spec = SliceSpec(name="slice", inputs=tuple(map(str, paths)), **more)
    return press_slice(contract, day, spec, str(out), threads=0)


def write(path: Path, records: list[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(record + b"\n" for record in records))
    return path


def test_of_an_input_of_any_day_they_are_rejects_of_each_day_and_rows_of_none(sdk_log, tmp_path) -> None:
    dated, undated = mixed()
    raw = write(tmp_path / "raw.ndjson", [record for pair in zip(undated, dated, strict=False) for record in pair] +
                undated[len(dated):] + dated[len(undated):])  # fmt: skip
    rows = 0
    for day in DAYS:
        manifest = press_at(sdk_log, day, [raw], tmp_path / str(day))
        assert (manifest.without_day, manifest.rejects) == (len(undated), len(undated))
        assert manifest.records == manifest.rows + manifest.rejects + manifest.other_day
        assert manifest.rejects_part is not None
        table = pq.read_table(tmp_path / str(day) / manifest.rejects_part.path)
        assert Counter(table["record"].to_pylist()) == Counter(undated)
        assert set(table["reason"].to_pylist()) == {"no_day"}
        assert set(table["origin"].to_pylist()) == {str(raw)}
        lines = raw.read_bytes().split(b"\n")
        numbers = table["record_number"].to_pylist()
        assert [lines[number - 1] for number in numbers] == table["record"].to_pylist()
        rows += manifest.rows
    assert rows == len(dated)


@pytest.mark.parametrize("named", ["2021/12/26/10/a.ndjson", "dt=2021-12-26/a.ndjson"])
def test_of_an_input_that_says_its_day_they_are_rows_of_that_day(sdk_log, tmp_path, named) -> None:
    dated, undated = mixed()
    raw = write(tmp_path / named, [*dated, *undated])
    found = {day: press_at(sdk_log, day, [raw], tmp_path / str(day)) for day in DAYS}
    assert [manifest.rejects for manifest in found.values()] == [0, 0, 0]
    assert [manifest.rows for manifest in found.values()] == [5 + len(undated), 5, 0]
    assert all(manifest.records == manifest.rows + manifest.other_day for manifest in found.values())


@given(st.lists(st.tuples(st.sampled_from(["", "2021/12/26/", "2021/12/27/10/"]), st.booleans()), max_size=8))
def test_whatever_the_inputs_no_record_is_lost_or_in_two_days(sdk_log, tmp_path, files) -> None:
    paths = [
        write(tmp_path / "in" / f"{folder}{number}.ndjson", [hit(number, f"{FIRST}T10:00:00Z" if dated else 5)])
        for number, (folder, dated) in enumerate(files)
    ]
    found = [press_at(sdk_log, day, paths, tmp_path / "out") for day in DAYS]
    assert all(m.records == m.rows + m.rejects + m.other_day == len(files) for m in found)
    kept = sum(not folder and not dated for folder, dated in files)
    assert [m.without_day for m in found] == [kept] * 3
    assert sum(m.rows for m in found) + kept == len(files)


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("opensearch+https://host:443/log-2021-12-26?shard=0", Undated.ours),
        ("opensearch+https://host:443/log-2021-12-26?rest=2021-12-26T00..2021-12-27T00&shard=0", Undated.ours),
        ("opensearch+https://host:443/log?hours=2021-12-26T00..2021-12-27T00&shard=0", Undated.ours),
        ("opensearch+https://host:443/log?hours=2021-12-26T22..2021-12-27T00&shard=0", Undated.ours),
        ("opensearch+https://host:443/log?hours=2021-12-27T00..2021-12-27T01&shard=0", Undated.others),
        ("opensearch+https://host:443/log?hours=2021-12-26T22..2021-12-27T02&shard=0", Undated.nobodys),
        ("s3://logs/2021/12/26/00/a", Undated.ours),
        ("s3://logs/2021/12/27/00/a", Undated.others),
        ("s3://logs/2021/12/a", Undated.nobodys),
        ("s3://logs/2021-12-26.ndjson", Undated.nobodys),
    ],
)
def test_which_day_an_input_is_of(sdk_log: Contract, uri: str, found: Undated) -> None:
    assert undated_in(sdk_log, FIRST, SliceSpec(name="slice", inputs=(uri,))) == [found]


def test_they_are_told_in_report_and_warning_and_verify_agrees(sdk_log, tmp_path) -> None:
    dated, undated = mixed()
    write(tmp_path / "raw" / "a.ndjson", [*dated, *undated])
    plain = sdk_log.model_copy(update={"checks": ()})
    lake, inputs = str(tmp_path / "lake"), [str(tmp_path / "raw")]
    for day in DAYS[:2]:
        report, checks = run_day(plain, day, inputs, lake, threads=1)
        assert (report.rows, report.without_day) == (5, len(undated))
        (warning,) = [check for check in checks if not check.ok]
        assert warning.level == "warn"
        assert f"{len(undated)} records are rejects (no_day)" in warning.message
        assert published.verify_published(plain, day, lake, inputs).damage == {}


def test_a_check_of_rejects_counts_them(sdk_log, tmp_path) -> None:
    from tests.any_check import check_of

    write(tmp_path / "raw" / "a.ndjson", [hit(1, f"{FIRST}T10:00:00Z"), hit(2, 5)])
    strict = sdk_log.model_copy(update={"checks": (check_of(kind="max_reject_share", max=0.1),)})
    specs = stages.plan(strict, FIRST, [str(tmp_path / "raw")])
    lake = str(tmp_path / "lake")
    manifests = [stages.press(strict, FIRST, spec, lake, "run") for spec in specs]
    with pytest.raises(CheckError, match="1 of 2 records are rejects"):
        stages.verify(strict, FIRST, manifests, lake, "run")
