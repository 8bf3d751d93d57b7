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
import zstandard
from tests.conftest import DAY, records_in_order

from logpress import open_lake, reference
from logpress.contract import load_contract
from logpress.day.published import restore_to_file, verify_published
from logpress.engine.part import metadata as part_module
from logpress.engine.part.metadata import MAJOR, MINOR
from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import read_rejects
from logpress.engine.press import press_slice
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.in_order import restore
from logpress.hashing.digest import digest_records
from logpress.lake.catalog import open_catalog
from logpress.lake.commit import replace_day
from logpress.lake.lake import Lake
from logpress.manifest import SliceSpec
from logpress.quality.proof import prove_accounts, prove_bytes, prove_files

FROZEN = Path(__file__).parents[2].parent / "frozen"
GOLDEN = FROZEN / "golden.json"
GOLDEN_TABLES = {"5.0": "every", "5.1": "uuids", "5.2": "stored"}
"""By version of the format, the frozen table whose files need it. Files that need no later version keep theirs."""

SHA256 = {
    "4/every.ndjson": "3273e8422d15c6668460134c73f6dd63296b0052ffe1a1dd984c359e4367157e",
    "4/every.parquet": "e74c25811b0404a567f176c6382e734575f973f1ff7fd7e147bf17d222fbc673",
    "4/lake/_logpress.json": "dbd57db8519f842150507826037230563a17b05c2dc1d75eb842669e4687cbf6",
    "4/lake/sdk_log/dt=2021-12-26/_manifest.json": "ffb4ba40967d5e6491e2f662d0a8cb1c11c9b55e8d5a6102335ca687df34906d",
    "4/lake/sdk_log/dt=2021-12-26/_rejects-hour12-c78e3a540a7a.parquet": "c78e3a540a7ac0df2a04a8a9e9dada92193609ac34eb85fb307c7e729670a533",  # noqa: E501
    "4/lake/sdk_log/dt=2021-12-26/part-hour12-2c6a5777f395.parquet": "2c6a5777f395a2dda92cd010a13e800aeb4e88deb309319901ea6c774eeb4a8b",  # noqa: E501
    "4/lake/sdk_log/dt=2021-12-26/part-hour13-2cdace7dd5bd.parquet": "2cdace7dd5bd7b8385f4e917cdc1849a57a83ba45814b5959bb1cd8ab90950ff",  # noqa: E501
    "4/lake.ndjson": "15bbf9ceb54c2d5d03e6393f15584efb047161663d844836e064fc742b88f22d",
    "4/no-room.ndjson": "be737a6dfc3150995b70dd5924c1049b43b4c2d0547dde013063a4cd5f542294",
    "4/no-room.parquet": "484375e814f53d11571a5045003dcb500d835ca0832074a8c141954732e2bcb8",
    "4/older.ndjson": "83190a51225ea409cfe336fbecb2736d555ae7c646db0034447ca1bd5c3193ae",
    "4/older.parquet": "59fbbe4213bec38de4c7474b2f894d12f42fe3d2e861e615369b871c9f4e56a5",
    "4/other_log.ndjson": "500fb596a2662906e347cd6840ed0abe668865cec14545c970f82bf7065df5a2",
    "4/other_log.parquet": "dbdd6064650e171b306481d303d8b6d0be1197ec3590c5a471a0ff9ba7a3b511",
    "4/pieces.ndjson": "f1cc818051e9c9a6e2dc14e31b70fc5eb00a0bf451660dea1db01f70800210e3",
    "4/pieces.parquet": "402323eedeff00b177f32aa549301342c4c4fc53ccc5f28a83083db7a9fc98c7",
    "4/pieces.rejects.ndjson": "c6768a7f461a68ed4e7d31828e59b4be6f72c916f0a5b4b19105634ac6808958",
    "4/pieces.rejects.parquet": "4fe2eed4d3053f328b9e6ea4bad59890773d72a85019e5471bd2466c6a697122",
    "4/sdk_log.ndjson": "a755f487a315c49f15c9154621dae4b4d6f6fd3bf7169c032be6e0b8186edaee",
    "4/sdk_log.parquet": "96362765504433fa75453933862587ce7026f06e4d5ba44aca881af079528721",
    "4/sdk_log.rejects.ndjson": "fe439d0f03a03ba41257ecbe36c222f5238e9cdff5ab446f6cd24814be608a58",
    "4/sdk_log.rejects.parquet": "a012b8a5049a7b8d51e2c17b089da43d4850839122e6c614efa550bfaeeeda3a",
    "4/separators.ndjson": "afdd6a32cefc74e2c6c65b07c6de0332af676e770aba9a769318420d476f775c",
    "4/separators.parquet": "9d9d023e702d7cfd13b5ca09f2b53a7f918b532fff282fdb0d47f177e13eb415",
    "4/whole.ndjson": "a071f8ca88982b857e26e5e9faf942e0fdd2bcf71c14179ecd3461c9a8d45a87",
    "4/whole.parquet": "d3690d43be92a9bad6133ecf26c49074cf062fb1a18b173998486233feac36ad",
    "5/every.ndjson": "3273e8422d15c6668460134c73f6dd63296b0052ffe1a1dd984c359e4367157e",
    "5/every.parquet": "67ecf43a654c4488ad95fb82acfbef5253f0285459b6f618479cc704c9fa546e",
    "5/keys.ndjson": "728ca5f23184c5129aa25c8c3189a064c7f5273907a9e2810db1c46f0390d695",
    "5/keys.parquet": "cde558b827fe557738a623390797ec7f27a6914dc779ec3969858eefc73073dc",
    "5/keys.rejects.ndjson": "89d0e09aa7a9a9a73e4493cfeb3ab9e0cef02b315572122eb8ac9ee678609938",
    "5/keys.rejects.parquet": "6856de5d60212db465b8bc1d01e056a7a8d54c46c3a09e910f502c02901080b9",
    "5/lake/_logpress.json": "dbd57db8519f842150507826037230563a17b05c2dc1d75eb842669e4687cbf6",
    "5/lake/sdk_log/dt=2021-12-26/_manifest.json": "55043245de98e6bc999a8d37ec711e5f993cd3ab146e993b1aaea54b587de535",
    "5/lake/sdk_log/dt=2021-12-26/_rejects-hour12-7907034e095b.parquet": "7907034e095b120506a7c2d3c4d5385b69dc7a7365becdcb9f47938de67af165",  # noqa: E501
    "5/lake/sdk_log/dt=2021-12-26/_rejects-late-5c3b07eea309.parquet": "5c3b07eea30919baf788b3144144459902e81afb0dbef308d1f1d0dbfd5bbcf8",  # noqa: E501
    "5/lake/sdk_log/dt=2021-12-26/part-hour12-95e92cbcda09.parquet": "95e92cbcda099c167f56edc4143cbb1dac453e29b53bd7613d871c0ead4ec128",  # noqa: E501
    "5/lake/sdk_log/dt=2021-12-26/part-hour13-9d2b3edec129.parquet": "9d2b3edec12921bed5c84ce506593beca4ef81e80c0cd6849fdff7445ea2f766",  # noqa: E501
    "5/lake/sdk_log/dt=2021-12-26/part-late-90abf1e0064f.parquet": "90abf1e0064f20785c64f185ea5217ec1a0bf39550c4d1a8b33afbe4794733cf",  # noqa: E501
    "5/lake/sdk_log/dt=2021-12-27/_manifest.json": "196c4176f8fb1584411ce685a8d87f9f1a372033b77369fccaa231cf50e45b8b",
    "5/lake/sdk_log/dt=2021-12-27/_rejects-hour12-52c024259041.parquet": "52c024259041bdd6118348561c063098387a9e82b8bfbc21edd9aeebbd2eed3d",  # noqa: E501
    "5/lake/sdk_log/dt=2021-12-27/_rejects-late-5c3b07eea309.parquet": "5c3b07eea30919baf788b3144144459902e81afb0dbef308d1f1d0dbfd5bbcf8",  # noqa: E501
    "5/lake/sdk_log/dt=2021-12-27/part-hour13-0bcef429b8e8.parquet": "0bcef429b8e899eec55dd54e287dbe0cbe55d6709029e635d87afd5c0cd0e595",  # noqa: E501
    "5/lake/sdk_log/dt=2021-12-27/part-late-36c739abf182.parquet": "36c739abf18298e5be966b1fdb86c236b8e776349ad617e3fa96bb4aed62a336",  # noqa: E501
    "5/lake-2021-12-26.ndjson": "bc822c725283672813e732567aa8e0da7dc87c9d15981dc4b84535338434b32a",
    "5/lake-2021-12-27.ndjson": "18214ec9889c1c098499e589a8df1cb5b2f55769dab3779457435d2e3dd830f5",
    "5/no-room.ndjson": "be737a6dfc3150995b70dd5924c1049b43b4c2d0547dde013063a4cd5f542294",
    "5/no-room.parquet": "652a524d3b9d3ef4d5cc9f65d60fa01b6601c0b851e4776e7ee0cf5c6f5fadf1",
    "5/older.ndjson": "83190a51225ea409cfe336fbecb2736d555ae7c646db0034447ca1bd5c3193ae",
    "5/older.parquet": "9a5a30b4754d232eed0e2ec8bc180118c3846664eac155fbf8b39cc70c26cf3a",
    "5/other_log.ndjson": "500fb596a2662906e347cd6840ed0abe668865cec14545c970f82bf7065df5a2",
    "5/other_log.parquet": "15a34d9e1e48228d0b64879e1c9be087fc76b486640c44ec5267e2b46479d549",
    "5/pieces.ndjson": "77fe7147a198d2617269fc3ce6c010c8e078b4bbb85b8a66929eafe075ad7c96",
    "5/pieces.parquet": "1bbe67969b0c14879543cc5696632d4e34996b54483ca1ccedd1f817dbb54eb3",
    "5/pieces.rejects.ndjson": "fc5fad50cc89c73b0c687a7751390b345ecd43f23404b353994c2b40aab01323",
    "5/pieces.rejects.parquet": "312afe6a6d9371ad7c2cc6bf3fe2d7ca398f95eab589c98d148e96436d507611",
    "5/sdk_log.ndjson": "a755f487a315c49f15c9154621dae4b4d6f6fd3bf7169c032be6e0b8186edaee",
    "5/sdk_log.parquet": "89872ab222f5d5cd62cb70f8cd7833dd6ac119bc952594ddbed14822e45c3557",
    "5/sdk_log.rejects.ndjson": "faafc6172b360760aef86a809b1bd41b1f22dab1ed9ec84cb6d3588da0fe1ded",
    "5/sdk_log.rejects.parquet": "f3cd6c39308add947c120ee45ea3f9bb93db89790d46b4a99ad08e51459bb87d",
    "5/separators.ndjson": "afdd6a32cefc74e2c6c65b07c6de0332af676e770aba9a769318420d476f775c",
    "5/separators.parquet": "748110ed8d597e2a7450b360af9ba7176773c527e624747e2a4a99068754d05d",
    "5/stored.ndjson": "66e17a11eda2fe8e89a23f9978318ab27fde2e004e0cde50236bf630a03c045d",
    "5/stored.parquet": "084bf0a347d3f64bf0307329e0e3c3b8ce8c59f57889e8def70bb1d86b46cc55",
    "5/uuids.ndjson": "6a20b19affc4a5795967a99fa421a78f18711969d1dc5dd29525a800d1a81609",
    "5/uuids.parquet": "9035750236e1c2d6ffec15e95c29e1bd3d7e956ede4cf9b4c36127f6d2f62095",
    "5/whole.ndjson": "a071f8ca88982b857e26e5e9faf942e0fdd2bcf71c14179ecd3461c9a8d45a87",
    "5/whole.parquet": "23d9edb6052d95d30b384135cec82077c7384beba841bafc71da92baf77b9330",
}
"""Of every frozen file. A new version adds its own; those that stand here never change."""

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


