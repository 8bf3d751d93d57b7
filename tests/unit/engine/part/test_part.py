"""Metadata of a part file: written and read, of other versions, and damaged."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.conftest import DAY, SEED, assert_round_trip, compact, press, records_in_order
from tests.footers import with_footer_text

from logpress.codecs.counters import Counters, Sequences
from logpress.codecs.spelling import STYLES, Spelling
from logpress.contract.model import Contract
from logpress.engine.part.group_metadata import GroupMetadata
from logpress.engine.part.metadata import MAJOR, METADATA_KEY, NOT_OF_PARTS, VERSION, restores_alike
from logpress.engine.part.part_reader import PartReader
from logpress.engine.press import press_slice
from logpress.errors import PartError
from logpress.hashing.digest import digest_records
from logpress.manifest import SliceSpec
from logpress.parquet.metadata import CHECKSUM_KEY

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def part(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> Path:
    documents = [SEED | {"_source": SEED["_source"] | {"response_elapsed_time": n}} for n in range(50)]
    pressed = assert_round_trip(sdk_log, list(map(compact, documents)), tmp_path_factory.mktemp("part"))
    assert pressed.part is not None
    return pressed.part


def changed(part: Path, folder: Path, change: Change) -> str:
    """A copy whose footer holds other metadata, with the checksum that belongs to it."""

    def text(before: str) -> str:
        data = json.loads(before)
        change(data)
        return json.dumps(data)

    copy = folder / "changed.parquet"
    copy.write_bytes(with_footer_text(part.read_bytes(), text))
    return str(copy)


def in_packed(change: Change) -> Change:
    """A change of what is packed."""

    def outer(data: dict[str, Any]) -> None:
        packed = json.loads(zstandard.ZstdDecompressor().decompress(base64.b64decode(data["packed"])))
        change(packed)
        frame = zstandard.ZstdCompressor().compress(json.dumps(packed).encode())
        data["packed"] = base64.b64encode(frame).decode()

    return outer


def test_metadata_comes_back_and_is_small(part: Path, sdk_log: Contract) -> None:
    metadata = PartReader(str(part)).metadata
    assert restores_alike(metadata.contract, sdk_log)
    assert metadata.contract.model_dump(exclude=NOT_OF_PARTS) == sdk_log.model_dump(exclude=NOT_OF_PARTS)
    text = pq.read_metadata(part).metadata[METADATA_KEY].decode()
    assert metadata.to_text() == text
    assert len(text) < 4_000


def test_rows_are_read_many_at_a_time(part: Path) -> None:
    """The row group's metadata are a batch of one row; the batches behind it must be larger."""
    assert [rows.count for rows in PartReader(str(part)).slices(0)] == [50]


def test_a_file_says_which_part_it_is(part: Path) -> None:
    reader = PartReader(str(part))
    identity = reader.metadata.identity
    assert identity is not None
    assert (identity.table, identity.day, identity.records) == ("sdk_log", "2021-12-26", 50)
    assert identity.slice in part.name
    assert identity.digest == digest_records(records_in_order(part))


def test_a_file_says_which_logpress_wrote_it(part: Path) -> None:
    by = pq.read_metadata(part).created_by
    assert by.startswith("logpress version ")


def test_all_defaults_of_the_contract_are_in_the_file(part: Path) -> None:
    """A later logpress may have others."""
    data = json.loads(pq.read_metadata(part).metadata[METADATA_KEY])
    packed = json.loads(zstandard.ZstdDecompressor().decompress(base64.b64decode(data["packed"])))
    without = Contract.model_validate(packed["contract"])
    assert without.model_fields_set >= set(Contract.model_fields) - NOT_OF_PARTS
    for column in without.columns:
        assert column.model_fields_set == set(type(column).model_fields)


def test_what_a_later_minor_version_adds_is_skipped(part: Path, tmp_path: Path) -> None:
    def add(data: dict[str, Any]) -> None:
        data |= {"format": f"{MAJOR}.7", "something": [1]}

    def add_more(packed: dict[str, Any]) -> None:
        packed["more"] = {}
        packed["contract"]["new"] = 1
        packed["contract"]["columns"][0]["newer"] = None

    def change(data: dict[str, Any]) -> None:
        add(data)
        in_packed(add_more)(data)

    assert records_in_order(changed(part, tmp_path, change)) == records_in_order(part)


def test_a_later_major_version_is_refused_as_newer(part: Path, tmp_path: Path) -> None:
    path = changed(part, tmp_path, lambda data: data.update(format=f"{MAJOR + 1}.0"))
    with pytest.raises(PartError, match=rf"changed.parquet: has format {MAJOR + 1}\.0, written by a newer logpress"):
        PartReader(path)


@pytest.mark.parametrize(
    "more", [{"codec": "codec_of_tomorrow"}, {"codec": "integer", "type": "int256"}], ids=["codec", "type"]
)
def test_what_a_later_minor_version_has_and_this_one_must_know_is_refused_as_newer(
    part: Path, tmp_path: Path, more: dict[str, Any]
) -> None:
    def change(data: dict[str, Any]) -> None:
        in_packed(lambda packed: packed["contract"]["columns"][0].update(more))(data)
        data["format"] = f"{MAJOR}.7"

    with pytest.raises(PartError, match=rf"has format {MAJOR}\.7, written by a newer logpress .* update logpress"):
        PartReader(changed(part, tmp_path, change))


