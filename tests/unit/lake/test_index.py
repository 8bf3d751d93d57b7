"""The index of a lake: three tables that say what manifests and attempts do, whoever was killed or came first."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from tests.unit.lake.test_lake import DAY, NEXT_DAY, TABLE, publish, scan, snapshots, stage

from logpress.contract import Contract, load_contract
from logpress.errors import LakeError
from logpress.lake import Lake, index_tables, remove_leftovers
from logpress.lake.attempts import attempt_path, write_attempt
from logpress.lake.catalog import open_catalog
from logpress.lake.check import check_lake
from logpress.lake.clean import clean_index, clean_table
from logpress.lake.commit import evolve
from logpress.lake.copying import copy_lake
from logpress.lake.history import publications
from logpress.lake.index import Index, from_bytes, read_index, stale_days, to_bytes
from logpress.lake.index_commit import replace_partition
from logpress.lake.index_rows import CHECKS, DAYS, DESCRIPTIONS, FOOTERS, REJECTS_FILES, ROWS, SCHEMAS, SIZES
from logpress.lake.register import register
from logpress.lake.rollback import drop_day, rollback_day
from logpress.lake.storage import LocalStorage
from logpress.manifest import ColumnStats, SliceManifest
from logpress.results import Attempt, CheckResult, ColumnProfile, Profile, Verification

LAST_DAY = date(2021, 12, 28)
OLD = timedelta(days=30)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(str(tmp_path / "lake"))


def check(name: str = "rows", *, ok: bool = True, columns: tuple[str, ...] = (), level: str = "warn") -> CheckResult:
    return CheckResult.model_validate(
        {
            "check": name, "kind": name, "columns": columns, "level": level, "ok": ok, "message": f"{name}: told",
            "observed": 0.25, "low": 0.0, "compared_with": (date(2021, 12, 19), date(2021, 12, 12)),
        }
    )  # fmt: skip


def verification(*checks: CheckResult, at: datetime | None = None) -> Verification:
    profile = Profile(
        rows=2, hours=(1, 1, *[0] * 22), layouts=3,
        columns=(ColumnProfile(name="name", nulls=1, distinct=2, entropy=0.5),),
    )  # fmt: skip
    return Verification(
        proven_at=at or datetime.now(UTC), records=3, raw_bytes=100, files=2, digest="0" * 32, prove_seconds=1.5,
        check_seconds=0.5, checks=checks, profile=profile,
    )  # fmt: skip


def attempt(run: str = "tried", day: date = DAY, at: datetime | None = None, **more) -> Attempt:
    told = {"table": TABLE, "day": day.isoformat(), "run": run, "refused_at": at or datetime.now(UTC),
            "stage": "verify", "error": "it is refused; do this", "rows": 7, **more}  # fmt: skip
    return Attempt.model_validate(told)


def with_columns(manifest: SliceManifest, **sizes: int) -> SliceManifest:
    assert manifest.part is not None
    columns = tuple(
        ColumnStats(name=name, stored_bytes=size, encodings=("PLAIN", "RLE")) for name, size in sizes.items()
    )
    return manifest.model_copy(update={"part": manifest.part.model_copy(update={"columns": columns})})


def publish_names(lake: Lake, names: list[str], day: date = DAY, rejects: int = 0, run: str = "run", **options):
    return publish(lake, day, stage(lake, day, "h10", names, run, rejects=rejects), run=run, **options)


def read(lake: Lake) -> Index:
    """The index, which is whole."""
    found = read_index(Lake.open(lake.uri))
    assert found.notes == []
    return found


def days_of(found: Index) -> dict[date, tuple[str, int | None]]:
    return {row.day: (row.state, row.rows) for row in found.days}


def engine(lake: Lake, name: str) -> list[tuple[object, ...]]:
    """Rows of a table of the index, as any engine finds them by the catalog."""
    with open_catalog(lake) as catalog:
        loaded = catalog.load(name)
        assert loaded is not None
        columns = loaded.scan().to_arrow().select(SCHEMAS[name].names).columns
    return sorted(zip(*(column.to_pylist() for column in columns), strict=True), key=repr)


def see_engines_agree(lake: Lake) -> None:
    found = read(lake)
    for name, rows in ((DAYS, found.days), (CHECKS, found.checks), (SIZES, found.sizes)):
        assert engine(lake, name) == sorted(map(tuple, rows), key=repr)
    assert [str(one) for one in check_lake(lake, [TABLE])] == []


def make_old(folder: str) -> None:
    old = (datetime.now(UTC) - OLD).timestamp()
    for root, _, names in os.walk(folder):
        for name in names:
            os.utime(os.path.join(root, name), (old, old))


@contextlib.contextmanager
def without_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if processes were killed before the index followed."""
    with monkeypatch.context() as patched:
        patched.setattr(index_tables, "follow", lambda *_, **__: None)
        yield


