"""The stages of a day, one by one and all together: what is planned, refused, proven and given back."""

from __future__ import annotations

import copy
import fcntl
import gzip
import hashlib
import io
import os
import shutil
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.any_check import check_of
from tests.conftest import SEED, compact

from logpress.contract import Contract
from logpress.contract.checks import name_of
from logpress.contract.model import Files
from logpress.day import one_machine as whole_day
from logpress.day import published, stages
from logpress.errors import CheckError, LakeError, LogpressError, PartError, ProofError, SourceError, UsageError
from logpress.lake import Lake
from logpress.lake.snapshots import catalog_files
from logpress.manifest import SliceManifest

DAY, NEXT_DAY = date(2021, 12, 26), date(2021, 12, 27)
RUN = "run"


def record(number: int, day: date = DAY, hour: int = 15) -> bytes:
    document: dict[str, Any] = copy.deepcopy(SEED)
    stamp = f"{day}T{hour:02}:11:{number % 60:02}Z"
    document["_source"].update(timestamp=stamp, response_elapsed_time=number % 700)
    document["_source"]["client_app_id"] = f"e085f380-dd96-11eb-a904-59941{number % 3:07}"
    return compact(document)


def write(path: Path, records: list[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(line + b"\n" for line in records)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def raw(tmp_path) -> Path:
    """Two hours of the day, the first of the next, and lines that are no records."""
    folder = tmp_path / "raw"
    write(folder / "2021/12/26/10/a.gz", [record(n, hour=10) for n in range(50)])
    write(folder / "2021/12/26/10/b.gz", [record(n, hour=10) for n in range(50, 80)])
    write(folder / "2021/12/26/11/a", [*(record(n, hour=11) for n in range(40)), b"no record", b"{"])
    write(folder / "2021/12/27/00/a.gz", [record(1, NEXT_DAY, 0), record(2, hour=23)])
    return folder


@pytest.fixture
def lake_uri(tmp_path) -> str:
    return str(tmp_path / "lake")


def lines(folder: Path) -> Counter[bytes]:
    found: Counter[bytes] = Counter()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found.update((gzip.decompress(data) if path.suffix == ".gz" else data).splitlines())
    return found


def pressed(contract: Contract, raw: Path, lake_uri: str) -> list[SliceManifest]:
    specs = stages.plan(contract, DAY, [str(raw)])
    return [stages.press(contract, DAY, spec, lake_uri, RUN) for spec in specs]


def run(contract: Contract, raw: Path, lake_uri: str, day: date = DAY, **options: Any):
    return whole_day.run_day(contract, day, [str(raw)], lake_uri, **options)


def files(lake_uri: str) -> dict[str, str]:
    """Digests of the Parquet files of the table; the index says when the day was proven, and differs each time."""
    return {
        str(path.relative_to(lake_uri)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(lake_uri, "sdk_log").rglob("*.parquet")
    }


def restored(contract: Contract, lake_uri: str, day: date = DAY) -> Counter[bytes]:
    out = io.BytesIO()
    count = published.restore_day(contract, day, lake_uri, out)
    found = Counter(out.getvalue().splitlines())
    assert found.total() == count
    return found


# -- plan


def test_a_slice_is_an_hour_folder_and_never_cuts_an_object(sdk_log, raw):
    specs = stages.plan(sdk_log, DAY, [str(raw)])
    assert [len(spec.inputs) for spec in specs] == [2, 1, 1]
    assert len({spec.name for spec in specs}) == 3
    assert all(spec.raw_bytes == sum(os.path.getsize(uri) for uri in spec.inputs) for spec in specs)

    small = sdk_log.model_copy(update={"files": Files(slice_bytes=1 << 20, merge_bytes=0)})
    for name in ("c", "d"):
        write(raw / f"2021/12/26/10/{name}", [b"x" * 700_000])
    cut = stages.plan(small, DAY, [str(raw)])
    names = [spec.name for spec in cut]
    assert len(set(names)) == len(names) == 4
    assert [name.rpartition("-")[2] for name in names[:2]] == ["1", "2"]
    assert sorted(uri for spec in cut for uri in spec.inputs) == sorted(
        str(path) for path in raw.rglob("*") if path.is_file()
    )


def test_objects_without_hours_are_one_slice(sdk_log, tmp_path):
    write(tmp_path / "raw/a", [record(1)])
    write(tmp_path / "raw/b", [record(2)])
    (spec,) = stages.plan(sdk_log, DAY, [str(tmp_path / "raw")])
    assert [os.path.basename(uri) for uri in spec.inputs] == ["a", "b"]


def test_no_input_for_the_day_is_refused(sdk_log, raw, lake_uri):
    with pytest.raises(LogpressError, match="2021-11-05"):
        stages.plan(sdk_log, date(2021, 11, 5), [str(raw)])
    with pytest.raises(LogpressError):
        run(sdk_log, raw, lake_uri, date(2021, 11, 5))
    with pytest.raises(UsageError, match="input"):
        stages.plan(sdk_log, DAY, [])
    with pytest.raises(SourceError, match="/no/such"):
        stages.plan(sdk_log, DAY, ["/no/such"])
    assert not os.path.exists(lake_uri)


# -- the whole day


def test_what_goes_in_comes_out_and_late_records_are_left_to_their_day(sdk_log, raw, lake_uri):
    report, checks = run(sdk_log, raw, lake_uri)
    assert (report.rows, report.rejects, report.other_day) == (121, 2, 1)
    assert report.ratio == round(report.raw_bytes / report.stored_bytes, 2)
    run(sdk_log, raw, lake_uri, NEXT_DAY)
    assert restored(sdk_log, lake_uri) + restored(sdk_log, lake_uri, NEXT_DAY) == lines(raw)
    assert {check.level for check in checks if not check.ok} <= {"warn"}
    lake = Lake.open(lake_uri)
    assert catalog_files(lake, "sdk_log", DAY) == sorted(lake.files(lake.need_day("sdk_log", DAY))[0])
    assert not os.path.exists(lake.staging_root("sdk_log"))


def test_late_records_in_the_next_day_of_a_pattern_are_the_days(sdk_log, raw, lake_uri):
    late = record(2, hour=23)
    pattern = f"{raw}/{{year}}/{{month}}/{{day_of_month}}"
    whole_day.run_day(sdk_log, DAY, [pattern], lake_uri)
    assert restored(sdk_log, lake_uri) == lines(raw / "2021/12/26") + Counter([late])
    assert Lake.open(lake_uri).need_day("sdk_log", DAY).slices[-1].other_day == 1


def test_a_pattern_of_another_time_zone_gives_all_hours_of_the_day(sdk_log, tmp_path, lake_uri):
    seoul = sdk_log.model_copy(update={"source": sdk_log.source.model_copy(update={"path_time_zone": "Asia/Seoul"})})
    mine = {}
    for hour in range(24):
        folder, name = divmod(hour + 9, 24)
        mine[hour] = record(hour, hour=hour)
        write(tmp_path / f"raw/2021/12/{26 + folder}/{name:02}/x", [mine[hour]])
    write(tmp_path / "raw/2021/12/26/07/x", [record(1, date(2021, 12, 25), 22)])
    whole_day.run_day(seoul, DAY, [f"{tmp_path}/raw/{{year}}/{{month}}/{{day_of_month}}"], lake_uri)
    assert restored(seoul, lake_uri) == Counter(mine.values())


def test_records_without_a_day_are_of_the_day_that_their_file_is_named_after(sdk_log, tmp_path, lake_uri):
    for day, late in ((DAY, []), (NEXT_DAY, [record(9, DAY, 23)])):
        write(tmp_path / f"dump-{day}.gz", [record(1, day), b'{"no":"day"}', b"no record of %d" % day.day, *late])
    pattern = f"{tmp_path}/dump-{{day}}.gz"
    whole_day.run_day(sdk_log, DAY, [pattern], lake_uri)
    whole_day.run_day(sdk_log, NEXT_DAY, [pattern], lake_uri)
    assert restored(sdk_log, lake_uri) == Counter([record(1), b'{"no":"day"}', b"no record of 26", record(9, DAY, 23)])
    assert restored(sdk_log, lake_uri, NEXT_DAY) == Counter([record(1, NEXT_DAY), b'{"no":"day"}', b"no record of 27"])


def test_pressing_again_gives_the_same_files_and_other_input_replaces_them(sdk_log, raw, lake_uri):
    run(sdk_log, raw, lake_uri)
    first = files(lake_uri)
    run(sdk_log, raw, lake_uri)
    assert files(lake_uri) == first
    write(raw / "2021/12/26/11/late.gz", [record(7, hour=11)])
    report, _ = run(sdk_log, raw, lake_uri, grace=timedelta(0))
    assert report.rows == 122
    again = files(lake_uri)
    [kept] = [name for name in first if "/lookups/" in name]  # for readers of what was published before
    assert kept in again
    assert again.keys() != first.keys()
    assert len(again) == len(first) + 1
    assert restored(sdk_log, lake_uri).total() == 124


def test_a_record_that_is_there_twice_comes_back_twice(sdk_log, tmp_path, lake_uri):
    write(tmp_path / "raw/a", [record(1), record(1), record(2)])
    run(sdk_log, tmp_path / "raw", lake_uri)
    assert restored(sdk_log, lake_uri) == lines(tmp_path / "raw")


def test_a_day_of_rejects_only_is_published_where_the_contract_lets_it(sdk_log, tmp_path, lake_uri):
    write(tmp_path / "raw/a", [b"no", b"records"])
    with pytest.raises(CheckError, match="0 rows"):
        run(sdk_log, tmp_path / "raw", lake_uri)
    lenient = sdk_log.model_copy(update={"checks": ()})
    report, _ = run(lenient, tmp_path / "raw", lake_uri)
    assert (report.rows, report.rejects) == (0, 2)
    assert restored(lenient, lake_uri) == lines(tmp_path / "raw")


def test_a_day_that_fails_stays_as_it_was_and_leaves_no_staging(sdk_log, raw, lake_uri, monkeypatch):
    run(sdk_log, raw, lake_uri)
    before = files(lake_uri)
    write(raw / "2021/12/26/11/late.gz", [record(7, hour=11)])
    strict = sdk_log.model_copy(update={"checks": (check_of(kind="min_rows", min=1_000_000),)})
    with pytest.raises(CheckError):
        run(strict, raw, lake_uri)
    assert files(lake_uri) == before
    assert restored(sdk_log, lake_uri).total() == 123


def test_progress_is_told(sdk_log, raw, lake_uri):
    heard: list[tuple[str, int]] = []

    class Hearing:
        def begin(self, stage, total_bytes):
            return lambda done_bytes, records: heard.append((stage, done_bytes))

        def end(self, stage):
            heard.append((stage, -1))

    run(sdk_log, raw, lake_uri, progress=Hearing())
    assert [stage for stage, done in heard if done == -1] == ["press", "verify", "publish"]
    pressed_bytes = [done for stage, done in heard if stage == "press" and done >= 0]
    assert pressed_bytes == sorted(pressed_bytes)
    assert pressed_bytes[-1] > 0


# -- verify


def test_what_is_staged_is_proven(sdk_log, raw, lake_uri):
    manifests = pressed(sdk_log, raw, lake_uri)
    results = stages.verify(sdk_log, DAY, manifests, lake_uri, RUN).checks
    assert {result.level for result in results if not result.ok} <= {"warn"}
    assert not Path(lake_uri, "sdk_log/data").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"records": 81},
        {"rows": 79, "other_day": 1},
        {"digest": "0" * 32},
        {"raw_bytes": 1},
        {"origins": ()},
        {"part": None},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_manifest_that_says_something_else_is_no_proof(sdk_log, raw, lake_uri, change):
    manifests = pressed(sdk_log, raw, lake_uri)
    manifests[0] = manifests[0].model_copy(update=change)
    with pytest.raises(ProofError):
        stages.verify(sdk_log, DAY, manifests, lake_uri, RUN)


def test_a_slice_that_is_there_twice_or_missing_files_is_no_proof(sdk_log, raw, lake_uri):
    manifests = pressed(sdk_log, raw, lake_uri)
    with pytest.raises(ProofError, match="twice"):
        stages.verify(sdk_log, DAY, [*manifests, manifests[0]], lake_uri, RUN)
    renamed = manifests[0].model_copy(update={"slice": "other"})
    with pytest.raises(ProofError, match="two slices"):
        stages.verify(sdk_log, DAY, [*manifests, renamed], lake_uri, RUN)
    stages.clean(sdk_log, DAY, lake_uri, RUN)
    with pytest.raises(ProofError, match="part-"):
        stages.verify(sdk_log, DAY, manifests, lake_uri, RUN)


def test_one_wrong_byte_in_a_staged_file_is_found(sdk_log, raw, lake_uri):
    manifests = pressed(sdk_log, raw, lake_uri)
    lake = Lake.open(lake_uri)
    path = Path(lake.staging_folder("sdk_log", DAY, RUN, manifests[0].slice), manifests[0].part.path)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(ProofError, match=manifests[0].part.path):
        stages.verify(sdk_log, DAY, manifests, lake_uri, RUN)


def test_another_readers_different_value_is_found(sdk_log, raw, lake_uri, monkeypatch):
    import fastparquet

    manifests = pressed(sdk_log, raw, lake_uri)
    real = fastparquet.ParquetFile.to_pandas

    def wrong(self, *arguments, **options):
        frame = real(self, *arguments, **options)
        frame.loc[frame.index[3], "response_status_code"] = 999
        return frame

    monkeypatch.setattr(fastparquet.ParquetFile, "to_pandas", wrong)
    with pytest.raises(ProofError, match="response_status_code, row 3: pyarrow reads 204, fastparquet"):
        stages.verify(sdk_log, DAY, manifests, lake_uri, RUN)


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        (check_of(kind="range", column="response_elapsed_ms", max=39), 40 + 1 - 1),
        (check_of(kind="range", column="response_elapsed_ms", min=0, max=700), 0),
        (check_of(kind="values", column="func_name", values=("Backend.GameData.TransactionWrite",)), 0),
        (check_of(kind="values", column="func_name", values=("other",)), 121),
        (check_of(kind="values", column="response_status_code", values=("204", "200")), 0),
        (check_of(kind="not_null", column="func_name"), 0),
        (check_of(kind="range", column="request_begin_at", min=1_640_400_000, max=1_640_700_000), 0),
        (check_of(kind="range", column="request_begin_at", max=1), 121),
        (check_of(kind="not_null", column="request_end_at"), 0),
        (check_of(kind="range", column="request_end_at", min=1_640_400_000, max=1_640_700_000), 0),
        (check_of(kind="range", column="request_end_at", min=0, max=1), 121),
        (check_of(kind="values", column="request_url", values=("other",)), 121),
        (check_of(kind="not_null", column="_id"), 0),
    ],
    ids=lambda value: "" if isinstance(value, int) else name_of(value),
)
def test_checks_count_what_breaks_them(sdk_log, raw, lake_uri, check, broken):
    manifests = pressed(sdk_log, raw, lake_uri)
    one = sdk_log.model_copy(update={"checks": (check,)})
    if not broken:
        (result,) = stages.verify(one, DAY, manifests, lake_uri, RUN).checks
        assert result.ok, result.message
        return
    with pytest.raises(CheckError, match=f"{broken} of 121"):
        stages.verify(one, DAY, manifests, lake_uri, RUN)
    warned = sdk_log.model_copy(update={"checks": (check.model_copy(update={"level": "warn"}),)})
    (result,) = stages.verify(warned, DAY, manifests, lake_uri, RUN).checks
    assert not result.ok


