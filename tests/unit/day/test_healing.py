"""A day whose proof fails heals itself: records that do not come back are kept whole, and the day says so."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from tests.unit.day.test_stages import DAY, RUN, record, restored, write

from logpress.cli.app import main
from logpress.codecs.instant import InstantCodec
from logpress.codecs.kernels_text import NULL
from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.day import published, stages
from logpress.engine.part.decode import GroupDecoder
from logpress.engine.part.part_reader import PartReader
from logpress.engine.press import press_slice
from logpress.engine.restore import lost
from logpress.engine.restore.digest_parts import digest_files
from logpress.errors import MismatchError, PartError, ProofError
from logpress.hashing.digest import digest_records
from logpress.lake import Lake
from logpress.limits import Limits
from logpress.manifest import DayManifest, RecordPlace, SliceManifest, SliceSpec

Registers = Mapping[str, NDArray[np.int64]]
Fault = Callable[[Registers], None]

WRONG = 7
"""The elapsed time of the records that do not come back."""


def another_digit(regs: Registers) -> None:
    elapsed = regs["response_elapsed_ms"]
    elapsed[(elapsed == WRONG) & (regs["_layout"] != NULL)] += 1


def no_value(regs: Registers) -> None:
    elapsed = regs["response_elapsed_ms"]
    elapsed[(elapsed == WRONG) & (regs["_layout"] != NULL)] = NULL


def another_digit_and_another_record(regs: Registers) -> None:
    another_digit(regs)
    raw = regs["_raw"]
    raw[raw != NULL] = 0


FAULTS = [another_digit, no_value]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """Let reading a part give other registers than were written."""
    fill = GroupDecoder.fill

    def install(fault: Fault) -> None:
        def wrong(self: GroupDecoder, regs: Registers, table: pa.Table, first: int) -> None:
            fill(self, regs, table, first)
            if {"response_elapsed_ms", "_layout", "_raw"} <= regs.keys():
                fault(regs)

        monkeypatch.setattr(GroupDecoder, "fill", wrong)

    return install


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two hours of a day, with rejects; in the first one 3 records that a fault meets, two of them equal."""
    first = [record(n, hour=10) for n in range(1, 60)]
    write(tmp_path / "raw/2021/12/26/10/a", [*first, b"no record", record(WRONG, hour=10), b"{"])
    write(tmp_path / "raw/2021/12/26/10/b", [record(700 + WRONG, hour=10)])
    write(tmp_path / "raw/2021/12/26/11/a", [record(n, hour=11) for n in range(8, 90)])
    return tmp_path / "raw"


def records_in(raw: Path) -> Counter[bytes]:
    return Counter(line for path in raw.rglob("*") if path.is_file() for line in path.read_bytes().splitlines())


def day_manifest(lake_uri: str) -> DayManifest:
    return Lake.open(lake_uri).need_day("sdk_log", DAY)