# -- what it says


def test_each_column_is_described_and_has_a_type():
    assert {name: list(columns) for name, columns in DESCRIPTIONS.items()} == {
        name: list(row._fields) for name, row in ROWS.items()
    }
    assert SCHEMAS[DAYS].field("published_at") == pa.field("published_at", pa.timestamp("us", "UTC"))
    assert SCHEMAS[CHECKS].field("ok") == pa.field("ok", pa.bool_(), nullable=False)


def test_a_day_its_checks_and_its_columns_are_rows(lake):
    verified = verification(check(), check("range name", ok=False, columns=("name", "status")))
    slice_ = with_columns(stage(lake, DAY, "h10", ["a", "b"], rejects=1), name=30, status=50)
    slice_ = slice_.model_copy(
        update={"seconds": 2.0, "written_by": "0.9.1", "contract_sha256": "c", "reject_reasons": {"duplicate": 1}}
    )
    manifest = publish(lake, DAY, slice_, verification=verified, run_id="scheduled__1")
    publish(lake, NEXT_DAY, stage(lake, NEXT_DAY, "h10", ["n"]))
    found = read(lake)
    first, second = found.days
    assert (first.log_table, first.day, first.state, first.run_id) == (TABLE, DAY, "published", "scheduled__1")
    assert first.published_at == manifest.published_at
    assert first.snapshot_id == manifest.snapshot_id
    assert (first.records, first.rows, first.rejects, first.duplicates, first.slices, first.parts) == (3, 2, 1, 1, 1, 1)
    assert (first.checks, first.checks_warned, first.checks_failed) == (2, 1, 0)
    assert (first.hours_present, first.layouts) == (2, 3)
    assert (first.press_seconds, first.prove_seconds, first.check_seconds) == (2.0, 1.5, 0.5)
    assert (first.written_by, first.contract_sha256, first.input_bytes) == ("0.9.1", "c", 0)
    assert (second.day, second.checks, second.proven_at, second.hours_present) == (NEXT_DAY, None, None, None)
    assert [(row.check_name, row.ok, row.columns, row.position) for row in found.checks_of(TABLE, DAY)] == [
        ("rows", True, "", 0), ("range name", False, "name,status", 1),
    ]  # fmt: skip
    assert found.checks[0].compared_with == "2021-12-19,2021-12-12"
    assert found.checks[0].observed == 0.25
    sizes = found.sizes_of(TABLE, DAY)
    assert [row.column_name for row in sizes] == ["status", "name", FOOTERS, REJECTS_FILES]
    assert (sizes[1].nulls, sizes[1].distinct, sizes[1].entropy, sizes[0].nulls) == (1, 2, 0.5, None)
    assert (sizes[0].encodings, sizes[0].bytes_a_row) == ("PLAIN,RLE", 25.0)
    assert sum(row.stored_bytes for row in sizes) == first.stored_bytes == manifest.stored_bytes
    assert first.stored_bytes == sum(os.path.getsize(path) for paths in lake.files(manifest) for path in paths)
    see_engines_agree(lake)


def test_versions_are_compared_as_numbers(lake):
    slices = [
        stage(lake, DAY, f"h{hour}", ["a"]).model_copy(update={"written_by": version, "contract_sha256": version})
        for hour, version in (("10", "0.9.1"), ("11", "0.10.0"))
    ]
    publish(lake, DAY, *slices)
    (row,) = read(lake).days
    assert (row.written_by, row.contract_sha256) == ("0.10.0", None)


def test_duckdb_reads_the_files_without_a_catalog(lake):
    publish_names(lake, ["a", "b"], verification=verification(check(ok=False)))
    rows = duckdb.sql(
        f"select d.day, d.rows, c.check_name from '{lake.uri}/{DAYS}/*.parquet' d "
        f"join '{lake.uri}/{CHECKS}/*.parquet' c using (log_table, day) where not c.ok"
    ).fetchall()
    assert rows == [(DAY, 2, "rows")]


