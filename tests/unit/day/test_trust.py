"""Published bytes are the proven ones, and stay so; names from files lead nowhere else; outputs destroy nothing."""

from __future__ import annotations

import json
import logging
import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import SEED, compact

from logpress.contract import load_contract
from logpress.day import stages
from logpress.day.one_machine import run_day
from logpress.day.published import restore_to_file, verify_published
from logpress.errors import LakeError, LogpressError, PartError, ProofError, UsageError
from logpress.lake import Lake, remove_leftovers
from logpress.lake.names import checked_name
from logpress.manifest import DayManifest
from logpress.outputs import refuse_output
from logpress.reading import open_lake
from logpress.sources import list_inputs
from logpress.uris import refuse_secret

DAY, NEXT = date(2021, 12, 26), date(2021, 12, 27)
CONTRACT = load_contract("sdk_log")


def hits(day: date, count: int) -> bytes:
    documents = []
    for number in range(count):
        source = SEED["_source"] | {"timestamp": f"{day}T15:11:04Z", "response_elapsed_time": number}
        documents.append(compact({"_id": f"{number}", "_source": source}) + b"\n")
    return b"".join(documents)


@pytest.fixture(scope="module")
def pressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with raw input and a lake, two days of which are published."""
    home = tmp_path_factory.mktemp("trust")
    for day in (DAY, NEXT):
        (home / f"{day}.ndjson").write_bytes(hits(day, 40) + b"no json\n")
        run_day(CONTRACT, day, [str(home / f"{day}.ndjson")], str(home / "lake"), threads=1)
    return home


@pytest.fixture
def home(pressed: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(pressed, tmp_path / "home")
    return tmp_path / "home"


def part_of(home: Path, day: date = DAY, kind: str = "part") -> Path:
    return next((home / "lake" / "sdk_log").glob(f"[fr]*/dt={day}/{kind}-*.parquet"))


def manifest_of(home: Path, day: date = DAY) -> Path:
    return home / "lake" / "sdk_log" / "manifests" / f"dt={day}.json"


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


def restored(home: Path, day: date = DAY) -> bytes:
    restore_to_file(CONTRACT, day, str(home / "lake"), home / "restored")
    return (home / "restored").read_bytes()


@pytest.mark.parametrize("kind", ["part", "_rejects"])
def test_a_file_that_was_damaged_is_replaced_when_its_day_is_pressed_again(
    home: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = restored(home)
    flip(part_of(home, kind=kind), 300)
    with pytest.raises(ProofError, match=rf"{kind}-\S+: its (size|content) has changed since it was written"):
        restored(home)
    with pytest.raises(ProofError, match=rf"{kind}-\S+: its (size|content) has changed since it was written"):
        verify_published(CONTRACT, DAY, str(home / "lake"))
    # the catalog has the paths of where it was made, so the day goes to a new lake with the damaged file in its place
    again = home / "again"
    run_day(CONTRACT, DAY, [str(home / f"{DAY}.ndjson")], str(again), threads=1)
    file = next((again / "sdk_log").glob(f"[fr]*/dt={DAY}/{kind}-*.parquet"))
    sound = file.read_bytes()
    flip(file, 300)
    with caplog.at_level(logging.WARNING):
        run_day(CONTRACT, DAY, [str(home / f"{DAY}.ndjson")], str(again), threads=1)
    assert file.read_bytes() == sound
    assert before


@pytest.mark.parametrize("what", ["part", "manifest"])
def test_files_of_another_day_are_not_given_as_this_one(home: Path, what: str) -> None:
    if what == "part":
        shutil.copy(part_of(home, NEXT), part_of(home))
        with pytest.raises(
            PartError, match=r"is the part of sdk_log 2021-12-27, slice \S+, but its path is that of another"
        ):
            open_lake(home / "lake").table("sdk_log").scan(DAY).to_arrow()
        expected: Any = pytest.raises(ProofError, match="has changed since it was written")
    else:
        shutil.copy(manifest_of(home, NEXT), manifest_of(home))
        expected = pytest.raises(LakeError, match="is the manifest of sdk_log 2021-12-27, not of sdk_log 2021-12-26")
    with expected:
        restored(home)


def test_a_flip_or_a_cut_anywhere_in_a_manifest_is_told(home: Path) -> None:
    lake, path = Lake.open(str(home / "lake")), manifest_of(home)
    whole = path.read_bytes()
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 7
        path.write_bytes(data)
        with pytest.raises(
            LakeError, match=r"dt=2021-12-26\.json: (is damaged|was written by|is the manifest of|names )"
        ):
            lake.read_day("sdk_log", DAY)
    for end in range(0, len(whole), 11):
        path.write_bytes(whole[:end])
        with pytest.raises(LakeError, match=r"dt=2021-12-26\.json: is damaged"):
            lake.read_day("sdk_log", DAY)


def test_a_damaged_manifest_is_mended_by_pressing_the_day_again(tmp_path: Path) -> None:
    raw, lake = tmp_path / f"{DAY}.ndjson", tmp_path / "lake"
    raw.write_bytes(hits(DAY, 9))
    run_day(CONTRACT, DAY, [str(raw)], str(lake), threads=1)
    path = lake / "sdk_log" / "manifests" / f"dt={DAY}.json"
    path.write_bytes(path.read_bytes()[:-9])
    assert stages.changes(CONTRACT, DAY, str(lake), [str(raw)]) is None
    run_day(CONTRACT, DAY, [str(raw)], str(lake), threads=1)
    assert stages.changes(CONTRACT, DAY, str(lake), [str(raw)]) is not None


def test_a_manifest_of_a_newer_logpress_is_told_apart(home: Path) -> None:
    path = manifest_of(home)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"more": 1}))
    with pytest.raises(LakeError, match="was written by a newer logpress"):
        Lake.open(str(home / "lake")).read_day("sdk_log", DAY)


@pytest.mark.parametrize("name", ["../../x.parquet", "/etc/passwd", "part-other-0123456789ab.parquet", "s3://b/x", ""])
def test_a_manifest_names_files_of_its_own_day_only(home: Path, name: str) -> None:
    path = manifest_of(home)
    manifest = DayManifest.from_bytes(path.read_bytes())
    first = manifest.slices[0]
    assert first.part is not None
    changed = first.model_copy(update={"part": first.part.model_copy(update={"path": name})})
    path.write_bytes(manifest.model_copy(update={"slices": (changed,)}).to_bytes())
    with pytest.raises(LakeError, match=r"dt=2021-12-26\.json: names "):
        restored(home)


@pytest.mark.parametrize(
    "name", ["../../../precious", "..", "/precious", "a/b.parquet", "part-x/../../p.parquet", ".", ""]
)
def test_a_note_of_superseded_files_removes_nothing_else(home: Path, name: str) -> None:
    precious = home / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    before = {path: path.stat().st_size for path in home.rglob("*") if path.is_file()}
    lake = Lake.open(str(home / "lake"))
    note = Path(lake.superseded_path("sdk_log", DAY))
    note.parent.mkdir(exist_ok=True)
    old = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    note.write_text(json.dumps({name: old, str(precious): old, "_manifest.json": old}))
    remove_leftovers(lake, "sdk_log")
    assert {path: path.stat().st_size for path in home.rglob("*") if path.is_file() and path != note} == before


@given(st.text(max_size=20))
def test_a_checked_name_is_one_component(name: str) -> None:
    try:
        checked_name(name, "x")
    except LakeError:
        return
    assert os.path.normpath(f"/a/{name}") == f"/a/{name}"
    assert "/" not in name
    assert name not in ("", ".", "..")


@pytest.mark.parametrize("where", ["part", "manifest", "new", "link"])
def test_restoring_into_a_lake_is_refused(home: Path, where: str) -> None:
    places = {"part": part_of(home), "manifest": manifest_of(home), "new": home / "lake" / "x.ndjson"}
    places["link"] = home / "link"
    places["link"].symlink_to(places["part"])
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=r"is inside the lake \S+, where only publishing may write"):
        restore_to_file(CONTRACT, DAY, str(home / "lake"), places[where])
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_restoring_onto_raw_input_is_refused(pressed: Path) -> None:
    raw = pressed / f"{DAY}.ndjson"
    before = raw.read_bytes()
    with pytest.raises(UsageError, match="is raw input of the day"):
        restore_to_file(CONTRACT, DAY, str(pressed / "lake"), raw)
    assert raw.read_bytes() == before


def test_a_restored_file_keeps_the_permissions_that_were_there(home: Path) -> None:
    output = home / "mine.ndjson"
    output.write_text("old")
    output.chmod(0o600)
    restore_to_file(CONTRACT, DAY, str(home / "lake"), output)
    assert output.stat().st_mode & 0o777 == 0o600
    assert output.read_bytes().count(b"\n") == 41


def test_a_lake_among_raw_objects_is_no_input(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = [Path(one.uri).name for one in list_inputs([str(home)])]
    assert found == [f"{DAY}.ndjson", f"{NEXT}.ndjson"]
    assert "is a lake, which has pressed data and no raw input: it is left out" in caplog.text
    for inside in ("lake", "lake/sdk_log", f"lake/sdk_log/data/dt={DAY}/{part_of(home).name}"):
        with pytest.raises(UsageError, match=r"(is a|is inside the) lake\b.*, which has pressed data and no raw input"):
            list_inputs([str(home / inside)])


def test_a_lake_among_raw_objects_in_another_storage_is_no_input() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe(
        {"/raw/a.ndjson": b"{}", "/raw/lake/_logpress.json": b"{}", "/raw/lake/t/dt=2021-12-26/x.parquet": b"x"}
    )
    assert [one.uri for one in list_inputs(["memory://raw"])] == ["memory:///raw/a.ndjson"]
    with pytest.raises(UsageError, match="is a lake, which has pressed data"):
        list_inputs(["memory://raw/lake"])


@pytest.mark.parametrize(
    "uri",
    [
        "https://b.s3.amazonaws.com/x.gz?X-Amz-Algorithm=AWS4&X-Amz-Credential=AKIA&X-Amz-Signature=deadbeef",
        "https://account.blob.core.windows.net/c/x?sv=2021&sig=deadbeef", "https://host/x?api_key=deadbeef",
        "https://host/x?apiKey=deadbeef", "https://host/x?a=1&access_token=deadbeef", "https://host/x#token=deadbeef",
        "https://host/x?X%2DAmz%2DSignature=deadbeef", "opensearch+https://search/log?auth=deadbeef",
        "https://host/x?AWSAccessKeyId=deadbeef&Expires=1",
    ],
)  # fmt: skip
def test_a_secret_in_a_query_is_refused_and_not_repeated(uri: str) -> None:
    for refused in (refuse_secret, Lake.create, lambda uri: list_inputs([uri])):
        with pytest.raises(UsageError, match="must not stand in a URI") as error:
            refused(uri)
        assert "deadbeef" not in str(error.value)
        assert "AKIA" not in str(error.value)


@pytest.mark.parametrize(
    "uri", ["https://host/x?page=1&sort=_doc", "s3://bucket/a?b", "s3://bucket/monkey=1/x", "/raw/x?token=1", "x#key=1"]
)
def test_a_query_without_secrets_is_taken(uri: str) -> None:
    assert refuse_secret(uri) == uri


def test_commands_refuse_outputs_in_a_lake(home: Path) -> None:
    from logpress.comparing.output import Outputs
    from logpress.contract.edit import target_of
    from logpress.sample.write import write_sample

    for refused in (
        lambda: Outputs(home / "lake" / "differing"), lambda: write_sample(home / "lake" / "raw", DAY, 10),
        lambda: target_of(home / "x.yaml", "x", home / "lake" / "x.yaml"), lambda: refuse_output(home / "lake"),
    ):  # fmt: skip
        with pytest.raises(LogpressError, match="is inside the lake"):
            refused()