@pytest.fixture
def lake_uri(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


# -- what is lost


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at_a_time", [2, 1 << 22])
def test_lost_rows_are_those_that_do_not_come_back(sdk_log, tmp_path, broken, fault, at_a_time):
    limits = Limits(lost_words=at_a_time)
    records = [record(n, hour=10) for n in (*range(1, 300), 700 + WRONG, WRONG, 8)]
    spec = SliceSpec(name="s", inputs=(str(write(tmp_path / "raw", [*records, b"no record"])),))
    manifest = press_slice(sdk_log, DAY, spec, str(tmp_path / "out"), threads=0)
    part = str(tmp_path / "out" / manifest.part.path)
    assert len(lost.lost_rows(sdk_log, DAY, spec, manifest, part, limits=limits)) == 0
    broken(fault)
    found = lost.lost_rows(sdk_log, DAY, spec, manifest, part, limits=limits)
    wrong = {entry for entry in records if b'"response_elapsed_time":7,' in entry}
    assert len(wrong) == 2
    assert found.tolist() == sorted(int(digest_records([entry]), 16) & (1 << 64) - 1 for entry in wrong)


def test_rows_before_and_behind_one_that_cannot_be_rendered_are_hashed(sdk_log, tmp_path, broken):
    records = [record(n % 9, hour=10) for n in range(300)]
    spec = SliceSpec(name="s", inputs=(str(write(tmp_path / "raw", records)),))
    manifest = press_slice(sdk_log, DAY, spec, str(tmp_path / "out"), threads=0)
    broken(no_value)
    reader = PartReader(str(tmp_path / "out" / manifest.part.path))
    words = np.concatenate([w for sheet, rows in reader.sheets(0) for w in sheet.hashes(rows)])
    sound = [entry for entry in records if b'"response_elapsed_time":7,' not in entry]
    assert sorted(words.tolist()) == sorted(int(digest_records([entry]), 16) & (1 << 64) - 1 for entry in sound)
    with pytest.raises(PartError):
        digest_files([reader.path], [])


# -- the command line's day


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("slices", ["two", "one"])
def test_a_day_heals(sdk_log, raw, lake_uri, broken, fault, threads, slices):
    broken(fault)
    contract = sdk_log
    if slices == "one":
        contract = sdk_log.model_copy(update={"files": sdk_log.files.model_copy(update={"merge_bytes": 1 << 25})})
    report, checks = whole_day.run_day(contract, DAY, [str(raw)], lake_uri, threads=threads)
    (warning,) = [check for check in checks if check.check == "kept whole"]
    assert (warning.level, warning.ok) == ("warn", False)
    assert "3 records kept whole, because their layout did not restore them" in warning.message
    assert f"{raw}/2021/12/26/10/a record 61" in warning.message
    assert report.kept_whole == 3
    assert restored(sdk_log, lake_uri) == records_in(raw)
    healed = next(manifest for manifest in day_manifest(lake_uri).slices if manifest.kept_whole)
    a, b = f"{raw}/2021/12/26/10/a", f"{raw}/2021/12/26/10/b"
    assert healed.kept_whole_first == tuple(
        RecordPlace(origin=origin, record=number) for origin, number in ((a, 7), (a, 61), (b, 1))
    )
    published.verify_published(sdk_log, DAY, lake_uri)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_fault_of_what_is_written_heals(sdk_log, raw, lake_uri, monkeypatch, threads):
    real = InstantCodec._less_predicted

    def wrong(self, regs, sign, values):
        real(self, regs, sign, values)
        if self.name == "request_end_at" and sign == 1:  # what is written, not what is read
            values[(regs["response_elapsed_ms"] == WRONG) & (regs["_layout"] >= 0)] += 1

    monkeypatch.setattr(InstantCodec, "_less_predicted", wrong)
    report, checks = whole_day.run_day(sdk_log, DAY, [str(raw)], lake_uri, threads=threads)
    assert report.kept_whole == 3
    assert "kept whole" in {check.check for check in checks}
    assert restored(sdk_log, lake_uri) == records_in(raw)


def test_the_command_warns_and_ends_well(raw, lake_uri, broken, monkeypatch, capfd):
    broken(another_digit)
    arguments = ["press", "sdk_log", "--day", str(DAY), "--input", str(raw), "--lake", lake_uri]
    monkeypatch.setattr(sys, "argv", ["logpress", *arguments, "--quiet"])
    main()
    told = capfd.readouterr()
    assert (
        "warning: 2 records kept whole, because their layout did not restore them" in told.err
    )  # the third is a duplicate
    assert "kept whole" in told.out


@pytest.mark.parametrize("threads", [1, 2])
def test_a_day_stops_that_does_not_come_back_even_so(sdk_log, raw, lake_uri, broken, threads):
    broken(another_digit_and_another_record)
    with pytest.raises(ProofError, match=r"2 of its records are not restored, not even with 3 of them kept whole"):
        whole_day.run_day(sdk_log, DAY, [str(raw)], lake_uri, threads=threads)
    published = [path for path in Path(lake_uri, "sdk_log").rglob("*.parquet") if "_staging" not in path.parts]
    assert published == []
    assert Lake.open(lake_uri).read_day("sdk_log", DAY) is None


def test_a_sound_day_warns_of_nothing(sdk_log, raw, lake_uri):
    report, checks = whole_day.run_day(sdk_log, DAY, [str(raw)], lake_uri)
    assert report.kept_whole == 0
    assert "kept whole" not in {check.check for check in checks}


# -- stage by stage, as the DAG does


def staged(contract: Contract, raw: Path, lake_uri: str) -> tuple[list[SliceSpec], list[SliceManifest]]:
    specs = stages.plan(contract, DAY, [str(raw)])
    return specs, [stages.press(contract, DAY, spec, lake_uri, RUN) for spec in specs]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_stages_heal(sdk_log, raw, lake_uri, broken, fault):
    specs, manifests = staged(sdk_log, raw, lake_uri)
    broken(fault)
    healed = stages.prove(sdk_log, DAY, manifests, lake_uri, RUN, specs=specs)
    assert [manifest.kept_whole for manifest in healed] == [3, 0]
    assert healed[1] is manifests[1]
    assert [manifest.digest for manifest in healed] == [manifest.digest for manifest in manifests]
    checks = stages.check(sdk_log, DAY, healed, Lake.open(lake_uri), RUN).checks
    assert not next(check for check in checks if check.check == "kept whole").ok
    stages.publish(sdk_log, DAY, healed, lake_uri, RUN)
    assert restored(sdk_log, lake_uri) == records_in(raw)


@pytest.mark.parametrize("fault", FAULTS)
def test_slices_that_nobody_names_are_not_healed(sdk_log, raw, lake_uri, broken, fault):
    _, manifests = staged(sdk_log, raw, lake_uri)
    broken(fault)
    with pytest.raises(MismatchError if fault is another_digit else PartError):
        stages.verify(sdk_log, DAY, manifests, lake_uri, RUN)


def test_a_source_that_is_gone_or_has_changed_stops_the_day(sdk_log, raw, lake_uri, broken):
    specs, manifests = staged(sdk_log, raw, lake_uri)
    broken(another_digit)
    path = raw / "2021/12/26/10/b"
    write(path, [record(700 + WRONG, hour=10), record(1, hour=10)])
    with pytest.raises(ProofError, match=r"its source has changed since it was pressed.*press the day again"):
        stages.prove(sdk_log, DAY, manifests, lake_uri, RUN, specs=specs)
    path.unlink()
    with pytest.raises(ProofError, match="its source cannot be read again"):
        stages.prove(sdk_log, DAY, manifests, lake_uri, RUN, specs=specs)


def test_rejects_that_do_not_come_back_cannot_be_kept_whole(sdk_log, raw, lake_uri, monkeypatch):
    from logpress.engine.restore import digest_parts

    specs, manifests = staged(sdk_log, raw, lake_uri)
    monkeypatch.setattr(digest_parts, "read_rejects", lambda path: iter([]))
    with pytest.raises(ProofError, match="each of its rows is restored"):
        stages.prove(sdk_log, DAY, manifests, lake_uri, RUN, specs=specs)


def test_manifests_of_before_have_nothing_kept_whole(sdk_log, raw, lake_uri):
    _, manifests = staged(sdk_log, raw, lake_uri)
    old = manifests[0].model_dump(exclude={"kept_whole", "kept_whole_first"})
    assert SliceManifest.model_validate(old) == manifests[0]


# -- restoring


@pytest.mark.parametrize("options", [{}, {"bulk": True}], ids=["records", "bulk"])
def test_restoring_compares_what_it_writes_with_what_was_read(sdk_log, raw, lake_uri, broken, options: Any):
    whole_day.run_day(sdk_log, DAY, [str(raw)], lake_uri)
    published.restore_day(sdk_log, DAY, lake_uri, io.BytesIO(), **options)
    broken(another_digit)
    with pytest.raises(ProofError, match=r"sdk_log 2021-12-26: the restored records are not those that were pressed"):
        published.restore_day(sdk_log, DAY, lake_uri, io.BytesIO(), **options)
    where = ["response_status_code = 204"]  # no digest says what a part of the day should be
    assert published.restore_day(sdk_log, DAY, lake_uri, io.BytesIO(), where=where, **options) > 100


def test_restoring_compares_rejects_too(sdk_log, raw, lake_uri, monkeypatch):
    from logpress.engine.part.rejects import read_rejects as read
    from logpress.engine.restore import in_order as restoring

    whole_day.run_day(sdk_log, DAY, [str(raw)], lake_uri)

    def wrong(path: str):
        for records in read(path):
            yield [type(entry)(entry.data[::-1], entry.continued) for entry in records]

    monkeypatch.setattr(restoring, "read_rejects", wrong)
    with pytest.raises(ProofError, match="are not those that were pressed"):
        published.restore_day(sdk_log, DAY, lake_uri, io.BytesIO())