def test_the_query_of_the_docs_finds_days_that_were_refused_or_broken(lake):
    text = Path(__file__, "../../../../docs/lake.md").resolve().read_text()
    (query,) = re.findall(r"```sql\n(-- DuckDB: days that were refused.*?)```", text, re.DOTALL)
    publish_names(lake, ["a"], verification=verification(check()))
    publish_names(lake, ["a"], NEXT_DAY, verification=verification(check(ok=False)))
    write_attempt(lake, attempt(day=LAST_DAY))
    index_tables.follow(lake, TABLE)
    assert duckdb.sql(query.replace("'lake/", f"'{lake.uri}/")).fetchall() == [
        (NEXT_DAY, "published", None, "rows", "rows: told"),
        (LAST_DAY, "refused", "it is refused; do this", None, None),
    ]


def test_each_table_of_a_lake_has_a_file_of_its_own(lake):
    publish_names(lake, ["a"])
    copied = json.loads(json.dumps(lake.need_day(TABLE, DAY).model_dump(mode="json")).replace(f'"{TABLE}"', '"other"'))
    lake.write(lake.manifest_path("other", DAY), json.dumps(copied).encode())
    index_tables.follow(lake, "other")
    assert [row.log_table for row in read(lake).days] == [TABLE, "other"]
    publish_names(lake, ["b"], NEXT_DAY)
    assert [row[:2] for row in engine(lake, DAYS)] == [(TABLE, DAY), (TABLE, NEXT_DAY), ("other", DAY)]
    assert [row.day for row in read_index(lake, ["other"]).days] == [DAY]
    lake.remove(lake.table_folder("other"))
    index_tables.follow(lake, "other")
    assert {row[0] for row in engine(lake, DAYS)} == {TABLE}
    assert [row.log_table for row in read(lake).days] == [TABLE] * 2


def test_fifty_days_are_one_read(lake, monkeypatch):
    publish_names(lake, ["a"])
    data = lake.need_day(TABLE, DAY).model_dump_json()
    for number in range(1, 50):
        day = DAY + timedelta(number)
        lake.write(lake.manifest_path(TABLE, day), data.replace(DAY.isoformat(), day.isoformat()).encode())
    index_tables.follow(lake, TABLE)
    reads: list[str] = []
    real = LocalStorage.read
    monkeypatch.setattr(LocalStorage, "read", lambda self, path: (reads.append(path), real(self, path))[1])
    found = read_index(lake)
    assert (len(found.days), found.notes) == (50, [])
    assert reads == [lake.index_path(DAYS, TABLE)]


# -- what it follows


def test_a_day_that_is_replaced_rolled_back_and_dropped(lake):
    first = publish_names(lake, ["a"], rejects=2, verification=verification(check("first")))
    publish_names(lake, ["b", "c"], verification=verification(check("second")))
    assert days_of(read(lake)) == {DAY: ("published", 2)}
    assert [row.check_name for row in read(lake).checks] == ["second"]
    was, now = rollback_day(lake, TABLE, DAY, "previous")
    assert was == first
    assert now.verification == first.verification
    assert days_of(read(lake)) == {DAY: ("published", 1)}
    assert [row.check_name for row in read(lake).checks] == ["first"]
    see_engines_agree(lake)
    write_attempt(lake, attempt(at=datetime.now(UTC) - timedelta(days=1)))  # before the publication
    drop_day(lake, TABLE, DAY)
    assert [len(read(lake).days), len(read(lake).sizes)] == [0, 0]
    assert engine(lake, DAYS) == engine(lake, SIZES) == []
    rollback_day(lake, TABLE, DAY, "previous")
    assert days_of(read(lake)) == {DAY: ("published", 1)}
    see_engines_agree(lake)


