"""Files that were written once give their records for ever, and the same input gives the same file."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import xxhash
from tests.conftest import DAY, records_in_order
from tests.frozen import freeze as freezing
from tests.frozen.freeze import freeze, golden_entry, golden_part

from logpress import open_lake, reference
from logpress.contract import load_contract
from logpress.day.published import restore_to_file, verify_published
from logpress.engine.part.metadata import MAJOR, MINOR
from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import read_rejects
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.in_order import restore
from logpress.hashing.digest import digest_records
from logpress.lake.catalog import open_catalog
from logpress.lake.commit import replace_day
from logpress.lake.lake import Lake
from logpress.quality.proof import prove_accounts, prove_bytes, prove_files

FROZEN = Path(__file__).parents[2].parent / "frozen"
GOLDEN = json.loads((FROZEN / "golden.json").read_text())
"""By version of the format: a frozen table whose files need it, and the digest of a part pressed from its records.

Files that need no later version keep theirs.
"""

SHA256 = {path: digest for digest, path in map(str.split, (FROZEN / "SHA256SUMS").read_text().splitlines())}
"""Of every frozen file. A new version adds its own; those that stand there never change."""

PARTS = sorted(path for path in FROZEN.glob("*/*.ndjson") if path.with_suffix(".parquet").exists())
REJECTS = [path for path in PARTS if path.name.endswith(".rejects.ndjson")]
PARTS = [path for path in PARTS if path not in REJECTS]
NEWER, OLDER = ([path for path in PARTS if path.stem == stem] for stem in ("every", "older"))
LAKES = sorted(FROZEN.glob("*/lake"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}-{path.name.removesuffix('.ndjson')}"


def records_of(path: Path) -> list[bytes]:
    """The records that a file must give: only a newline ends one."""
    text = path.read_bytes()
    assert text.endswith(b"\n")
    return text.split(b"\n")[:-1]


def restored(parts: list[Path], rejects: list[Path]) -> list[bytes]:
    chunks: list[bytes] = []
    restore([str(path) for path in parts], [str(path) for path in rejects], lambda chunk: chunks.append(bytes(chunk)))
    return b"".join(chunks).split(b"\n")[:-1]


def test_frozen_files_are_as_they_were() -> None:
    found = {
        path.relative_to(FROZEN).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FROZEN.glob("*/**/*")
        if path.is_file() and path.suffix != ".md" and path.parent.name != "__pycache__"
    }
    assert found == SHA256, "frozen files are never written again: put them back as they were"


@pytest.mark.parametrize("path", PARTS, ids=name_of)
def test_a_part_gives_its_records(path: Path) -> None:
    expected = records_of(path)
    part = path.with_suffix(".parquet")
    assert records_in_order(part) == expected
    assert Counter(restored([part], [])) == Counter(expected)
    assert digest_files([str(part)], []) == (len(expected), sum(map(len, expected)), digest_records(expected))


@pytest.mark.parametrize("path", PARTS, ids=name_of)
def test_a_part_gives_its_records_to_the_reference_too(path: Path) -> None:
    assert list(reference.records(str(path.with_suffix(".parquet")))) == records_of(path)


@pytest.mark.parametrize("path", REJECTS, ids=name_of)
def test_a_rejects_file_gives_its_records(path: Path) -> None:
    rejects = path.with_suffix(".parquet")
    pieces = [piece for group in read_rejects(str(rejects)) for piece in group]
    text = b"".join(piece.data + (b"" if piece.continued else b"\n") for piece in pieces)
    assert text.split(b"\n")[:-1] == records_of(path) == restored([], [rejects])
    assert list(reference.rejected_records(str(rejects))) == records_of(path)


@pytest.mark.parametrize("older", OLDER, ids=name_of)
@pytest.mark.parametrize("newer", NEWER, ids=name_of)
def test_parts_of_an_older_contract_are_restored_with_those_of_a_newer_one(newer: Path, older: Path) -> None:
    expected = Counter(records_of(newer) + records_of(older))
    newer, older = newer.with_suffix(".parquet"), older.with_suffix(".parquet")
    for parts in ([newer, older], [older, newer]):
        assert Counter(restored(parts, [])) == expected


@pytest.fixture(params=LAKES, ids=lambda path: path.parent.name)
def published(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Lake, dict[date, list[bytes]]]:
    """A copy of a frozen lake, and what each of its days must give."""
    path: Path = request.param
    shutil.copytree(path, tmp_path / "lake")
    one = {DAY: path.with_suffix(".ndjson")} if path.with_suffix(".ndjson").exists() else {}
    days = one or {date.fromisoformat(file.stem[-10:]): file for file in path.parent.glob("lake-*.ndjson")}
    return Lake.open(str(tmp_path / "lake")), {day: records_of(file) for day, file in sorted(days.items())}


def test_published_days_give_their_records(published: tuple[Lake, dict[date, list[bytes]]]) -> None:
    lake, days = published
    assert lake.days("sdk_log") == list(days)
    for day, expected in days.items():
        manifest = lake.need_day("sdk_log", day)
        parts, rejects = lake.files(manifest)
        found = map(str, Path(lake.day_folder("sdk_log", day)).glob("*.parquet"))
        assert sorted([*parts, *rejects]) == sorted(found)
        prove_accounts(manifest.slices)
        prove_files(manifest.slices, parts, rejects)
        prove_bytes(manifest.slices, parts, rejects, threads=0)
        assert restored([Path(part) for part in parts], [Path(part) for part in rejects]) == expected
        by_reference = [record for part in parts for record in reference.records(part)]
        by_reference += [record for file in rejects for record in reference.rejected_records(file)]
        assert Counter(by_reference) == Counter(expected)
        total = sum(xxhash.xxh3_128_intdigest(record) for record in expected) % (1 << 128)
        assert total == sum(int(slice_.digest, 16) for slice_ in manifest.slices) % (1 << 128)
        assert (manifest.rows + manifest.rejects, manifest.raw_bytes) == (len(expected), sum(map(len, expected)))


def test_published_days_are_restored_to_a_file(published: tuple[Lake, dict[date, list[bytes]]], tmp_path: Path) -> None:
    lake, days = published
    for day, expected in days.items():
        assert restore_to_file(load_contract("sdk_log"), day, lake.uri, tmp_path / "out", threads=1) == len(expected)
        assert records_of(tmp_path / "out") == expected


def test_published_days_are_scanned(published: tuple[Lake, dict[date, list[bytes]]]) -> None:
    lake, days = published
    table = open_lake(lake.uri).table("sdk_log")
    scan = table.scan(min(days), max(days), columns=["func_name"], verify=True)
    assert (scan.days, table.days()) == (tuple(days), list(days))
    rows = [
        record
        for day in days
        for part in lake.files(lake.need_day("sdk_log", day))[0]
        for record in reference.records(part)
    ]
    documents = [json.loads(record) for record in rows]
    names = [document.get("_source", document).get("func_name") for document in documents]
    assert Counter(scan.to_arrow()["func_name"].to_pylist()) == Counter(names)
    assert scan.rows == len(names) > 0


@pytest.mark.parametrize("path", [path for path in LAKES if path.parent.name != "4"], ids=lambda path: path.parent.name)
def test_published_days_are_verified(path: Path, tmp_path: Path) -> None:
    # days of format 4 are in no catalog of today: instants of theirs are milliseconds, which Iceberg has not
    shutil.copytree(path, tmp_path / "lake")
    lake = Lake.open(str(tmp_path / "lake"))
    for day in lake.days("sdk_log"):
        parts, _ = lake.files(lake.need_day("sdk_log", day))
        with open_catalog(lake) as catalog:  # which holds whole paths, and so is not frozen
            replace_day(catalog, lake, "sdk_log", day, parts, {})
        verified = verify_published(load_contract("sdk_log"), day, lake.uri, threads=1)
        assert verified.manifest == lake.need_day("sdk_log", day)
        assert verified.damage == {}


@pytest.mark.parametrize("threads", [0, 3])
@pytest.mark.parametrize("version", GOLDEN)
def test_the_same_input_gives_the_same_file_as_last_time(tmp_path: Path, version: str, threads: int) -> None:
    table = GOLDEN[version]["table"]
    part = golden_part(table, tmp_path, threads)
    reader = PartReader(str(part))
    assert (reader.metadata.version, reader.row_groups) == (version, 2)
    found = golden_entry(table, part)
    assert GOLDEN[version] == found, (
        f"a file of format {version} has other bytes than last time: {json.dumps(found)}. Where all that reads this"
        " format gives the same records of it, as with another libzstd or a better compression, write that into"
        f' tests/frozen/golden.json under "{version}". Where older readers may skip what is new, or refuse it, the'
        " format needs a new minor number (MINOR in engine/part/metadata.py) and frozen files of its own"
        " (tests/frozen/freeze.py). Where they may not, it needs a new major number, frozen files"
        f" (tests/frozen/{MAJOR}/README.md), and a reader that keeps reading this one."
    )


def test_what_is_frozen_stays_and_what_is_new_is_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileExistsError, match="is frozen"):
        freeze("uuids", b"", tmp_path)
    copy = tmp_path / "frozen"
    shutil.copytree(FROZEN, copy)
    for name, path in (("FROZEN", copy), ("SUMS", copy / "SHA256SUMS"), ("GOLDEN", copy / "golden.json")):
        monkeypatch.setattr(freezing, name, path)
    (copy / "golden.json").write_text("{}")
    shutil.copy(copy / "uuids.yaml", copy / "again.yaml")
    raw = (FROZEN / "5" / "uuids.ndjson").read_bytes()
    part, records = freeze("again", raw, tmp_path)
    assert sorted(records.read_bytes().splitlines()) == sorted(raw.splitlines())
    assert list(reference.records(str(part))) == records_of(records)
    sums = dict(line.split()[::-1] for line in (copy / "SHA256SUMS").read_text().splitlines())
    assert sums == SHA256 | {
        f"5/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in (part, records)
    }
    golden = json.loads((copy / "golden.json").read_text())
    assert golden == {"5.1": GOLDEN["5.1"] | {"table": "again"}}


def test_every_format_that_is_read_has_frozen_files() -> None:
    versions = {path.name for path in FROZEN.iterdir() if path.name.isdigit()}
    latest = max(GOLDEN, key=lambda version: [int(number) for number in version.split(".")])
    assert latest == f"{MAJOR}.{MINOR}", "freeze a table whose files are of the latest version: tests/frozen/freeze.py"
    assert str(MAJOR) in versions, f"freeze files of this format: see tests/frozen/{MAJOR - 1}/README.md"
    assert {path.split("/")[0] for path in SHA256} == versions == set(map(str, reference.VERSIONS))