def golden_file(table: str, folder: Path, threads: int) -> Path:
    """A part pressed from the frozen records of a table."""
    source = folder / "raw.ndjson"
    source.write_bytes((FROZEN / str(MAJOR) / f"{table}.ndjson").read_bytes() * 25)  # 2 row groups
    spec = SliceSpec(name="golden", inputs=(str(source),))
    manifest = press_slice(load_contract(FROZEN / f"{table}.yaml"), DAY, spec, str(folder / "out"), threads=threads)
    assert manifest.part is not None
    assert manifest.part.row_groups == 2
    return folder / "out" / manifest.part.path


@pytest.mark.parametrize("threads", [0, 3])
@pytest.mark.parametrize("version", GOLDEN_TABLES)
def test_the_same_input_gives_the_same_file_as_last_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, threads: int
) -> None:
    monkeypatch.setattr(part_module, "__version__", "golden")  # the footer names both; a new version is no new format
    monkeypatch.setattr(part_module, "commit", lambda: "f" * 12)
    golden = json.loads(GOLDEN.read_text())
    part = golden_file(GOLDEN_TABLES[version], tmp_path, threads)
    assert PartReader(str(part)).metadata.version == version
    sha256 = hashlib.sha256(part.read_bytes()).hexdigest()
    found = {"part": sha256, "libzstd": ".".join(map(str, zstandard.ZSTD_VERSION))}
    assert golden.get(version) == found, (
        f"a file of format {version} has other bytes than last time: {json.dumps(found)}. Where all that reads this"
        " format gives the same records of it, as with another libzstd or a better compression, write that into"
        f' tests/frozen/golden.json under "{version}". Where older readers may skip what is new, or refuse it, the'
        " format needs a new minor number (MINOR in engine/part/metadata.py) and an entry of its own. Where they may"
        f" not, it needs a new major number, an entry, frozen files (tests/frozen/{MAJOR}/README.md), and a reader that"
        " keeps reading this one."
    )


def test_every_format_that_is_read_has_frozen_files() -> None:
    versions = {path.name for path in FROZEN.iterdir() if path.name.isdigit()}
    assert f"{MAJOR}.{MINOR}" == max(GOLDEN_TABLES), "add a table whose files are of the latest version"
    assert str(MAJOR) in versions, f"freeze files of this format: see tests/frozen/{MAJOR - 1}/README.md"
    assert {path.split("/")[0] for path in SHA256} == versions == set(map(str, reference.VERSIONS))