def test_a_newer_verification_is_kept_without_a_new_publication(lake):
    first = publish_names(lake, ["a"], verification=verification(check("first")), run_id="one")
    before = snapshots(lake)
    newer = verification(check("second", ok=False))
    second = publish_names(lake, ["a"], verification=newer, run_id="two", run="later")
    assert snapshots(lake) == before
    assert second == first.model_copy(update={"verification": newer})
    assert lake.read_day(TABLE, DAY) == second
    assert publications(lake, TABLE, DAY) == [second]
    assert Path(lake.history_folder(TABLE, DAY)).joinpath(
        os.listdir(lake.history_folder(TABLE, DAY))[0]
    ).read_text() == (Path(lake.manifest_path(TABLE, DAY)).read_text())
    (row,) = read(lake).days
    assert (row.run_id, row.checks_warned, row.proven_at) == ("one", 1, newer.proven_at)
    assert publish_names(lake, ["a"]) == second, "what verify found stays if a publication says nothing of it"


def test_a_refused_day_and_one_that_was_refused_after_its_publication(lake):
    tried = verification(check("bad", ok=False, level="fail"))
    write_attempt(lake, attempt("first", error="the first"))
    write_attempt(lake, attempt("second", run_id="manual__2", verification=tried))
    index_tables.follow(lake, TABLE)
    (row,) = read(lake).days  # of the newest
    assert (row.state, row.rows, row.run, row.refused_run, row.refused_run_id) == (
        "refused", 7, "second", "second", "manual__2",
    )  # fmt: skip
    assert (row.refused_because, row.refused_stage, row.published_at) == ("it is refused; do this", "verify", None)
    assert (row.checks_failed, row.proven_at) == (1, tried.proven_at)
    assert [(one.check_name, one.is_refused) for one in read(lake).checks] == [("bad", True)]
    see_engines_agree(lake)
    publish_names(lake, ["a"], verification=verification(check("good")))
    (row,) = read(lake).days
    assert (row.state, row.rows, row.refused_at) == ("published", 1, None)
    assert [one.check_name for one in read(lake).checks] == ["good"]
    write_attempt(lake, attempt("third", verification=tried))
    index_tables.follow(lake, TABLE)
    (row,) = read(lake).days
    assert (row.state, row.rows, row.checks_failed, row.refused_run) == ("published", 1, 0, "third")
    assert [(one.check_name, one.is_refused) for one in read(lake).checks] == [("good", False), ("bad", True)]
    publish_names(lake, ["a"], verification=verification(check("good")))  # unchanged, and proven again
    assert read(lake).days[0].refused_at is None
    see_engines_agree(lake)


def test_the_attempt_of_a_run_goes_when_a_later_try_is_published(lake):
    write_attempt(lake, attempt("run", at=datetime.now(UTC) + OLD))
    publish_names(lake, ["a"], run="run")
    assert not os.path.exists(attempt_path(lake, TABLE, DAY, "run"))
    assert read(lake).days[0].refused_at is None


def test_attempts_stay_for_the_retention(lake):
    publish_names(lake, ["a"], NEXT_DAY)
    path = write_attempt(lake, attempt())
    index_tables.follow(lake, TABLE)
    remove_leftovers(lake, TABLE, grace=timedelta(0))  # as of an object store, where replaced files go soon
    assert days_of(read(lake)) == {DAY: ("refused", 7), NEXT_DAY: ("published", 1)}
    make_old(lake.attempts_root(TABLE))
    shown = clean_table(lake, TABLE, remove=False)
    assert [(one.path, one.why) for one in shown.needless] == [(path, "of a run that was refused")]
    clean_table(lake, TABLE, remove=True)
    assert not os.path.exists(lake.attempts_root(TABLE))
    assert days_of(read(lake)) == {NEXT_DAY: ("published", 1)}
    see_engines_agree(lake)


def test_a_damaged_attempt_spoils_nothing_else(lake, caplog):
    publish_names(lake, ["a"])
    write_attempt(lake, attempt("good"))
    Path(attempt_path(lake, TABLE, DAY, "bad")).write_text("{")
    Path(attempt_path(lake, TABLE, DAY, "renamed")).write_text(attempt("other").model_dump_json())
    index_tables.follow(lake, TABLE)
    (row,) = read(lake).days
    assert (row.state, row.refused_run) == ("published", "good")
    assert "bad.json: is damaged" in caplog.text
    assert "is the attempt of other" in caplog.text


# -- what is damaged or missing


