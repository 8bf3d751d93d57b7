"""What verify finds stays with a published day, and what is known of a refused one stays for the retention."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.any_check import check_of
from tests.unit.day.test_stages import DAY, RUN, pressed, record, run, write

from logpress.cli.app import main
from logpress.day import one_machine, published, stages
from logpress.day.refusals import EXAMPLES, keep_refusal, refusals_kept
from logpress.errors import CheckError, LakeError, ProofError, SourceError
from logpress.hashing.digest import combine
from logpress.lake import Lake, remove_leftovers
from logpress.lake.attempts import attempts_of
from logpress.lake.clean import clean_table
from logpress.lake.index import read_index
from logpress.results import Attempt, Verification

TABLE = "sdk_log"
TOO_MANY = check_of(kind="min_rows", min=1e6)


@pytest.fixture
def sdk_log(sdk_log):
    """The contract, by which a record that is there twice is a reject."""
    return sdk_log.model_copy(update={"source": sdk_log.source.model_copy(update={"duplicates": "reject"})})


@pytest.fixture
def lake_uri(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A day with eight broken lines of two reasons in an hour, and a duplicate in another."""
    broken = [b"no record %d" % number for number in range(7)]
    broken.append(b'{"long": "' + "지\u202e".encode() * 300 + b"\t\xff")
    write(tmp_path / "raw/2021/12/26/10/a", [*(record(n, hour=10) for n in range(30)), *broken])
    write(tmp_path / "raw/2021/12/26/11/a", [record(n, hour=11) for n in [*range(20), 3]])
    return tmp_path / "raw"


def strict(contract, *checks):
    return contract.model_copy(update={"checks": checks or (TOO_MANY,)})


def only_attempt(lake_uri: str, day: date = DAY) -> Attempt:
    (found,) = attempts_of(Lake.open(lake_uri), TABLE, day)
    return found


def make_old(folder: str | Path) -> None:
    old = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    for root, _, names in os.walk(folder, topdown=False):
        for name in [*names, "."]:
            os.utime(os.path.join(root, name), (old, old))


# -- what is found stays