@pytest.mark.parametrize(("version", "sentence"), [(VERSION, "is damaged"), (f"{MAJOR}.7", "by a newer logpress")])
def test_metadata_of_a_row_group_that_this_one_does_not_know_are_newer_if_the_file_is(
    sdk_log: Contract, seed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, sentence: str
) -> None:
    known = GroupMetadata.to_bytes

    def without_lookups(metadata: GroupMetadata) -> bytes:
        data = known(metadata)
        size = int.from_bytes(data[:4], "little")
        head = json.loads(data[4 : 4 + size])
        del head["lookups"]
        text = json.dumps(head, separators=(",", ":")).encode()
        return len(text).to_bytes(4, "little") + text + data[4 + size :]

    with monkeypatch.context() as patched:
        patched.setattr(GroupMetadata, "to_bytes", without_lookups)
        (tmp_path / "raw.ndjson").write_bytes(seed + b"\n")
        spec = SliceSpec(name="slice", inputs=(str(tmp_path / "raw.ndjson"),))
        pressed = press_slice(sdk_log, DAY, spec, str(tmp_path / "out"), threads=0)
    assert pressed.part is not None
    path = changed(tmp_path / "out" / pressed.part.path, tmp_path, put("format", version))
    with pytest.raises(PartError, match=f"changed.parquet: .*{sentence}"):
        records_in_order(Path(path))


def put(name: str, value: Any) -> Change:
    return lambda data: data.update({name: value})


CHANGES: dict[str, Change] = {
    "no base64": put("packed", "~"),
    "no zstd": put("packed", "QUJD"),
    "nothing": put("packed", None),
    "no format": lambda data: data.pop("format"),
    "a format that is none": put("format", "5"),
    "no digest": lambda data: data.pop("digest"),
    "no contract": in_packed(lambda packed: packed.pop("contract")),
    "a contract that is none": in_packed(put("contract", {})),
    "a column of no codec": in_packed(lambda packed: packed["contract"]["columns"][0].update(codec="magic")),
    "no layouts": in_packed(lambda packed: packed.pop("layouts")),
    "layouts that are numbers": in_packed(put("layouts", [1])),
    "checksums of other row groups": in_packed(put("chunk_crc32", [])),
    "checksums of other columns": in_packed(put("chunk_crc32", [[1]])),
    "a literal too few": in_packed(lambda packed: packed["layouts"][0]["literals"].pop()),
    "a slot too few": in_packed(lambda packed: packed["layouts"][0]["slots"].pop()),
}


def slot(number: int, *values: Any, codec: str = "instant") -> Change:
    """A change of the last members of a layout's first slot of a codec."""

    def change(packed: dict[str, Any]) -> None:
        columns = {column["name"] for column in packed["contract"]["columns"] if column["codec"] == codec}
        found = next(slot for slot in packed["layouts"][0]["slots"] if slot[2] in columns)
        found[number : number + len(values)] = values

    return in_packed(change)


_DIGITS: list[object] = [1_000_000, -40, -1, 10, 2**70, 3.5, "3", None, [], True]
for digits in _DIGITS:
    CHANGES[f"digits {digits!r}"] = slot(5, digits)
for separator in ("", "TT", "t", "é", 84, None, "\n"):
    CHANGES[f"separator {separator!r}"] = slot(4, separator)
for label in ("+9", "+٠٩:00", "UTC", "+09:00:00", 0, None, "Z\n"):
    CHANGES[f"label {label!r}"] = slot(6, label)
for kind in (-1, 0, 1, 2, 4, 5, 6, 7, 99, "3", None, 2**40):
    CHANGES[f"kind {kind!r} of an instant"] = slot(0, kind)
    if kind != 1:
        CHANGES[f"kind {kind!r} of an integer"] = slot(0, kind, codec="integer")
for role in ("extra", "copy", "", "columns", None, 3):
    CHANGES[f"role {role!r}"] = slot(1, role)
for name in ("", "no_column", "nickname", None, 7):
    CHANGES[f"column {name!r} of an instant"] = slot(2, name)
CHANGES["an integer with an instant's form"] = slot(3, "x", "T", 3, "Z", codec="integer")
CHANGES["an instant without a form"] = in_packed(
    lambda packed: [found.__delitem__(slice(4, None)) for found in packed["layouts"][0]["slots"]]
)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_metadata_that_rendering_could_not_follow_is_told(part: Path, tmp_path: Path, change: Change) -> None:
    with pytest.raises(PartError, match=r"changed.parquet: is damaged: \S") as raised:
        PartReader(changed(part, tmp_path, change))
    assert "\n" not in str(raised.value)


KEY_AND_VALUE = CHECKSUM_KEY + "\x18@" + "0" * 64  # as a footer has them