def test_a_damaged_manifest_is_a_row_that_says_so(lake):
    for day in (DAY, NEXT_DAY, LAST_DAY):
        publish_names(lake, ["a"], day, verification=verification(check()))
    Path(lake.manifest_path(TABLE, NEXT_DAY)).write_text("{")
    found = read_index(lake)
    assert days_of(found) == {DAY: ("published", 1), NEXT_DAY: ("damaged", None), LAST_DAY: ("published", 1)}
    assert "press the day again" in (found.days[1].problem or "")
    assert {row.day for row in found.checks} == {DAY, LAST_DAY}
    publish_names(lake, ["b"], DAY)  # others are published, and the index follows
    assert days_of(read(lake)) == {DAY: ("published", 1), NEXT_DAY: ("damaged", None), LAST_DAY: ("published", 1)}
    publish_names(lake, ["b", "c"], NEXT_DAY)
    assert days_of(read(lake))[NEXT_DAY] == ("published", 2)
    see_engines_agree(lake)


def test_a_manifest_that_cannot_be_read_now_is_not_put_down_as_damaged(lake, monkeypatch):
    publish_names(lake, ["a"])
    with without_index(monkeypatch):
        publish_names(lake, ["a"], NEXT_DAY)
    real = LocalStorage.read

    def refusing(self, path):
        if path == lake.manifest_path(TABLE, NEXT_DAY):
            raise OSError(5, "Input/output error")
        return real(self, path)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStorage, "read", refusing)
        found = read_index(lake)
        assert [(row.state, row.problem is None) for row in found.days] == [("published", True), ("damaged", False)]
        with pytest.raises(LakeError, match="Input/output error"):
            index_tables.follow(lake, TABLE)
    index_tables.follow(lake, TABLE)
    assert days_of(read(lake)) == {DAY: ("published", 1), NEXT_DAY: ("published", 1)}


def harm_index(lake: Lake, harm: str) -> None:
    path = Path(lake.index_path(DAYS, TABLE))
    if harm == "missing":
        for name in ROWS:
            Path(lake.index_path(name, TABLE)).unlink()
    elif harm == "damaged":
        data = bytearray(path.read_bytes())
        data[1000:1040] = bytes(40)
        path.write_bytes(data)
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif harm == "no Parquet":
        path.write_bytes(b"x" * 1000)
    elif harm == "other columns":
        path.write_bytes(to_bytes(pa.table({"a": [1]}), {}))
    else:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("logpress.lake.index.VERSION", 0)
            path.write_bytes(to_bytes(SCHEMAS[DAYS].empty_table(), {}))


def test_no_flipped_bit_changes_a_row_unnoticed(lake):
    for day in (DAY, NEXT_DAY):
        publish_names(lake, ["a"], day, verification=verification(check()))
    data = Path(lake.index_path(DAYS, TABLE)).read_bytes()
    sound = from_bytes(DAYS, data)
    assert sound.rows is not None
    for place in range(0, len(data), 5):
        harmed = bytearray(data)
        harmed[place] ^= 1 << place % 8
        found = from_bytes(DAYS, bytes(harmed))
        is_noticed = bool(found.problem or stale_days(found, sound.stamps))
        assert is_noticed or (found.rows is not None and found.rows.equals(sound.rows)), place


HARMS = ["missing", "damaged", "cut", "no Parquet", "other columns", "another version"]


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("mend", ["clean", "register", "publish"])
def test_an_index_that_is_lost_is_done_without_and_mended(lake, harm, mend):
    for day in (DAY, NEXT_DAY):
        publish_names(lake, ["a"], day, verification=verification(check()))
    harm_index(lake, harm)
    found = read_index(lake)
    assert days_of(found) == {DAY: ("published", 1), NEXT_DAY: ("published", 1)}
    assert len(found.checks) == 2
    (note,) = found.notes
    path = lake.index_path(DAYS, TABLE)
    assert note.startswith(f"{TABLE}: 2 of 2 days are read from their manifests, because {path} is ")
    assert any(f"{path} is " in str(one) for one in check_lake(lake, [TABLE]))
    if mend == "clean":
        clean_table(lake, TABLE, remove=True)
    elif mend == "register":
        register(lake)
    else:
        publish_names(lake, ["l"], LAST_DAY)
    assert len(read(lake).days) == 2 + (mend == "publish")
    see_engines_agree(lake)