# -- published days


def test_a_published_day_is_proven_again_against_its_files_and_the_input(sdk_log, raw, lake_uri):
    run(sdk_log, raw, lake_uri)
    assert published.verify_published(sdk_log, DAY, lake_uri).manifest.rows == 121
    assert published.verify_published(sdk_log, DAY, lake_uri, [str(raw)]).manifest.rows == 121
    write(raw / "2021/12/26/11/late.gz", [record(7, hour=11)])
    with pytest.raises(ProofError, match="124 records"):
        published.verify_published(sdk_log, DAY, lake_uri, [str(raw)])
    assert not os.path.exists(Lake.open(lake_uri).staging_root("sdk_log"))


@pytest.mark.parametrize("how", ["gone", "cut", "changed", "not in the catalog"])
def test_a_published_file_that_is_not_as_it_was_is_found(sdk_log, raw, lake_uri, how):
    run(sdk_log, raw, lake_uri)
    lake = Lake.open(lake_uri)
    path = Path(lake.files(lake.need_day("sdk_log", DAY))[0][0])
    data = bytearray(path.read_bytes())
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[:-9])
    elif how == "changed":
        data[-9] ^= 1
        path.write_bytes(data)
    else:
        os.unlink(f"{lake_uri}/catalog.sqlite")
    with pytest.raises((ProofError, PartError)):
        published.verify_published(sdk_log, DAY, lake_uri)