@pytest.mark.parametrize("text", [CHECKSUM_KEY, KEY_AND_VALUE[:17], KEY_AND_VALUE, KEY_AND_VALUE * 2])
def test_records_may_hold_what_a_footers_checksum_looks_like(sdk_log: Contract, tmp_path: Path, text: str) -> None:
    """Statistics have it in the footers of parts and of rejects files."""
    document = SEED | {"_source": SEED["_source"] | {"nickName": text, "func_name": text}}
    pressed = press(sdk_log, [compact(document), text.encode()], tmp_path)
    assert (pressed.manifest.rows, pressed.manifest.rejects) == (1, 1)
    assert pressed.restored == {compact(document): 1, text.encode(): 1}
    for path in pressed.folder.glob("*.parquet"):
        assert CHECKSUM_KEY.encode() in path.read_bytes()[-8 - pq.read_metadata(path).serialized_size :]


def test_a_flip_anywhere_in_the_footer_is_told(part: Path, tmp_path: Path) -> None:
    whole = part.read_bytes()
    begin = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    copy = tmp_path / "flipped.parquet"
    for place in range(begin, len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        copy.write_bytes(flipped)
        with pytest.raises(PartError, match=r"flipped.parquet: (is damaged|is not a Parquet file|has )"):
            PartReader(str(copy))


def test_a_flip_anywhere_in_a_row_group_is_told(part: Path, tmp_path: Path) -> None:
    whole = part.read_bytes()
    end = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    copy = tmp_path / "flipped.parquet"
    for place in range(4, end):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        copy.write_bytes(flipped)
        with pytest.raises(
            PartError, match=r"flipped.parquet: is damaged: column \w+ of row group 0, \d+ bytes at \d+"
        ):
            records_in_order(copy)


def test_a_cut_anywhere_is_told(part: Path, tmp_path: Path) -> None:
    whole = part.read_bytes()
    copy = tmp_path / "cut.parquet"
    for end in range(0, len(whole), 7):
        copy.write_bytes(whole[:end])
        with pytest.raises(PartError, match=r"cut.parquet: (is damaged|is not a Parquet file|cannot be read)"):
            PartReader(str(copy))


def test_rows_of_contracts_with_other_descriptions_are_rendered_together(sdk_log: Contract) -> None:
    other = sdk_log.model_copy(update={"description": "another", "checks": ()})
    assert restores_alike(sdk_log, other)
    columns = (sdk_log.columns[0].model_copy(update={"path": ("other",)}), *sdk_log.columns[1:])
    assert not restores_alike(sdk_log, sdk_log.model_copy(update={"columns": columns}))
    assert not restores_alike(sdk_log, sdk_log.model_copy(update={"copies": ()}))


numbers = arrays.arrays(np.int64, st.integers(0, 30))


@st.composite
def described(draw: st.DrawFn) -> GroupMetadata:
    sequences = {}
    for name in draw(st.sets(st.sampled_from(["_id", "number"]))):
        shards = draw(numbers)
        seconds = draw(st.integers(0, 9))
        smallest = draw(arrays.arrays(np.int64, seconds * len(shards)))
        sequences[name] = Sequences(
            shards, Counters(draw(st.integers(0, 2**36)), draw(st.integers(0, 9)), seconds, smallest)
        )
    texts = st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=5)
    odd = {value: text.encode() for value, text in draw(texts).items()}
    words = draw(st.integers(1, 4))
    return GroupMetadata(
        draw(st.integers(0, 4_000_000)),
        {"nickname": Spelling(draw(st.sampled_from(sorted(STYLES))), odd)},
        {"request_url": draw(texts)},
        sequences,
        draw(arrays.arrays(np.int64, st.tuples(st.just(words), st.integers(0, 9)))),
    )


def same(one: GroupMetadata, other: GroupMetadata) -> bool:
    if one.sequences.keys() != other.sequences.keys():
        return False
    for name, found in one.sequences.items():
        also = other.sequences[name]
        if found.shards.tolist() != also.shards.tolist():
            return False
        if found.counters.smallest.tolist() != also.counters.smallest.tolist():
            return False
        if replace(found.counters, smallest=None) != replace(also.counters, smallest=None):  # type: ignore[arg-type]
            return False
    return (one.rows, dict(one.spellings), dict(one.lookups)) == (
        other.rows,
        dict(other.spellings),
        dict(other.lookups),
    ) and one.sample.tolist() == other.sample.tolist()


@given(described())
def test_what_is_said_of_a_row_group_comes_back(metadata: GroupMetadata) -> None:
    assert same(GroupMetadata.from_bytes(metadata.to_bytes()), metadata)


@given(described(), st.data())
def test_what_is_said_of_a_row_group_is_refused_where_it_is_cut(metadata: GroupMetadata, data: st.DataObject) -> None:
    whole = metadata.to_bytes()
    used = len(whole)
    end = data.draw(st.integers(0, used - 1))
    try:
        GroupMetadata.from_bytes(whole[:end])
    except (ValueError, LookupError):
        return
    raise AssertionError("it was read")