def test_a_catalog_without_the_index_is_found_and_mended(lake):
    publish_names(lake, ["a"])
    with open_catalog(lake) as catalog:
        catalog.forget(DAYS)
    assert [str(one) for one in check_lake(lake, [TABLE])] == [
        f"{TABLE}: the catalog has another file of {DAYS} than {lake.uri}/{DAYS}/{TABLE}.parquet; "
        "`logpress lake clean --yes` mends that"
    ]
    clean_table(lake, TABLE, remove=True)
    see_engines_agree(lake)


def test_a_lost_catalog_gets_the_index_too(lake):
    publish_names(lake, ["a"], verification=verification(check()))
    os.remove(f"{lake.uri}/catalog.sqlite")
    register(lake)
    see_engines_agree(lake)


def test_a_lake_that_was_moved_gets_its_index_back(lake, tmp_path, caplog):
    publish_names(lake, ["a"])
    os.rename(lake.uri, tmp_path / "elsewhere")
    moved = Lake.open(str(tmp_path / "elsewhere"))
    assert days_of(read(moved)) == {DAY: ("published", 1)}
    register(moved)
    see_engines_agree(moved)


def test_a_copy_has_the_same_index(lake, tmp_path):
    for day in (DAY, NEXT_DAY):
        publish_names(lake, ["a"], day, verification=verification(check()), run_id="scheduled__1")
    target = str(tmp_path / "copy")
    list(copy_lake(lake, target))
    copy = Lake.open(target)
    see_engines_agree(copy)
    days = [
        [row._replace(published_at=None, run=None, snapshot_id=None) for row in read(one).days] for one in (copy, lake)
    ]
    assert days[0] == days[1]
    checks = [[row._replace(run=None) for row in read(one).checks] for one in (copy, lake)]
    assert checks[0] == checks[1]
    newer = verification(check("again"))
    publish_names(lake, ["a"], verification=newer)
    list(copy_lake(lake, target))
    assert read(copy).days[0].proven_at == newer.proven_at


# -- killed, refused, and two at once


class Killed(BaseException):
    """A process ends here."""


