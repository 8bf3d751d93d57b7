"""Size reports: their sums are the bytes on disk and those of the records, to the byte; ranges, prices and medians."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import SEED, Ran, compact
from tests.verified import with_verification

from logpress.contract import Contract, load_contract
from logpress.day import one_machine as whole_day
from logpress.day.reports import report_day, report_days
from logpress.errors import UsageError
from logpress.lake import Lake
from logpress.lake.publish import same_slices
from logpress.manifest import DayManifest
from logpress.quality.estimates import estimate, shared
from logpress.quality.field_report import FOOTERS
from logpress.quality.prices import Prices
from logpress.quality.size_report import DayReport

FIRST = date(2021, 12, 24)
DAYS = [FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=3)]  # one is missing


def records_of(day: date, hour: int, count: int) -> list[bytes]:
    """Records of an hour, with one that is kept whole, two odd ones, and two rejects of different length."""
    found = []
    for number in range(count):
        at = f"{day}T{hour:02}:11:{number % 60:02}Z"
        more: dict[str, Any] = {"timestamp": at, "response_elapsed_time": number, "nickName": f"user {number % 9}"}
        if number == 3:
            more |= {f"key {n}": n for n in range(600)}
        if number == 4:
            more |= {"trace": "x" * 40, "response_status_code": 200.5}
        found.append(compact({**SEED, "_source": {**SEED["_source"], **more}}))
    return [*found, b"no record \x1b[31m", b'{"cut": "' + b"y" * 90]


def press(contract: Contract, lake: Path, home: Path, day: date, hours: dict[int, int]) -> None:
    folder = home / f"raw-{day}"
    for hour, count in hours.items():
        (folder / f"{day:%Y/%m/%d}" / f"{hour:02}").mkdir(parents=True)
        path = folder / f"{day:%Y/%m/%d}" / f"{hour:02}" / "a.ndjson"
        path.write_bytes(b"".join(record + b"\n" for record in records_of(day, hour, count)))
    whole_day.run_day(contract, day, [str(folder)], str(lake))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three days of several slices each, one of them larger, and a gap."""
    contract = load_contract("sdk_log")
    contract = contract.model_copy(update={"files": contract.files.model_copy(update={"merge_bytes": 0})})
    home = tmp_path_factory.mktemp("size-report")
    for number, day in enumerate(DAYS):
        press(contract, home / "lake", home, day, {3: 60, 10: 25 + 40 * number, 23: 7})
    return Lake.open(str(home / "lake"))


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("sdk_log")


def bytes_on_disk(lake: Lake, manifest: DayManifest) -> int:
    parts, rejects = lake.files(manifest)
    return sum(os.path.getsize(path) for path in (*parts, *rejects))


def test_the_sums_are_the_bytes_on_disk_and_those_of_the_records(lake: Lake, contract: Contract) -> None:
    for day in DAYS:
        manifest = lake.need_day("sdk_log", day)
        report = report_day(lake, contract, day)
        assert len(manifest.slices) == 3
        assert (
            sum(field.stored_bytes for field in report.fields) == bytes_on_disk(lake, manifest) == report.stored_bytes
        )
        assert sum(field.raw_bytes or 0 for field in report.fields) == manifest.raw_bytes == report.raw_bytes
        rejects = sum(os.path.getsize(path) for path in lake.files(manifest)[1])
        fields = {field.name: field for field in report.fields}
        assert (fields["(rejects)"].stored_bytes, fields["(rejects)"].raw_bytes) == (rejects, 3 * (15 + 99))
        footers = bytes_on_disk(lake, manifest) - rejects
        footers -= sum(column.stored_bytes for part in manifest.parts for column in part.columns)
        assert fields[FOOTERS].stored_bytes == footers > 0
        assert fields[FOOTERS].raw_bytes == 0
        assert (fields["_raw"].raw_bytes or 0) > 3 * 600 * 10
        assert (fields["_extra"].raw_bytes or 0) >= 3 * (40 + 5)