def see_told(found: Verification | None, lake_uri: str) -> None:
    manifest = Lake.open(lake_uri).need_day(TABLE, DAY)
    assert found is not None
    assert manifest.verification == found
    assert (found.records, found.raw_bytes) == (manifest.rows + manifest.rejects, manifest.raw_bytes)
    assert found.files == len(manifest.parts) + len(manifest.rejects_parts)
    assert found.digest == combine(one.digest for one in manifest.slices)
    assert found.proven_at <= manifest.published_at
    assert found.prove_seconds > 0
    assert [check.check for check in found.checks if not check.ok] == ["min_rows"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_day_pressed_on_one_machine_keeps_what_verify_found(sdk_log, raw, lake_uri, threads):
    warned = strict(sdk_log, TOO_MANY.model_copy(update={"level": "warn"}))
    before = datetime.now(UTC)
    _, checks = run(warned, raw, lake_uri, threads=threads)
    manifest = Lake.open(lake_uri).need_day(TABLE, DAY)
    see_told(manifest.verification, lake_uri)
    assert manifest.verification is not None
    assert list(manifest.verification.checks) == checks
    assert manifest.verification.proven_at > before
    (row,) = read_index(Lake.open(lake_uri)).days
    assert (row.checks_warned, row.proven_at) == (1, manifest.verification.proven_at)


def test_what_verify_notes_in_staging_is_published(sdk_log, raw, lake_uri):
    warned = strict(sdk_log, TOO_MANY.model_copy(update={"level": "warn"}))
    manifests = pressed(warned, raw, lake_uri)
    found = stages.verify(warned, DAY, manifests, lake_uri, RUN)
    stages.publish(warned, DAY, manifests, lake_uri, RUN, run_id="scheduled__2021-12-26")
    see_told(found, lake_uri)
    assert Lake.open(lake_uri).need_day(TABLE, DAY).run_id == "scheduled__2021-12-26"
    published.verify_published(warned, DAY, lake_uri)
    again = stages.publish(warned, DAY, manifests, lake_uri, RUN)  # killed after it had removed its staging
    assert again.verification == found


def test_a_damaged_note_is_not_published_without(sdk_log, raw, lake_uri):
    manifests = pressed(sdk_log, raw, lake_uri)
    stages.verify(sdk_log, DAY, manifests, lake_uri, RUN)
    Path(Lake.open(lake_uri).staging_folder(TABLE, DAY, RUN), "_verified.json").write_text("{")
    with pytest.raises(LakeError, match=r"_verified\.json: is damaged: .*; verify the run again"):
        stages.publish(sdk_log, DAY, manifests, lake_uri, RUN)


def test_verify_of_a_published_day_says_what_was_found(sdk_log, raw, lake_uri, capsys, monkeypatch):
    run(sdk_log, raw, lake_uri)
    monkeypatch.setattr("sys.argv", ["logpress", "verify", TABLE, "--day", str(DAY), "--lake", lake_uri, "-q"])
    main()
    assert "when it was pressed, 59 records were proven at 20" in capsys.readouterr().out


# -- a day that is refused


@pytest.mark.parametrize("threads", [1, 2])
def test_a_check_that_fails_leaves_all_results_and_some_rejects(sdk_log, raw, lake_uri, threads):
    run(sdk_log, raw, lake_uri)
    before = Lake.open(lake_uri).need_day(TABLE, DAY)
    warned = check_of(kind="max_reject_share", max=0.0, level="warn")
    with pytest.raises(CheckError) as refused:
        run(strict(sdk_log, TOO_MANY, warned), raw, lake_uri, threads=threads)
    found = only_attempt(lake_uri)
    path = f"{lake_uri}/{TABLE}/attempts/dt={DAY}/{found.run}.json"
    assert os.path.exists(path)
    assert str(refused.value) == f"{found.error}; all results and some rejects stay in {path} for 7 days"
    assert found.error.startswith("the day has 50 rows; at least 1,000,000 are expected (9 records are rejects: ")
    assert (found.stage, found.rows, found.rejects) == ("verify", 50, 9)
    assert found.stored_bytes > 0
    assert found.verification is not None
    assert [(check.check, check.level, check.ok) for check in found.verification.checks[:2]] == [
        ("min_rows", "fail", False), ("max_reject_share", "warn", False),
    ]  # fmt: skip
    assert found.verification.proven_at > before.published_at
    by_reason = {reason: [one for one in found.examples if one.reason == reason] for reason in found.reject_reasons}
    assert {reason: len(some) for reason, some in by_reason.items()} == {
        reason: min(EXAMPLES, count) for reason, count in found.reject_reasons.items()
    }
    (duplicate,) = by_reason["duplicate"]
    assert (os.path.basename(os.path.dirname(duplicate.origin)), duplicate.record) == ("11", 21)
    first = min((one for one in found.examples if one.reason != "duplicate"), key=lambda one: one.record)
    assert (first.record, first.text) == (31, "no record 0")
    assert Lake.open(lake_uri).need_day(TABLE, DAY) == before
    assert not os.path.exists(f"{lake_uri}/{TABLE}/_staging")
    (row,) = read_index(Lake.open(lake_uri)).days
    assert (row.state, row.refused_run, row.refused_because) == ("published", found.run, found.error)
    run(sdk_log, raw, lake_uri)
    assert read_index(Lake.open(lake_uri)).days[0].refused_at is None


def test_examples_are_cut_and_can_be_shown(sdk_log, tmp_path, lake_uri):
    hostile = b'{"long": "' + "지\u202e".encode() * 300 + b"\t\xff\x1b[31m"
    write(tmp_path / "raw/2021/12/26/10/a", [record(1, hour=10), hostile, b"\xff\x1b[31m\ttail"])
    with pytest.raises(CheckError):
        run(strict(sdk_log), tmp_path / "raw", lake_uri)
    texts = {one.record: one.text for one in only_attempt(lake_uri).examples}
    assert texts[2] == ('{"long": "' + "지\\u202e" * 300)[:200]
    assert texts[3] == "\\xff\\x1b[31m\\ttail"
    assert all(text.isprintable() for text in texts.values())


def test_the_first_day_of_a_lake_may_be_refused(sdk_log, raw, lake_uri):
    with pytest.raises(CheckError):
        run(strict(sdk_log), raw, lake_uri)
    (row,) = read_index(Lake.open(lake_uri)).days
    assert (row.state, row.rows, row.checks_failed, row.published_at) == ("refused", 50, 1, None)
    run(sdk_log, raw, lake_uri)
    assert read_index(Lake.open(lake_uri)).days[0].state == "published"


def test_a_proof_that_fails_keeps_its_files_to_be_looked_into(sdk_log, raw, lake_uri):
    manifests = pressed(sdk_log, raw, lake_uri)
    lake = Lake.open(lake_uri)
    folder = Path(lake.staging_folder(TABLE, DAY, RUN))
    assert manifests[0].rejects_part is not None
    damaged = folder / manifests[0].slice / manifests[0].rejects_part.path
    data = bytearray(damaged.read_bytes())
    data[30] ^= 1
    damaged.write_bytes(data)
    with (
        pytest.raises(ProofError, match=f"; its files stay in {folder} for 7 days, to be looked into"),
        refusals_kept(lake_uri, TABLE, DAY, RUN, "verify", manifests, run_id="manual__1"),
    ):
        stages.prove(sdk_log, DAY, manifests, lake_uri, RUN)
    found = only_attempt(lake_uri)
    assert (found.run_id, found.stage, found.verification) == ("manual__1", "verify", None)
    stages.clean(sdk_log, DAY, lake_uri, RUN)
    assert damaged.read_bytes() == data
    kept = json.loads((folder / "_kept.json").read_text())
    assert kept["because"] == found.error
    os.utime(folder, (0, 0))
    make_old(folder)
    remove_leftovers(lake, TABLE, grace=timedelta(days=60))
    assert damaged.exists(), "for as long as superseded files"
    assert str(folder) in [one.path for one in clean_table(lake, TABLE, remove=False).needless]
    remove_leftovers(lake, TABLE)
    assert not folder.exists()


def test_a_proof_that_fails_on_one_machine_keeps_its_files(sdk_log, raw, lake_uri, monkeypatch):
    def failing(*_, **__):
        raise ProofError("slice a gives back 1 record less than was read")

    monkeypatch.setattr(one_machine, "prove_all", failing)
    with pytest.raises(ProofError, match="less than was read; its files stay in"):
        run(sdk_log, raw, lake_uri, threads=1)
    found = only_attempt(lake_uri)
    assert (found.error, found.stage, found.verification) == (
        "slice a gives back 1 record less than was read", "verify", None,
    )  # fmt: skip
    assert list(Path(lake_uri, TABLE, "_staging", f"dt={DAY}", found.run).rglob("part-*"))


def test_a_publication_that_is_refused_leaves_its_attempt(sdk_log, raw, lake_uri, monkeypatch):
    manifests = pressed(sdk_log, raw, lake_uri)
    verified = stages.verify(sdk_log, DAY, manifests, lake_uri, RUN)
    error = LakeError("the catalog is away")
    keep_refusal(lake_uri, TABLE, DAY, RUN, "publish", manifests, error)
    found = only_attempt(lake_uri)
    assert (found.stage, found.error, found.verification) == ("publish", "the catalog is away", verified)
    stages.publish(sdk_log, DAY, manifests, lake_uri, RUN)
    assert attempts_of(Lake.open(lake_uri), TABLE, DAY) == []


def test_input_that_cannot_be_read_is_no_refusal(sdk_log, raw, lake_uri, monkeypatch):
    def failing(*_, **__):
        raise SourceError("the disk is away")

    monkeypatch.setattr(one_machine, "press", failing)
    with pytest.raises(SourceError, match=r"^the disk is away$"):
        run(sdk_log, raw, lake_uri, threads=1)
    assert attempts_of(Lake.open(lake_uri), TABLE, DAY) == []


def test_why_a_day_was_refused_counts_more_than_that_it_cannot_be_kept(sdk_log, raw, lake_uri, monkeypatch, caplog):
    from logpress.day import refusals

    def refusing(*_):
        raise LakeError("no space left")

    monkeypatch.setattr(refusals, "write_attempt", refusing)
    with pytest.raises(CheckError, match="at least 1,000,000 are expected"):
        run(strict(sdk_log), raw, lake_uri)
    assert "could not be kept: no space left" in caplog.text