def test_days_and_lakes_that_are_not_there_are_named(sdk_log, raw, lake_uri, tmp_path):
    for do in (stages.report, published.verify_published):
        with pytest.raises(UsageError, match="is no lake"):
            do(sdk_log, DAY, lake_uri)
    run(sdk_log, raw, lake_uri)
    with pytest.raises(UsageError, match="no day 2021-12-27"):
        stages.report(sdk_log, NEXT_DAY, lake_uri)
    with pytest.raises(UsageError, match="not empty"):
        run(sdk_log, raw, str(raw))
    with pytest.raises(UsageError, match="LOGPRESS_CATALOG"):
        run(sdk_log, raw, "memory://lake")


def test_a_file_is_restored_whole_or_not_at_all(sdk_log, raw, lake_uri, tmp_path):
    run(sdk_log, raw, lake_uri)
    target = tmp_path / "day.ndjson"
    assert published.restore_to_file(sdk_log, DAY, lake_uri, target) == 123
    assert target.read_bytes().count(b"\n") == 123
    before = sorted(os.listdir(tmp_path))
    Path(Lake.open(lake_uri).files(Lake.open(lake_uri).need_day("sdk_log", DAY))[0][0]).unlink()
    target.write_bytes(b"kept")
    with pytest.raises(ProofError, match=r"cannot be read: .*No such file"):
        published.restore_to_file(sdk_log, DAY, lake_uri, target)
    assert target.read_bytes() == b"kept"
    assert sorted(os.listdir(tmp_path)) == before