def test_a_day_is_published_even_if_the_index_cannot_follow(lake, monkeypatch, caplog):
    publish_names(lake, ["a"])

    def refusing(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(index_tables, "replace_partition", refusing)
        publish_names(lake, ["a", "b"])
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "the index does not follow log" in warning.getMessage()
    assert "No space left on device" in warning.getMessage()
    assert scan(lake) == ["a", "b"]
    assert days_of(read_index(lake)) == {DAY: ("published", 2)}
    assert len(read_index(lake).notes) == 1
    publish_names(lake, ["n"], NEXT_DAY)
    assert days_of(read(lake)) == {DAY: ("published", 2), NEXT_DAY: ("published", 1)}
    see_engines_agree(lake)


@pytest.mark.parametrize("commits", [0, 1, 2, 3])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_the_index_follows(lake, monkeypatch, commits, moment):
    publish_names(lake, ["a"], verification=verification(check()))
    done: list[object] = []

    def ending(*of):
        if len(done) == commits and moment == "before":
            raise Killed
        replace_partition(*of)
        done.append(of)
        if len(done) == commits and moment == "after":
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(index_tables, "replace_partition", ending)
        with contextlib.suppress(Killed):
            publish_names(lake, ["a", "b"], verification=verification(check("other")))
    found = read_index(lake)
    assert days_of(found) == {DAY: ("published", 2)}
    assert [row.check_name for row in found.checks] == ["other"]
    publish_names(lake, ["n"], NEXT_DAY)
    assert days_of(read(lake)) == {DAY: ("published", 2), NEXT_DAY: ("published", 1)}
    see_engines_agree(lake)


@pytest.mark.parametrize("has_locks", [True, False])
def test_days_that_are_published_at_once_are_all_in_the_index(lake, monkeypatch, has_locks):
    if not has_locks:  # as in an object store, where only the catalog says who was first
        monkeypatch.setattr(index_tables, "_alone", lambda _: contextlib.nullcontext())
    publish_names(lake, ["a"])
    days = [DAY + timedelta(number) for number in range(1, 9)]
    staged = {day: stage(lake, day, "h10", [str(day)], run=f"run-{day}") for day in days}
    errors: list[BaseException] = []

    def run(some: list[date]) -> None:
        try:
            for day in some:
                publish(lake, day, staged[day], run=f"run-{day}", verification=verification(check()))
        except BaseException as error:  # of a thread, which nobody would see
            errors.append(error)

    threads = [threading.Thread(target=run, args=(days[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    if not has_locks:  # the last to commit may not be the last to write its copy
        index_tables.follow(lake, TABLE)
    assert days_of(read(lake)) == dict.fromkeys([DAY, *days], ("published", 1))
    see_engines_agree(lake)


def test_a_commit_in_between_is_seen_and_its_day_is_kept(lake, monkeypatch):
    monkeypatch.setattr(index_tables, "_alone", lambda _: contextlib.nullcontext())
    publish_names(lake, ["a"])
    calls: list[object] = []

    def with_company(*of):
        calls.append(of)
        if len(calls) == 1:  # between the list of manifests and the commit
            publish_names(lake, ["n"], NEXT_DAY, run="other")
        replace_partition(*of)

    monkeypatch.setattr(index_tables, "replace_partition", with_company)
    publish_names(lake, ["a", "b"])
    assert days_of(read(lake)) == {DAY: ("published", 2), NEXT_DAY: ("published", 1)}
    see_engines_agree(lake)


def test_a_commit_while_the_index_gets_its_new_columns_is_seen(lake, monkeypatch):
    monkeypatch.setattr(index_tables, "_alone", lambda _: contextlib.nullcontext())
    publish_names(lake, ["a"])
    with open_catalog(lake) as catalog:  # as an earlier version has left it
        earlier = catalog.load(DAYS)
        assert earlier is not None
        with earlier.update_schema() as update:
            update.delete_column(SCHEMAS[DAYS].names[-1])
    calls: list[object] = []

    def with_company(*of):
        calls.append(of)
        evolve(*of)
        if len(calls) == 1:  # a snapshot of another, which the new columns were not made for
            publish_names(lake, ["n"], NEXT_DAY, run="other")

    monkeypatch.setattr(index_tables, "evolve", with_company)
    publish_names(lake, ["a", "b"])
    assert len(calls) > 1
    assert days_of(read(lake)) == {DAY: ("published", 2), NEXT_DAY: ("published", 1)}
    see_engines_agree(lake)


def test_killed_between_a_table_of_the_index_and_the_names_of_its_columns(lake, monkeypatch):
    def ending(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(index_tables, "evolve", ending)
        with contextlib.suppress(Killed):
            publish_names(lake, ["a"])
    publish_names(lake, ["n"], NEXT_DAY)
    see_engines_agree(lake)


# -- what it leaves


def test_earlier_states_of_the_index_go(lake):
    for number in range(30):
        publish_names(lake, ["a"] * (number % 2 + 1))
        if number % 10 == 9:
            for name in ROWS:
                make_old(lake.table_folder(name))
    publish_names(lake, ["l"])
    left = {name: len(os.listdir(lake.index_files(name))) for name in (DAYS, SIZES)}
    assert max(left.values()) < 10, "files that are an hour old go when there are many"
    see_engines_agree(lake)
    for name in ROWS:
        make_old(lake.table_folder(name))
    shown = clean_index(lake, remove=False)
    assert {one.why for one in shown.needless} == {"an earlier state of the index"}
    clean_index(lake, remove=True, age=timedelta(0))
    assert [len(os.listdir(lake.index_files(name))) for name in (DAYS, SIZES)] == [1, 1]
    assert clean_index(lake, remove=False, age=timedelta(0)).needless == ()
    see_engines_agree(lake)


def test_snapshots_that_replaced_others_lately_stay(lake):
    for names in (["a"], ["b", "c"], ["d"]):
        publish_names(lake, names)
    with open_catalog(lake) as catalog:
        loaded = catalog.load(DAYS)
        assert loaded is not None
        seen = [loaded.scan(snapshot_id=one.snapshot_id).to_arrow()["rows"].to_pylist() for one in loaded.snapshots()]
    assert seen == [[1], [2], [1]]


@pytest.mark.parametrize("name", list(ROWS))
def test_a_contract_cannot_be_named_like_a_table_of_the_index(name):
    told = load_contract("sdk_log").model_dump(mode="json")
    with pytest.raises(ValueError, match=f"a table cannot be named '{name}', because every lake has"):
        Contract.model_validate({**told, "table": name})