def test_hidden_columns_count_to_the_column_that_they_serve(lake: Lake, contract: Contract) -> None:
    fields = {field.name: field for field in report_day(lake, contract, FIRST).fields}
    columns = {name: {column.name for column in field.columns} for name, field in fields.items()}
    assert columns["request_url"] == {"_request_url_other"}
    assert columns["request_begin_at"] == {"request_begin_at", "_request_begin_at_shift_min"}
    assert len(columns["_id"]) == 5
    assert all(
        sum(c.stored_bytes for c in field.columns) == field.stored_bytes for n, field in fields.items() if n[0] != "("
    )
    assert {name for name, field in fields.items() if field.is_virtual} == {
        "request_end_at",
        "ingested_at",
        "request_url",
        "_id",
    }
    assert {name for name, field in fields.items() if field.is_personal} == {"user_created_at", "nickname", "_id"}
    without = DayReport.of(lake.need_day("sdk_log", FIRST))
    assert "_request_url_other" in {field.name for field in without.fields}
    assert sum(field.stored_bytes for field in without.fields) == without.stored_bytes


def test_other_formats_are_told_with_what_they_are_estimated_from(lake: Lake, contract: Contract) -> None:
    manifest, report = lake.need_day("sdk_log", FIRST), report_day(lake, contract, FIRST)
    assert report.elsewhere is not None
    samples = [entry.sample for entry in manifest.slices if entry.sample is not None]
    assert report.elsewhere.sampled_rows == report.rows == sum(sample.rows for sample in samples)
    assert report.raw_bytes > report.elsewhere.gzip_bytes > 1000
    assert report.elsewhere.gzip_bytes == pytest.approx(sum(sample.gzip_bytes for sample in samples), rel=0.05)
    assert report.elsewhere.zstd_bytes == pytest.approx(sum(sample.zstd_bytes for sample in samples), rel=0.05)
    origins = [Path(origin.uri) for entry in manifest.slices for origin in entry.origins]
    assert report.input_bytes == sum(path.stat().st_size for path in origins)


def test_a_day_without_samples_has_no_estimates(lake: Lake, contract: Contract) -> None:
    manifest = lake.need_day("sdk_log", FIRST)
    older = manifest.model_copy(
        update={"slices": tuple(entry.model_copy(update={"sample": None}) for entry in manifest.slices)}
    )
    report = DayReport.of(older, contract)
    assert report.elsewhere is None
    assert {field.raw_bytes for field in report.fields} == {None}
    assert sum(field.stored_bytes for field in report.fields) == report.stored_bytes
    assert same_slices(older, manifest.slices)  # what is measured makes no other day


def test_a_slice_without_a_sample_is_like_the_others(lake: Lake) -> None:
    first, *others = lake.need_day("sdk_log", FIRST).slices
    found = estimate([first.model_copy(update={"sample": None}), *others])
    assert found is not None
    assert sum(found.raw_bytes.values()) == first.raw_bytes + sum(entry.raw_bytes for entry in others)
    assert found.gzip_bytes > 0
    assert estimate([first.model_copy(update={"sample": None})]) is None


@given(
    total=st.integers(0, 10**13),
    weights=st.dictionaries(st.text(max_size=3), st.integers(0, 10**12), min_size=1).filter(lambda w: sum(w.values())),
)
def test_shares_are_whole_and_add_up(total: int, weights: dict[str, int]) -> None:
    found = shared(total, weights)
    assert sum(found.values()) == total
    whole = sum(weights.values())
    assert all(abs(found[name] * whole - total * weight) < whole for name, weight in weights.items())


def test_a_record_is_compared_with_the_median_of_the_days_before(lake: Lake, contract: Contract) -> None:
    first, second, third = (report_day(lake, contract, day) for day in DAYS)
    assert (first.median_bytes_a_record, first.median_days, first.change) == (None, 0, None)
    assert second.median_bytes_a_record == pytest.approx(first.stored_bytes_a_record, abs=1e-4)
    usual = (first.stored_bytes_a_record + second.stored_bytes_a_record) / 2
    assert third.median_bytes_a_record == pytest.approx(usual, abs=1e-4)
    assert third.median_days == 2
    assert third.change == pytest.approx(third.stored_bytes_a_record / usual - 1, abs=1e-4)


def test_days_longer_ago_than_28_are_not_compared_with(contract: Contract, lake: Lake, tmp_path: Path) -> None:
    press(contract, tmp_path / "lake", tmp_path, FIRST, {1: 5})
    for later, days in ((28, 1), (29, 1)):
        press(contract, tmp_path / "lake", tmp_path, FIRST + timedelta(days=later), {1: 5})
        assert (
            report_day(Lake.open(str(tmp_path / "lake")), contract, FIRST + timedelta(days=later)).median_days == days
        )


