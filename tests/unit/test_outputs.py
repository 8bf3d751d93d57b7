"""Files that commands write: whole or not at all, and never in the place of a lake's files or of the raw input."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from logpress.comparing import Named, compare_day
from logpress.contract import load_contract
from logpress.day.published import restore_to_file
from logpress.errors import ContractError, ProofError, UsageError
from logpress.manifest import DayManifest
from logpress.outputs import LAKE_MARKER, is_regular, refuse_output, written


@pytest.fixture
def lake(tmp_path) -> Path:
    folder = tmp_path / "lake"
    (folder / "t" / "dt=2021-12-26").mkdir(parents=True)
    (folder / LAKE_MARKER).write_text('{"format": 1}')
    (folder / "t" / "dt=2021-12-26" / "part").write_bytes(b"precious")
    return folder


def write(path: Path, data: bytes = b"new", **options) -> None:
    with written(path, **options) as file:
        file.write(data)


# -- whole or not at all


def test_a_file_is_there_when_it_is_complete(tmp_path):
    path = tmp_path / "out"
    with written(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_was_there_stays_when_it_fails_and_nothing_else_is_left(tmp_path, error):
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def fail() -> None:
        with written(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises((KeyboardInterrupt, UsageError)):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_the_disk_is_full_is_an_error_of_the_kind_asked_for(tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(ContractError, match=r"full: cannot be written: No space left on device"):
        write(tmp_path / "full", kind=ContractError)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o700])
def test_permissions_of_a_file_that_was_there_are_kept(tmp_path, mode):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(mode)
    with written(path) as file:
        file.write(b"new")
        hidden = next(other for other in tmp_path.iterdir() if other != path)
        assert stat.S_IMODE(hidden.stat().st_mode) & 0o077 == 0  # nobody reads it who may not read the other
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)


def test_a_new_file_has_the_permissions_of_any_or_of_one_like_it(tmp_path):
    write(tmp_path / "out")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode
    (tmp_path / "other").chmod(0o640)
    write(tmp_path / "like", like=tmp_path / "other")
    assert stat.S_IMODE((tmp_path / "like").stat().st_mode) == 0o640


@pytest.mark.parametrize("is_there", [True, False])
def test_of_a_link_the_target_is_written_beside_itself(tmp_path, is_there):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "out"
    if is_there:
        target.write_bytes(b"old")
    (tmp_path / "link").symlink_to(target)
    with written(tmp_path / "link") as file:
        file.write(b"new")
        file.flush()
        assert any(path.read_bytes() == b"new" for path in (tmp_path / "elsewhere").iterdir())
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "link"]


def test_a_folder_and_a_file_in_no_folder_are_refused(tmp_path):
    with pytest.raises(UsageError, match="is a folder; name a file"):
        write(tmp_path)
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        write(tmp_path / "none" / "out")


def test_pipes_and_devices_are_written_to_as_they_are(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR)
    write(pipe)
    assert os.read(descriptor, 10) == b"new"
    os.close(descriptor)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write(Path("/dev/null"))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert not is_regular(pipe)
    assert is_regular(tmp_path / "none")


WRITE = """
import sys
from pathlib import Path
from logpress.outputs import written
print("before", flush=True)
with written(Path(sys.argv[1])) as file:
    file.write(b"new\\n")
print("after", flush=True)
"""


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("how", ["pipe", "file", "append"])
def test_the_processs_own_output_is_written_to_where_it_stands(tmp_path, name, how):
    if name == "link":
        (tmp_path / "link").symlink_to("/dev/stdout")
        name = str(tmp_path / "link")
    command = [sys.executable, "-c", WRITE, name]
    if how == "pipe":
        assert subprocess.run(command, check=True, capture_output=True).stdout == b"before\nnew\nafter\n"
        return
    path = tmp_path / "out"
    path.write_bytes(b"old\n")
    with path.open("ab" if how == "append" else "wb") as file:
        subprocess.run(command, check=True, stdout=file)
    assert path.read_bytes() == (b"old\n" if how == "append" else b"") + b"before\nnew\nafter\n"


# -- what is never written over


def test_nothing_is_written_into_a_lake(lake, tmp_path):
    (tmp_path / "way").symlink_to(lake / "t")
    (lake / "out").symlink_to(tmp_path / "outside")
    for path in (
        lake / "t/dt=2021-12-26/part", lake / "new", lake / LAKE_MARKER, lake / "t" / "none" / "x",
        tmp_path / "way" / "new", lake / "out", tmp_path / "way" / ".." / "x",
    ):  # fmt: skip
        with pytest.raises(UsageError, match=f"is inside the lake {lake}"):
            write(path)
        with pytest.raises(ContractError):
            refuse_output(path, kind=ContractError)
    assert (lake / "t/dt=2021-12-26/part").read_bytes() == b"precious"
    assert not (tmp_path / "outside").exists()
    write(tmp_path / "beside")


def test_nothing_is_written_over_raw_input(tmp_path):
    raw = tmp_path / "raw" / "2021/12/26"
    raw.mkdir(parents=True)
    (raw / "a.gz").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(raw / "a.gz")
    os.link(raw / "a.gz", tmp_path / "hard")
    (tmp_path / "other").write_bytes(b"")
    (raw / "_hidden").write_bytes(b"")
    for path in (raw / "a.gz", tmp_path / "link", tmp_path / "hard"):
        for uri in (raw / "a.gz", f"file://{raw}/a.gz", raw / "*.gz", f"{tmp_path}/raw/{{year}}/{{month}}/26/a.gz"):
            with pytest.raises(UsageError, match="is raw input"):
                refuse_output(path, ["s3://bucket/x", str(tmp_path / "none"), str(uri)])
    for path in (raw / "a.gz", tmp_path / "link"):
        with pytest.raises(UsageError, match="is raw input"):
            refuse_output(path, [str(tmp_path / "raw")])
    for path in (tmp_path / "other", raw / "new", raw / "_hidden"):
        refuse_output(path, [str(tmp_path / "raw"), str(raw / "*.gz")])


# -- the commands


def test_restore_keeps_what_the_contract_names_and_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    day, contract = date(2021, 12, 26), load_contract("sdk_log")
    frozen = Path(__file__).parent.parent / "frozen" / "4"
    raw = tmp_path / "raw" / "2021-12-26-late"
    raw.parent.mkdir()
    raw.write_bytes(b"precious")
    source = contract.source.model_copy(update={"inputs": (f"{tmp_path}/raw/{{day}}*",)})
    with pytest.raises(UsageError, match="is raw input of the day"):
        restore_to_file(contract.model_copy(update={"source": source}), day, str(frozen / "lake"), raw)
    assert raw.read_bytes() == b"precious"
    monkeypatch.setattr(DayManifest, "rows", 7)  # so that the records that come back are too many
    with pytest.raises(ProofError):
        restore_to_file(contract, day, str(frozen / "lake"), raw)
    assert raw.read_bytes() == b"precious"
    assert os.listdir(raw.parent) == [raw.name]


def test_compare_writes_over_none_of_its_inputs(tmp_path):
    frozen = Path(__file__).parent.parent / "frozen" / "4" / "lake.ndjson"
    mine = tmp_path / "only-a.ndjson"
    mine.write_bytes(frozen.read_bytes())
    with pytest.raises(UsageError, match="is raw input"):
        compare_day(
            load_contract("sdk_log"), date(2021, 12, 26), Named((str(mine),)), Named((str(frozen),)), output=tmp_path
        )
    assert mine.read_bytes() == frozen.read_bytes()
    assert os.listdir(tmp_path) == [mine.name]