def test_a_pipe_is_written_to_and_not_replaced(sdk_log, raw, lake_uri, tmp_path):
    run(sdk_log, raw, lake_uri)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR)  # so that neither end waits for the other
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)
    published.restore_to_file(sdk_log, DAY, lake_uri, pipe)
    assert pipe.is_fifo()
    assert os.read(descriptor, 10) == b'{"_index":'
    os.close(descriptor)


def test_a_lake_that_was_copied_is_refused_before_any_work(sdk_log, raw, lake_uri, tmp_path, monkeypatch):
    run(sdk_log, raw, lake_uri)
    shutil.copytree(lake_uri, tmp_path / "copy")
    monkeypatch.setattr(stages, "press", None)
    with pytest.raises(LakeError, match="was copied or moved"):
        run(sdk_log, raw, str(tmp_path / "copy"))


def test_cleaning_what_is_not_there_makes_nothing(sdk_log, lake_uri):
    stages.clean(sdk_log, DAY, lake_uri, RUN)
    assert not os.path.exists(lake_uri)


def test_a_damaged_object_is_told_of(sdk_log, raw, lake_uri):
    path = raw / "2021/12/26/10/a.gz"
    path.write_bytes(path.read_bytes()[:-20])
    report, checks = run(sdk_log, raw, lake_uri)
    told = str(report.model_dump()) + " ".join(check.message for check in checks)
    assert "ends within the gzip member" in told