def test_prices_are_settings(lake: Lake, contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_day(lake, contract, FIRST, Prices(usd_per_gb_month=2.0, days_kept=10))
    assert report.usd_a_month == pytest.approx(report.stored_bytes * 10 / 2**30 * 2)
    assert Prices.of_environment() == Prices(0.023, 365)
    monkeypatch.setenv("LOGPRESS_USD_PER_GB_MONTH", "0.0125")
    monkeypatch.setenv("LOGPRESS_DAYS_KEPT", "30")
    assert Prices.of_environment() == Prices(0.0125, 30)
    for wrong in ("free", "-1", "nan", "inf"):
        monkeypatch.setenv("LOGPRESS_USD_PER_GB_MONTH", wrong)
        with pytest.raises(UsageError, match=r"LOGPRESS_USD_PER_GB_MONTH is .*dollars"):
            Prices.of_environment()


def test_a_range_has_its_days_its_gaps_and_their_totals(lake: Lake, contract: Contract) -> None:
    found = report_days(lake, contract, FIRST - timedelta(days=9), FIRST + timedelta(days=99))
    assert (found.first, found.last) == (DAYS[0].isoformat(), DAYS[-1].isoformat())
    assert [day.day for day in found.days] == [day.isoformat() for day in DAYS]
    assert found.missing == ((FIRST + timedelta(days=2)).isoformat(),)
    on_disk = sum(bytes_on_disk(lake, lake.need_day("sdk_log", day)) for day in DAYS)
    assert sum(field.stored_bytes for field in found.fields) == on_disk == found.stored_bytes
    assert sum(field.raw_bytes or 0 for field in found.fields) == found.raw_bytes
    assert found.days[2] == report_day(lake, contract, DAYS[2])
    assert found.gzip_bytes == sum(day.elsewhere.gzip_bytes for day in found.days if day.elsewhere)
    part = report_days(lake, contract, DAYS[1], DAYS[1])
    assert part.days == (found.days[1],)
    with pytest.raises(UsageError, match="has no day from"):
        report_days(lake, contract, FIRST + timedelta(days=50), FIRST + timedelta(days=60))
    with pytest.raises(UsageError, match="swap them"):
        report_days(lake, contract, DAYS[1], DAYS[0])


def test_a_damaged_manifest_is_told_in_its_place(lake: Lake, contract: Contract) -> None:
    path = Path(lake.manifest_path("sdk_log", DAYS[1]))
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:500])
        found = report_days(lake, contract, DAYS[0], DAYS[-1])
        assert [day.day for day in found.days] == [DAYS[0].isoformat(), DAYS[-1].isoformat()]
        assert list(found.unreadable) == [DAYS[1].isoformat()]
        assert found.days[1].median_days == 1
    finally:
        path.write_bytes(whole)


def test_the_command_reports_a_day_or_a_range(lake: Lake, logpress: Callable[..., Ran]) -> None:
    def run(*options: object) -> Ran:
        return logpress("report", "sdk_log", "--lake", lake.uri, *options)

    day = json.loads(run("--day", FIRST, "--json").out)
    assert sum(field["stored_bytes"] for field in day["fields"]) == day["stored_bytes"]
    many = json.loads(run("--from", FIRST, "--json").out)
    assert [one["day"] for one in many["days"]] == [day.isoformat() for day in DAYS]
    shown = run("--to", DAYS[-1]).out
    assert "missing" in shown
    assert "total" in shown
    one = run("--day", FIRST).out
    for said in ("_id_counter", "gzip -6", "plain Parquet", "times smaller", "a month", "(footers)", "(rejects)"):
        assert said in one
    for options in ((), ("--day", FIRST, "--from", FIRST), ("--day", FIRST, "--json", "--html", "x")):
        assert run(*options).code == 2


def test_the_report_of_a_verified_day_has_its_proof_and_checks(lake: Lake, contract: Contract, verified: None) -> None:
    report = report_day(lake, contract, FIRST)
    assert report.proven_at == "2021-12-25T01:02:03+00:00"
    assert [check.check for check in report.broken_checks] == ["range elapsed"]
    fields = {field.name: field for field in report.fields}
    assert (fields["func_name"].distinct, fields["func_name"].entropy) == (2, 0.5)
    assert fields["sdk_version"].distinct is None
    assert sum(report.hours) == report.rows


@pytest.fixture
def verified(lake: Lake) -> Any:
    """The first day with what `verify` found."""
    path = Path(lake.manifest_path("sdk_log", FIRST))
    whole = path.read_bytes()
    path.write_bytes(with_verification(DayManifest.from_bytes(whole)).to_bytes())
    yield
    path.write_bytes(whole)
