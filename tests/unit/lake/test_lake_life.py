"""The life of a lake: its history, days rolled back and dropped, what does not agree, what can go."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.lake.test_lake import DAY, NEXT_DAY, TABLE, parts, publish, scan, stage

from logpress.day.listing import list_publications
from logpress.errors import LakeError, UsageError
from logpress.lake import Lake, remove_leftovers
from logpress.lake.catalog import open_catalog
from logpress.lake.check import check_lake
from logpress.lake.clean import clean_table
from logpress.lake.copying import copy_lake
from logpress.lake.history import publications
from logpress.lake.leftovers import due_staging
from logpress.lake.retention import parse_retention, retention_of
from logpress.lake.rollback import drop_day, rollback_day
from logpress.lake.snapshots import metadata_files

NOTHING = timedelta(0)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake.create(str(tmp_path / "lake"))


def publish_names(lake: Lake, names: list[str], day=DAY, rejects: int = 0, **options):
    return publish(lake, day, stage(lake, day, "h10", names, rejects=rejects), **options)


def check(lake: Lake, **options) -> list[str]:
    return [str(one) for one in check_lake(lake, [TABLE], **options)]


def is_read(lake: Lake) -> list[list[str]]:
    """Names in each snapshot that the catalog still has."""
    with open_catalog(lake) as catalog:
        table = catalog.load(TABLE)
        return [
            sorted(table.scan(snapshot_id=one.snapshot_id).to_arrow()["name"].to_pylist()) for one in table.snapshots()
        ]


def make_old(*paths: str, days: float = 2) -> None:
    old = datetime.now(UTC).timestamp() - days * 86400
    for path in paths:
        os.utime(path, (old, old))


# -- history and rollback


def test_publications_are_kept_with_their_files(lake):
    published = [publish_names(lake, [name], rejects=1) for name in "abc"]
    listed = list_publications(lake, TABLE, DAY)
    assert [one.published_at for one in listed] == [manifest.published_at for manifest in published]
    assert [one.run for one in listed] == ["run"] * 3
    assert [one.is_current for one in listed] == [False, False, True]
    assert all(one.has_files and one.rows == 1 and one.rejects == 1 for one in listed)
    with open_catalog(lake) as catalog:
        assert [one.snapshot_id for one in listed] == [s.snapshot_id for s in catalog.load(TABLE).snapshots()]
    remove_leftovers(lake, TABLE, grace=NOTHING)
    assert [one.is_current for one in list_publications(lake, TABLE, DAY)] == [True]
    assert len(os.listdir(lake.history_folder(TABLE, DAY))) == 1


def test_a_day_of_an_older_lake_is_kept_when_it_is_replaced(lake):
    publish_names(lake, ["a"])
    lake.remove(lake.history_root(TABLE))
    publish_names(lake, ["b"])
    assert [one.rows for one in publications(lake, TABLE, DAY)] == [1, 1]
    rollback_day(lake, TABLE, DAY, "previous")
    assert scan(lake) == ["a"]


@pytest.mark.parametrize("to", ["previous", "its snapshot"])
def test_an_earlier_publication_becomes_the_day_again(lake, to):
    publish_names(lake, ["n"], NEXT_DAY)
    first = publish_names(lake, ["a"], rejects=2)
    publish_names(lake, ["b", "c"])
    was, now = rollback_day(lake, TABLE, DAY, "previous" if to == "previous" else str(first.snapshot_id))
    assert was == first
    assert now.slices == first.slices
    assert lake.read_day(TABLE, DAY) == now
    assert now.run.startswith("rollback-")
    assert scan(lake) == ["a", "n"]
    assert check(lake, hash_files=True) == []
    rollback_day(lake, TABLE, DAY, "previous")
    assert scan(lake) == ["b", "c", "n"]
    assert len(list_publications(lake, TABLE, DAY)) == 4
    assert check(lake, hash_files=True) == []


@pytest.mark.parametrize("to", ["previous", "its snapshot"])
@pytest.mark.parametrize("step", ["logpress.lake.standing._write", "link_day", "note_superseded"])
def test_a_rollback_that_was_killed_is_ended_and_not_undone_when_it_is_called_again(lake, monkeypatch, step, to):
    first = publish_names(lake, ["a"])
    publish_names(lake, ["b"])
    wanted = "previous" if to == "previous" else str(first.snapshot_id)
    with monkeypatch.context() as patched:
        name = step if "." in step else f"logpress.lake.publish.{step}"
        patched.setattr(name, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patched.setattr("logpress.lake.publish.take_back", lambda *_: None)  # as where the process is killed
        with pytest.raises(KeyboardInterrupt):
            rollback_day(lake, TABLE, DAY, wanted)
    _, now = rollback_day(lake, TABLE, DAY, wanted)
    assert now.slices == first.slices
    assert scan(lake) == ["a"]
    assert check(lake, hash_files=True) == []
    with pytest.raises(UsageError, match=f"is the publication of snapshot {first.snapshot_id} already"):
        rollback_day(lake, TABLE, DAY, str(first.snapshot_id))


def test_a_rollback_that_cannot_be_is_refused_and_changes_nothing(lake):
    first = publish_names(lake, ["a"])
    with pytest.raises(UsageError, match="has no earlier publication that is kept; kept are: none"):
        rollback_day(lake, TABLE, DAY, "previous")
    second = publish_names(lake, ["b"])
    with pytest.raises(UsageError, match=f"has no kept publication of snapshot 7; kept are: {first.snapshot_id}"):
        rollback_day(lake, TABLE, DAY, "7")
    with pytest.raises(UsageError, match="already"):
        rollback_day(lake, TABLE, DAY, str(second.snapshot_id))
    path = Path(lake.files(first)[0][0])
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(LakeError, match=r"is damaged, so the publication of .* cannot be the day again"):
        rollback_day(lake, TABLE, DAY, "previous")
    path.unlink()
    with pytest.raises(LakeError, match="is gone, so the publication of"):
        rollback_day(lake, TABLE, DAY, "previous")
    assert scan(lake) == ["b"]
    assert lake.read_day(TABLE, DAY) == second


def test_what_was_killed_before_its_commit_is_no_publication(lake, monkeypatch):
    publish_names(lake, ["a"])
    with monkeypatch.context() as patched:
        patched.setattr("logpress.lake.standing.replace_day", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patched.setattr("logpress.lake.publish.take_back", lambda *_: None)  # as where the process is killed
        with pytest.raises(KeyboardInterrupt):
            publish_names(lake, ["b"])
    assert [one.snapshot_id is None for one in list_publications(lake, TABLE, DAY)] == [False, True]
    with pytest.raises(UsageError, match="kept are: none"):
        rollback_day(lake, TABLE, DAY, "previous")
    clean_table(lake, TABLE, remove=True, retention=NOTHING, age=NOTHING)
    assert len(list_publications(lake, TABLE, DAY)) == 1


def test_a_publication_that_was_killed_after_its_commit_is_one_publication(lake, monkeypatch):
    publish_names(lake, ["a"])
    manifest = stage(lake, DAY, "h10", ["b"], run="killed")
    with monkeypatch.context() as patched:
        patched.setattr("logpress.lake.standing._write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patched.setattr("logpress.lake.publish.take_back", lambda *_: None)  # as where the process is killed
        with pytest.raises(KeyboardInterrupt):
            publish(lake, DAY, manifest, run="killed")
    publish(lake, DAY, manifest, run="killed")
    assert [(one.rows, one.is_current) for one in list_publications(lake, TABLE, DAY)] == [(1, False), (1, True)]
    assert len({one.snapshot_id for one in list_publications(lake, TABLE, DAY)}) == 2
    assert scan(lake) == ["b"]
    assert check(lake, hash_files=True) == []


def test_temporary_files_of_the_lake_itself_are_cleaned(lake):
    publish_names(lake, ["a"])
    temporary = Path(lake.uri, ".tmp-of-a-marker")
    temporary.write_bytes(b"{")
    assert clean_table(lake, TABLE, remove=True).needless == ()
    make_old(str(temporary))
    assert [one.path for one in clean_table(lake, TABLE, remove=False).needless] == [str(temporary)]
    clean_table(lake, TABLE, remove=True)
    assert not temporary.exists()


def test_staging_of_a_dead_run_is_due_where_a_store_lists_empty_folders(tmp_path):
    import fsspec

    lake = Lake.create(f"memory://{tmp_path.name}")
    folder = lake.staging_folder(TABLE, DAY, "killed")
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"{folder}/_moving.json", b"{}")
    memory.mkdir(f"{folder}/h10")  # its files were moved into place, and the store keeps the folder
    before = datetime.now(UTC)
    try:
        memory.mkdir(f"{folder}-empty/h10")
        assert due_staging(lake, TABLE, before, before) == [folder]
        earlier = datetime.now(UTC) - timedelta(hours=1)
        assert due_staging(lake, TABLE, earlier, earlier) == []
    finally:
        memory.rm(f"/{tmp_path.name}", recursive=True)


# -- dropped days


def test_a_dropped_day_is_gone_in_every_reader_and_comes_back(lake):
    publish_names(lake, ["n"], NEXT_DAY)
    before = publish_names(lake, ["a"], rejects=1)
    assert drop_day(lake, TABLE, DAY) == before
    assert scan(lake) == ["n"]
    assert lake.days(TABLE) == [NEXT_DAY]
    assert check(lake) == []
    with pytest.raises(UsageError, match="has no day 2021-12-26"):
        drop_day(lake, TABLE, DAY)
    rollback_day(lake, TABLE, DAY, "previous")
    assert scan(lake) == ["a", "n"]
    drop_day(lake, TABLE, DAY, grace=NOTHING)
    assert parts(lake) == []
    assert scan(lake) == ["n"]
    assert check(lake) == []


def test_a_killed_drop_can_be_done_again(lake, monkeypatch):
    publish_names(lake, ["a"])
    publish_names(lake, ["n"], NEXT_DAY)
    for name in ("replace_day", "note_superseded"):
        with monkeypatch.context() as patched:
            patched.setattr(f"logpress.lake.rollback.{name}", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                drop_day(lake, TABLE, DAY)
    assert scan(lake) == ["n"]
    assert lake.read_day(TABLE, DAY) is not None
    drop_day(lake, TABLE, DAY, grace=NOTHING)
    assert parts(lake) == []
    assert check(lake) == []


def test_what_was_killed_before_its_old_files_were_noted_goes_too(lake, monkeypatch):
    publish_names(lake, ["a"])
    with monkeypatch.context() as patched:
        patched.setattr("logpress.lake.publish.note_superseded", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish_names(lake, ["b"])
    assert clean_table(lake, TABLE, remove=True).needless == ()
    assert len(parts(lake)) == 2
    clean_table(lake, TABLE, remove=True, retention=NOTHING)
    assert len(parts(lake)) == 1
    assert scan(lake) == ["b"]


# -- retention


def test_snapshots_and_their_files_live_as_long_as_each_other(lake):
    for name in "abc":
        publish_names(lake, [name])
    assert is_read(lake) == [["a"], ["b"], ["c"]]
    with open_catalog(lake) as catalog:
        first = publications(lake, TABLE, DAY)[0].snapshot_id
        assert first is not None
        catalog.load(TABLE).manage_snapshots().create_tag(first, "kept").commit()
    publish_names(lake, ["d"], grace=NOTHING)
    assert is_read(lake) == [["a"], ["d"]]
    assert len(parts(lake)) == 2


def test_the_retention_is_a_setting(lake, monkeypatch):
    assert retention_of(lake) == timedelta(days=7)
    assert retention_of(Lake("s3://bucket/lake")) == timedelta(hours=1)
    for text, found in (("12h", timedelta(hours=12)), ("30m", timedelta(minutes=30)), ("0", NOTHING)):
        monkeypatch.setenv("LOGPRESS_RETENTION", text)
        assert retention_of(lake) == found
    for text in ("7", "d", "-1d", "1w", "1 d"):
        with pytest.raises(UsageError, match=r"it should be a time such as 7d"):
            parse_retention(text, "--retention")


# -- what does not agree


def test_a_lake_that_agrees_has_no_findings(lake):
    publish_names(lake, ["a"], rejects=1)
    publish_names(lake, ["b"])
    publish_names(lake, [], NEXT_DAY, rejects=1)
    assert check(lake, hash_files=True) == []


def harmed(lake: Lake, harm: str) -> str:
    """Harm a lake; gives what is found."""
    publish_names(lake, ["n"], NEXT_DAY)
    manifest = publish_names(lake, ["a"], rejects=1)
    (part,), (rejects,) = lake.files(manifest)
    data = Path(part).read_bytes()
    if harm == "a part is missing":
        os.unlink(part)
        return f"{part} is missing; restore"
    if harm == "a rejects file is shorter":
        Path(rejects).write_bytes(Path(rejects).read_bytes()[:-1])
        return rf"{rejects} has \d+ bytes, and not \d+; restore"
    if harm == "a byte differs":
        Path(part).write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])
        return f"{part} has another SHA-256"
    if harm == "a file that nothing names":
        path = f"{os.path.dirname(part)}/part-h11-000000000000.parquet"
        Path(path).write_bytes(data)
        make_old(path)
        return f"{path} is named by nothing; `logpress lake clean`"
    if harm == "the manifest is damaged":
        Path(lake.manifest_path(TABLE, DAY)).write_text("{")
        return "is damaged: .*; press the day again"
    if harm == "the manifest is missing":
        os.unlink(lake.manifest_path(TABLE, DAY))
        return "the catalog has 1 files of it, and there is no manifest; press the day again"
    if harm == "the catalog lacks the day":
        with open_catalog(lake) as catalog:
            catalog.load(TABLE).delete(f"day = '{DAY}'")
        return f"the catalog does not have {part}; press the day again, or"
    with open_catalog(lake) as catalog:
        path = f"{os.path.dirname(part)}/part-h12-000000000000.parquet"
        Path(path).write_bytes(data)
        catalog.load(TABLE).add_files([path])
    return f"the catalog has {path}, which the manifest does not name; press the day"


@pytest.mark.parametrize(
    "harm",
    [
        "a part is missing", "a rejects file is shorter", "a byte differs", "a file that nothing names",
        "the manifest is damaged", "the manifest is missing", "the catalog lacks the day", "the catalog has more",
    ],
)  # fmt: skip
def test_each_thing_that_does_not_agree_is_one_line(lake, harm):
    message = harmed(lake, harm)
    (found,) = check(lake, hash_files=True)
    assert re.search(f"^log 2021-12-26: .*{message}", found), found


def test_links_of_folders_are_compared_with_the_manifest_and_made_anew(lake):
    if lake.folders != "linked":
        pytest.skip("has no links")
    manifest = publish_names(lake, ["a"])
    publish_names(lake, ["n"], NEXT_DAY)
    (part,) = lake.files(manifest)[0]
    link = f"{lake.day_folder(TABLE, DAY)}/{os.path.basename(part)}"
    other = f"{lake.day_folder(TABLE, NEXT_DAY)}/part-h11-000000000000.parquet"
    os.unlink(link)
    Path(other).write_bytes(b"x")
    missing, more = check(lake)
    assert re.search(f"^log {DAY}: {link} is missing, or is not the part", missing)
    assert re.search(f"^log {NEXT_DAY}: {other} is found by readers of folders", more)
    Path(link).write_bytes(Path(part).read_bytes())  # the same bytes in a file of its own
    assert check(lake) == [missing, more]
    assert [one.path for one in clean_table(lake, TABLE, remove=True).needless] == [other]
    assert check(lake) == []
    assert os.path.samefile(link, part)
    drop_day(lake, TABLE, DAY)
    assert not os.path.exists(lake.day_folder(TABLE, DAY))
    os.makedirs(lake.day_folder(TABLE, DAY))
    os.link(part, link)  # readers of folders would find a day that was dropped
    assert [re.search(f"{link} is found by readers", one) is not None for one in check(lake)] == [True]
    clean_table(lake, TABLE, remove=True)
    assert check(lake) == []
    assert not os.path.exists(lake.day_folder(TABLE, DAY))
    rollback_day(lake, TABLE, DAY, "previous")
    assert os.path.samefile(link, part)
    assert check(lake) == []


# -- what can go


def test_what_is_needed_is_not_cleaned(lake):
    publish_names(lake, ["a"], rejects=1)
    publish_names(lake, ["b"])
    publish_names(lake, ["n"], NEXT_DAY)
    before = sorted(path for path in Path(lake.uri).rglob("*") if path.is_file())
    for remove in (False, True):
        done = clean_table(lake, TABLE, remove=remove, age=NOTHING)
        assert (done.snapshots, done.needless) == (0, ())
    assert sorted(path for path in Path(lake.uri).rglob("*") if path.is_file()) == before


def test_all_that_kills_leave_goes_and_is_shown_before(lake):
    for name in "abc":
        publish_names(lake, [name], rejects=1)
    stage(lake, DAY, "h10", ["a"], run="killed")
    folder = lake.staging_folder(TABLE, DAY, "killed")
    places = [
        f"{lake.parts_folder(TABLE, DAY)}/part-h11-000000000000.parquet",
        f"{lake.parts_folder(TABLE, DAY)}/.tmp-1",
        f"{lake.superseded_root(TABLE)}/.tmp-2",
        f"{lake.metadata_folder(TABLE)}/00001-orphan.metadata.json",
        f"{lake.metadata_folder(TABLE)}/snap-orphan.avro",
    ]
    for place in places:
        Path(place).write_text("x")
    for top, _, names in os.walk(folder, topdown=False):
        make_old(*(os.path.join(top, name) for name in names), top)
    assert clean_table(lake, TABLE, remove=False).needless[0].path == folder
    assert len(clean_table(lake, TABLE, remove=False).needless) == 1  # the others may be of a run at work
    make_old(*places)
    before = sorted(Path(lake.uri).rglob("*"))
    shown = clean_table(lake, TABLE, remove=False, retention=NOTHING)
    assert sorted(Path(lake.uri).rglob("*")) == before
    assert {*places, folder} < {one.path for one in shown.needless}
    assert shown.snapshots == 2
    done = clean_table(lake, TABLE, remove=True, retention=NOTHING)
    assert {one.path for one in shown.needless} <= {one.path for one in done.needless}
    assert not [one.path for one in shown.needless if os.path.exists(one.path)]
    assert scan(lake) == ["c"]
    assert is_read(lake) == [["c"]]
    assert check(lake, hash_files=True) == []
    assert clean_table(lake, TABLE, remove=False, retention=NOTHING, age=NOTHING).needless == ()


def test_metadata_of_forgotten_snapshots_really_go(lake):
    for n in range(12):
        publish_names(lake, [f"n{n}"])
    folder = lake.metadata_folder(TABLE)
    before = [name for name in os.listdir(folder) if name.startswith("snap-")]
    done = clean_table(lake, TABLE, remove=True, retention=NOTHING)
    assert (len(before), done.snapshots) == (12, 11)
    assert len([name for name in os.listdir(folder) if name.startswith("snap-")]) == 1
    with open_catalog(lake) as catalog:
        table = catalog.load(TABLE)
        assert table is not None
        needed = metadata_files(table, table.snapshots())
    assert {f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(".avro")} < needed
    assert scan(lake) == ["n11"]


def test_a_lost_catalog_is_no_reason_to_remove_anything(lake):
    publish_names(lake, ["a"])
    publish_names(lake, ["b"])
    os.unlink(f"{lake.uri}/catalog.sqlite")
    with pytest.raises(LakeError, match="lake register"):
        clean_table(lake, TABLE, remove=True, retention=NOTHING, age=NOTHING)
    assert len(parts(lake)) == 2


# -- the commands


@pytest.fixture
def logpress(logpress, lake):
    """Run a verb on the lake in this process; gives code, output and errors."""
    return lambda *arguments: logpress("lake", *arguments, "--lake", lake.uri)


def test_the_commands_say_what_is_and_what_they_did(lake, logpress):
    first = publish_names(lake, ["a"], rejects=1)
    publish_names(lake, ["b", "c"])
    later = NEXT_DAY + timedelta(days=1)
    publish_names(lake, ["n"], later)

    code, out, _ = logpress("days", TABLE)
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[2:5]] == [
        ["2021-12-26", "2"], ["2021-12-27", "missing"], ["2021-12-28", "1"]
    ]  # fmt: skip
    found = json.loads(logpress("days", "--json")[1])
    assert [(day["table"], day["day"], day["is_missing"], day["rows"]) for day in found] == [
        (TABLE, "2021-12-26", False, 2), (TABLE, "2021-12-27", True, None), (TABLE, "2021-12-28", False, 1),
    ]  # fmt: skip

    code, out, _ = logpress("tables")
    assert (code, out.splitlines()[1].split()[:5]) == (0, [TABLE, "2", "2021-12-26", "2021-12-28", "3"])
    assert out.splitlines()[-1] == "catalog: its own catalog, namespace 'logpress'"

    code, out, _ = logpress("history", TABLE, str(DAY))
    assert (code, len(out.splitlines())) == (0, 3)
    assert str(first.snapshot_id) in out.splitlines()[1]
    assert "current" in out.splitlines()[2]

    code, out, _ = logpress("rollback", TABLE, str(DAY), "--to", "previous")
    assert (code, out.split(": ")[-1]) == (0, "1 rows, 1 rejects\n")
    assert scan(lake) == ["a", "n"]

    code, out, _ = logpress("drop-day", TABLE, str(later), "--yes")
    assert (code, scan(lake)) == (0, ["a"])
    assert "rollback log 2021-12-28 --to previous" in out

    assert logpress("check", "--hash")[0] == 0
    os.unlink(lake.files(lake.need_day(TABLE, DAY))[0][0])
    code, out, _ = logpress("check")
    assert (code, len(out.splitlines())) == (1, 1)

    code, out, err = logpress("history", TABLE, "2021-12-31")
    assert (code, err.count("\n")) == (2, 1)
    code, out, err = logpress("days", "other")
    assert (code, err.count("\n")) == (2, 1)
    code, out, err = logpress("drop-day", TABLE, "x")
    assert (code, err.count("\n")) == (2, 1)


def test_a_day_is_not_dropped_without_a_yes(lake, logpress, monkeypatch):
    import io

    publish_names(lake, ["a"])
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, out, _ = logpress("drop-day", TABLE, str(DAY))
    assert (code, "Drop log 2021-12-26, 1 rows" in out) == (130, True)
    assert scan(lake) == ["a"]


def test_cleaning_is_shown_first(lake, logpress):
    publish_names(lake, ["a"])
    publish_names(lake, ["b"])
    code, out, _ = logpress("clean", "--retention", "0")
    assert code == 0
    assert "would be removed; --yes does it" in out
    assert len(parts(lake)) == 2
    assert "snapshots removed" in logpress("clean", "--retention", "0", "--yes")[1]
    assert len(parts(lake)) == 1


# -- copies


def test_a_copy_is_a_lake_of_its_own_and_has_the_same_files(lake, tmp_path):
    publish_names(lake, ["old"])
    publish_names(lake, ["a", "b"], rejects=1)
    publish_names(lake, [], NEXT_DAY, rejects=2)
    uri = str(tmp_path / "copy")
    done = list(copy_lake(lake, uri))
    assert [(one.table, one.day) for one in done] == [(TABLE, DAY), (TABLE, NEXT_DAY)]
    assert sum(one.copied_bytes for one in done) == sum(
        lake.need_day(TABLE, day).stored_bytes for day in lake.days(TABLE)
    )
    copy = Lake.open(uri)
    for day in lake.days(TABLE):
        assert copy.need_day(TABLE, day).slices == lake.need_day(TABLE, day).slices
    assert check(copy, hash_files=True) == []
    assert scan(copy) == ["a", "b"]
    publish_names(copy, ["c"])
    assert (scan(copy), scan(lake)) == (["c"], ["a", "b"])


def test_a_stopped_copy_goes_on_and_a_later_one_brings_what_is_new(lake, tmp_path, monkeypatch):
    publish_names(lake, ["a"])
    publish_names(lake, ["n"], NEXT_DAY)
    uri = str(tmp_path / "copy")
    with monkeypatch.context() as patched:
        patched.setattr("logpress.lake.copying.publish_day", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            list(copy_lake(lake, uri))
    assert [bool(one.copied_bytes) for one in copy_lake(lake, uri)] == [False, True]  # the first was staged
    publish_names(lake, ["m"], NEXT_DAY)
    assert [bool(one.copied_bytes) for one in copy_lake(lake, uri)] == [False, True]
    assert scan(Lake.open(uri)) == ["a", "m"]
    os.unlink(Lake.open(uri).files(lake.need_day(TABLE, DAY))[0][0])
    assert [bool(one.copied_bytes) for one in copy_lake(lake, uri)] == [True, False]
    assert check(Lake.open(uri), hash_files=True) == []


def test_a_damaged_file_is_not_copied(lake, tmp_path):
    manifest = publish_names(lake, ["a"])
    path = Path(lake.files(manifest)[0][0])
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(LakeError, match=f"{path}: is damaged"):
        list(copy_lake(lake, str(tmp_path / "copy")))
    assert Lake.open(str(tmp_path / "copy")).days(TABLE) == []


def test_a_copy_goes_to_no_other_lake_and_not_into_itself(lake, tmp_path):
    publish_names(lake, ["a"])
    other = Lake.create(str(tmp_path / "other"))
    publish_names(other, ["o"])
    with pytest.raises(UsageError, match="is a lake of its own, and not a copy of"):
        list(copy_lake(lake, other.uri))
    for uri in (lake.uri, f"{lake.uri}/x"):
        with pytest.raises(UsageError, match="cannot be copied"):
            list(copy_lake(lake, uri))
    assert not Path(f"{lake.uri}/x").exists()
    list(copy_lake(lake, str(tmp_path / "copy")))
    with pytest.raises(UsageError, match=r"is a copy of .*, and not a copy of"):
        list(copy_lake(other, str(tmp_path / "copy")))


def test_a_lost_catalog_is_one_line_for_a_table_and_none_is_made(lake):
    publish_names(lake, ["a"])
    publish_names(lake, ["b"])
    publish_names(lake, ["n"], NEXT_DAY)
    os.unlink(f"{lake.uri}/catalog.sqlite")
    (found,) = check(lake)
    assert re.match(r"log: .* is lost: it does not know log, of which 2 days are published; `logpress lake reg", found)
    with pytest.raises(LakeError, match="is lost"):
        publish_names(lake, ["c"])
    with pytest.raises(LakeError, match="is lost"):
        drop_day(lake, TABLE, DAY)
    assert not os.path.exists(f"{lake.uri}/catalog.sqlite")
