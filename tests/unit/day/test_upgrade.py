"""Days of format 4 become days of today's format, with the same records; whatever fails leaves them as they are."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from logpress.cli.app import main
from logpress.contract import load_contract
from logpress.day import upgrade as upgrading
from logpress.day.published import restore_day, verify_published
from logpress.engine.part.metadata import VERSION, is_older, version_of
from logpress.engine.part.part_reader import PartReader
from logpress.errors import LakeError, LogpressError, ProofError, UsageError
from logpress.lake import Lake, schema
from logpress.lake.migrate import migrate
from logpress.lake.register import register
from logpress.reading import open_lake

FROZEN = Path(__file__).parents[1].parent / "frozen" / "4"
DAY = date(2021, 12, 26)
MICROSECONDS = pa.timestamp("us", "UTC")


def is_instant(field: pa.Field) -> bool:
    return bool(pa.types.is_timestamp(field.type))


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The frozen lake of format 4, migrated; its catalog, which it has lost, is made as the logpress of then did."""
    place = tmp_path / "lake"
    shutil.copytree(FROZEN / "lake", place)
    with pytest.raises(UsageError, match="run `logpress lake migrate"):
        upgrading.upgrade_day(load_contract("sdk_log"), DAY, str(place))
    migrate(str(place))
    with pytest.raises(LakeError, match=r"is lost: .* `logpress lake register"):
        upgrading.upgrade_day(load_contract("sdk_log"), DAY, str(place))
    register_as_then(str(place), monkeypatch)
    return str(place)


def register_as_then(lake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the catalog of a lake whose days were pressed by a logpress that wrote format 4."""
    real = schema._iceberg_type
    with monkeypatch.context() as patched:  # it took instants that are milliseconds, too
        patched.setattr(
            schema, "_iceberg_type", lambda field: real(field.with_type(MICROSECONDS) if is_instant(field) else field)
        )
        register(Lake.open(lake))


def records(lake: str, folder: Path) -> bytes:
    path = folder / "restored.ndjson"
    with path.open("wb") as output:
        restore_day(load_contract("sdk_log"), DAY, lake, output)
    return path.read_bytes()


def versions(lake: str) -> set[str]:
    opened = Lake.open(lake)
    return {PartReader(path).metadata.version for path in opened.files(opened.need_day("sdk_log", DAY))[0]}


def test_a_day_is_rewritten_with_the_same_records(lake: str, tmp_path: Path) -> None:
    contract = load_contract("sdk_log")
    before, manifest = records(lake, tmp_path), Lake.open(lake).need_day("sdk_log", DAY)
    assert versions(lake) == {"4"}
    rows = open_lake(lake).table("sdk_log").scan(DAY).to_arrow().sort_by("request_begin_at")
    done = upgrading.upgrade_day(contract, DAY, lake)
    assert (done.parts, done.versions) == (2, ("4",))
    assert versions(lake) == {version_of(contract)} == {"5.0"}
    assert records(lake, tmp_path) == before
    again = open_lake(lake).table("sdk_log").scan(DAY).to_arrow().sort_by("request_begin_at")
    assert again.cast(rows.schema).to_pylist() == rows.to_pylist()
    verify_published(contract, DAY, lake)
    after = Lake.open(lake).need_day("sdk_log", DAY)
    for old, new in zip(manifest.slices, after.slices, strict=True):
        assert (old.slice, old.digest, old.records, old.origins, old.rejects_part) == (
            new.slice, new.digest, new.records, new.origins, new.rejects_part,
        )  # fmt: skip
    assert not (Path(lake) / "sdk_log" / "_staging" / f"dt={DAY}").exists() or not list(
        (Path(lake) / "sdk_log" / "_staging" / f"dt={DAY}").iterdir()
    )


def test_a_day_of_this_format_stays_as_it_is(lake: str) -> None:
    contract = load_contract("sdk_log")
    upgrading.upgrade_day(contract, DAY, lake)
    before = Lake.open(lake).need_day("sdk_log", DAY)
    assert upgrading.upgrade_day(contract, DAY, lake).parts == 0
    assert Lake.open(lake).need_day("sdk_log", DAY) == before


@pytest.mark.parametrize(("version", "expected"), [("4", True), ("5.0", False), ("5.7", False), (VERSION, False)])
def test_only_an_older_major_version_is_rewritten(version: str, expected: bool) -> None:
    """Two versions of logpress that differ in the minor number alone would undo each other's work."""
    assert is_older(version) is expected


def test_a_new_part_that_gives_other_records_is_not_published(
    lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = records(lake, tmp_path)
    found = iter([(1, 2, "a"), (1, 2, "b")])
    monkeypatch.setattr(upgrading, "digest_files", lambda *args, **options: next(found))
    with pytest.raises(ProofError, match=r"has 1 records with digest a, but 1 with digest b after pressing"):
        upgrading.upgrade_day(load_contract("sdk_log"), DAY, lake)
    monkeypatch.undo()
    assert versions(lake) == {"4"}
    assert records(lake, tmp_path) == before


def test_a_damaged_part_is_not_upgraded(lake: str) -> None:
    opened = Lake.open(lake)
    path = Path(opened.files(opened.need_day("sdk_log", DAY))[0][0])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogpressError, match=path.name):
        upgrading.upgrade_day(load_contract("sdk_log"), DAY, lake)


def test_the_command_says_what_it_did(
    lake: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for expected in ("2 parts of format 4 rewritten as 5.0; ", "has format 5.0 already"):
        monkeypatch.setattr("sys.argv", ["logpress", "upgrade", "sdk_log", "--lake", lake, "--quiet"])
        main()
        assert expected in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["logpress", "upgrade", "sdk_log", "--lake", lake, "--from", "2022-01-01"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    assert "sdk_log has no published day from 2022-01-01 to 9999-12-31" in capsys.readouterr().err
    for option in ("--from", "--to"):
        monkeypatch.setattr("sys.argv", ["logpress", "upgrade", "sdk_log", "--lake", lake, option, "2022"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert f"{option}: '2022' is not a day" in capsys.readouterr().err
