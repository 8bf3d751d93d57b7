"""A second reader, written from docs/format.md, gives what the engine gives; of damaged files records or an error.

`LOGPRESS_FUZZ=1` tries 10,000 days instead of 60, `LOGPRESS_REFERENCE_DAYS` as many as it says. They take a tenth of
a second each, so pytest needs more time for thousands: `--timeout 0 -o faulthandler_timeout=0`.
"""

from __future__ import annotations

import base64
import json
import os
import random
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import Pressed, press, records_in_order
from tests.footers import sealed
from tests.property.test_round_trip import Writer, damaged, realistic, same_value_records, small_row_groups, variations

from logpress import reference
from logpress.codecs.registry import CODECS
from logpress.contract.model import Contract
from logpress.engine.restore.in_order import restore
from logpress.limits import DEFAULT, Limits

EXAMPLES = 10_000 if os.environ.get("LOGPRESS_FUZZ") == "1" else int(os.environ.get("LOGPRESS_REFERENCE_DAYS", "60"))
FROZEN = Path(__file__).parents[1] / "frozen"


def agree(pressed: Pressed, raw: list[bytes] | None = None) -> None:
    """The reference gives what the engine gives, row by row; and with the rejects, all that was pressed of the day."""
    found: Counter[bytes] = Counter()
    if pressed.part is not None:
        rows = list(reference.records(str(pressed.part)))
        assert rows == records_in_order(pressed.part)
        found.update(rows)
    if pressed.manifest.rejects_part is not None:
        found.update(reference.rejected_records(str(pressed.folder / pressed.manifest.rejects_part.path)))
    assert found == pressed.restored
    if raw is not None and pressed.manifest.other_day == 0:
        assert found == Counter(raw)


_LAST, _NULL = 2**63 - 1, -(2**63)


def key_of(column: reference.Codec, row: reference.Row, part: reference.Part) -> tuple[Any, ...]:
    """What a row is put in order by for one column of `restore_order`; what has no value comes last."""
    if isinstance(column, reference.KinesisSequence):
        if row.stored[column.named("shard")] is None:
            return _LAST, _NULL, _NULL, _NULL, _NULL
        number, sub = map(int, column.text(row, reference.Slot(0, "column", column.name, "")).split(b"."))
        creation, shard = number >> 148 & (1 << 36) - 1, number >> 4 & (1 << 32) - 1
        counter, arrival = number >> 80 & (1 << 64) - 1, number >> 36 & (1 << 36) - 1
        return creation << 4 | shard & 15, counter, arrival, creation << 20 | shard, sub
    value: Any
    if isinstance(column, reference.Instant):
        value = column.value(row)
    elif isinstance(column, reference.Lookup):
        layout = row.stored["_layout"]
        slots = () if layout is None else part.layouts[layout].slots
        has_place = any((slot.role, slot.name) == ("column", column.name) for slot in slots)
        value = column.value(row) if has_place else reference.String.value(column, row)
    elif isinstance(column, reference.String):
        value = column.value(row)
    else:
        value = row.stored[column.name]
    if column.codec in ("category", "text", "lookup", "json"):
        text = value.encode() if isinstance(value, str) else value
        return (1, b"") if text is None else (0, text[:48].ljust(48, b"\0"))
    if column.codec == "uuid":
        words = [] if value is None else struct.unpack(">QQ", UUID(value).bytes)
        return tuple(word - 2**63 for word in words) or (_LAST, 0)
    if isinstance(value, float):
        value = struct.unpack("<q", struct.pack("<d", value))[0]
    return (_LAST if value is None else int(value),)


def in_order(path: Path) -> list[bytes]:
    """The records of a part in the contract's `restore_order`; those of one key in the order of rows."""
    with pq.ParquetFile(path) as file:
        part = reference.read_part(str(path), file)
        packed = json.loads(file.metadata.metadata[b"logpress"])["packed"]
        order = json.loads(reference.unpacked(packed))["contract"]["restore_order"]
        keys = []
        for number, read_group in enumerate(part.groups):
            table = file.read_row_group(number, columns=list(part.stored)).combine_chunks()
            group = read_group(part.stored)
            values = [reference.stored_values(table.column(name).chunk(0), how) for name, how in part.stored.items()]
            for found in zip(*values, strict=True):
                row = reference.Row(dict(zip(part.stored, found, strict=True)), *group)
                keys.append([key_of(part.columns[name], row, part) for name in order])
    pairs = zip(keys, reference.records(str(path)), strict=True)
    return [record for _, record in sorted(pairs, key=lambda pair: pair[0])]


# ------------------------------------------------------------------------------------- contracts and their records

_NOON = datetime(2021, 12, 26, 12, tzinfo=UTC)
_LABELS = ("", "Z", "+00:00", "+09:00", "-0330", "+1400", "-11:45")
_INTEGER_TYPES = {"int8": 2**7, "int16": 2**15, "int32": 2**31, "int64": 10**18}
_DECIMALS = ["0", "-1", "0.5", "-0.5", "1.50", "0.1", "123456789012345", "0.00000000000001", "99999999999999.9",
             "-9007199254.74099", "1.23456789012345", "81.0", "-0.0", "1e3", "1234567890123456", "0.30"]  # fmt: skip
_STRINGS = ["", "a", "A", "a/b", "호", "é", "\u2028", "😀", 'q"\\', "\t\x01\x7f", "/", "\ud83d", "k0", "k1", "k2"]


_KEYS = {"uuid": st.sampled_from([{"letters": "lower"}, {}, {"letters": "upper"}])}
"""Keys of a column, by codec, that its example does not have."""


@st.composite
def contracts(draw: st.DrawFn) -> dict[str, Any]:
    """A contract of up to a dozen columns, with all that codecs can be."""
    units = st.sampled_from(["timestamp[s]", "timestamp[ms]", "timestamp[us]"])
    instants = [{"name": "at", "codec": "instant", "type": draw(units)}]
    integers: list[dict[str, Any]] = [
        {"name": "i0", "codec": "integer", "type": draw(st.sampled_from(["int32", "int64"]))}
    ]
    columns: list[dict[str, Any]] = [*instants, *integers]
    keys: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from([*CODECS, "instant", "lookup"]))
        name = draw(st.sampled_from([f"c{number}", f"_c{number}", f"c{number}_x"]))
        column: dict[str, Any] = {"name": name, "codec": kind}
        if kind == "integer":
            column["type"] = draw(st.sampled_from(sorted(_INTEGER_TYPES)))
            integers.append(column)
        elif kind == "instant":
            column["type"] = draw(units)
            if draw(st.booleans()):
                followed = draw(st.sampled_from(instants))
                more = draw(st.lists(st.sampled_from(integers), max_size=2, unique_by=lambda c: c["name"]))
                column["residual_of"] = draw(st.permutations([c["name"] for c in [followed, *more]]))
            if draw(st.booleans()):
                column["label_checked_by"] = "at"
            instants.append(column)
        elif kind == "lookup":
            if not keys:
                continue
            column["key"] = draw(st.sampled_from(keys))["name"]
        elif kind in ("category", "text"):
            keys.append(column)
        else:
            column |= draw(_KEYS.get(kind, st.just(CODECS[kind].example.keys)))
            if "arrival" in column:
                column["arrival"] = draw(st.sampled_from(instants))["name"]
        columns.append(column)
    for number, column in enumerate(columns):
        place = draw(st.sampled_from(["{}", "in.{}", "list{}[1]", "한.{}"])).format(f"p{number}")
        column["path"] = [place, f"other{number}"] if draw(st.integers(0, 4)) == 0 else [place]
    copies = [
        {"path": f"copy{k}", "of": draw(st.sampled_from(instants))["name"],
         "form": draw(st.sampled_from(["instant", "labelled_instant", "epoch_s", "epoch_ms"]))}
        for k in range(draw(st.integers(0, 4)))
    ]  # fmt: skip
    ordered = st.lists(st.sampled_from([c["name"] for c in columns]), max_size=3, unique=True)
    virtual = {c["name"] for c in columns if c.keys() & {"residual_of", "key", "arrival"}}
    return {
        "table": "drawn", "day": "at", "columns": columns, "copies": copies, "literals": ["version"],
        "source": {"duplicates": draw(st.sampled_from(["keep", "reject"]))},
        "order_by": [name for name in draw(ordered) if name not in virtual], "restore_order": draw(ordered),
        "files": {"row_group_rows": 1000, "zstd": 1},
    }  # fmt: skip


def written(moment: datetime, digits: int, label: str, separator: str) -> str:
    """An instant as its label says, in quotes."""
    minutes = 0 if label in ("", "Z") else int(label[0] + "1") * (int(label[1:3]) * 60 + int(label[-2:]))
    wall = moment + timedelta(minutes=minutes)
    fraction = "." + f"{wall.microsecond:06}000"[:digits] if digits else ""
    return f'"{wall:%Y-%m-%d}{separator}{wall:%H:%M:%S}{fraction}{label}"'


_UUIDS = [UUID(int=number << shift) for number in (1, 2**63 + 1, 2**64 - 1) for shift in (0, 1, 64)]


class Maker:
    """Makes records of a contract: regular ones, in a few forms, and odd ones."""

    def __init__(self, contract: dict[str, Any], seed: int) -> None:
        self.contract = contract
        self.chance = random.Random(seed)
        self.forms = [self.form() for _ in range(self.chance.choice([1, 1, 2, 3]))]
        self.oddness = self.chance.choice([0.0, 0.02, 0.2])
        self.strings = self.chance.choice([_STRINGS, _STRINGS[:3], ["k0", "k1", "k2"], ["a/b", "/", "é"]])
        self.span_s = self.chance.choice([1, 60, 40_000])

    def form(self) -> dict[str, Any]:
        """How a record is written."""
        return {"label": self.chance.choice(_LABELS), "checked": self.chance.choice(["", "Z", "+09:00", "-05:00"]),
                "separator": self.chance.choice("TT "), "digits": self.chance.choice([0, 1, 3, 3, 6, 9]),
                "writer": Writer(self.chance.randrange(100)), "blank": self.chance.choice(["", "", " "])}  # fmt: skip

    def number(self, limit: int) -> int:
        """A whole number below the limit."""
        value = self.chance.choice([0, 1, -1, limit - 1, 1 - limit, self.chance.randrange(-limit, limit)])
        return min(value, limit - 1) if self.chance.random() < 0.3 else self.chance.randrange(-100, 100)

    def record(self, number: int) -> bytes:
        """A record."""
        form, chance = self.chance.choice(self.forms), self.chance
        at = _NOON + timedelta(seconds=chance.randrange(self.span_s))
        at += timedelta(microseconds=chance.choice([0, 0, 5_000, 123_000, 123_456]))
        moments: dict[str, datetime] = {"at": at}
        values: dict[str, Any] = {}
        members: dict[str, Any] = {}
        for column in self.contract["columns"]:
            name = column["name"]
            values[name] = text = self.value(column, moments, values, form, number)
            if chance.random() < self.oddness:
                text = chance.choice(
                    ["null", "", "1.5", '"x"', "-0", "[1]", '{"a": "}"}', '"2021-02-30T00:00:00Z"', "true"]
                )
            if text:
                members[column["path"][-1 if chance.random() < 0.02 else 0]] = text
        for copy in self.contract["copies"]:
            moment = moments[copy["of"]]
            if copy["form"].startswith("epoch"):
                micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
                members[copy["path"]] = str(micros // (1_000 if copy["form"] == "epoch_ms" else 1_000_000))
            else:
                members[copy["path"]] = written(moment, form["digits"], form["label"], form["separator"])
        if chance.random() < self.oddness:
            members[chance.choice(["un\\u006bnown", "a b", "x.y", '"'.replace('"', '\\"')])] = '"\\"\\\\" '
        members["version"] = "1"
        return self.document(members, form["blank"]).encode(errors="surrogatepass")

    def value(
        self, column: dict[str, Any], moments: dict[str, Any], values: dict[str, str], form: dict[str, Any], number: int
    ) -> str:
        """The JSON text of a column's value."""
        chance, kind = self.chance, column["codec"]
        if kind in ("category", "text"):
            return str(form["writer"].string(chance.choice(self.strings)))
        if kind == "lookup":
            rule = values[column["key"]]
            odd = chance.random() < 0.1
            return str(form["writer"].string(chance.choice(self.strings))) if odd else f'"of {sum(rule.encode()) % 7}"'
        if kind == "json":
            return chance.choice(["{}", "[1, 2]", '"\\u0061"', "5", "-0.0", "false", '{"a": [null, "é"]}', "1e400"])
        if kind == "integer":
            return str(self.number(_INTEGER_TYPES[column["type"]]))
        if kind == "decimal":
            return chance.choice(_DECIMALS) if chance.random() < 0.4 else f"{chance.gauss(0, 100):.2f}"
        if kind == "uuid":
            return self.uuid(column.get("letters") == "upper")
        if kind == "instant":
            return self.instant(column, moments, form)
        if kind == "kinesis_sequence":
            return self.sequence(moments[column["arrival"]], number)
        example = CODECS[kind].example
        return chance.choice(example.texts if chance.random() < 0.1 else example.fits).decode()

    def instant(self, column: dict[str, Any], moments: dict[str, Any], form: dict[str, Any]) -> str:
        """An instant in quotes, after those that it follows."""
        chance = self.chance
        if column["name"] != "at":
            follows = [name for name in column.get("residual_of", ["at"]) if name in moments]
            milliseconds = chance.choice([0, 1, 999, 61_000]) + chance.randrange(3)
            moments[column["name"]] = moments[follows[0]] + timedelta(milliseconds=milliseconds)
            if chance.random() < 0.03:
                moments[column["name"]] = datetime(chance.choice([2, 1969, 9998]), 5, 6, tzinfo=UTC)
        moment = moments[column["name"]]
        if "label_checked_by" not in column:
            return written(moment, form["digits"], form["label"], form["separator"])
        lies = chance.random() < 0.3 and form["checked"] not in ("", "Z")
        text = written(moment, form["digits"], "Z" if lies else form["checked"], form["separator"])
        return text.replace("Z", form["checked"]) if lies else text

    def sequence(self, moment: datetime, number: int) -> str:
        """A sequence number in quotes."""
        chance = self.chance
        shard, arrival = chance.choice([0, 3, 17, 2**20 - 1]), int(moment.timestamp()) - chance.randrange(3)
        counter = chance.choice([number * 16, 2**62 + number, number << 40])
        if not 0 <= arrival < 2**36:
            arrival = 0
        digits = f"2{1636376426:09x}{shard & 15:x}{counter:016x}00{arrival:09x}{shard:08x}2"
        return f'"{int(digits, 16)}.{chance.choice([0, 0, 7, 999_999_999])}"'

    def uuid(self, is_upper: bool) -> str:
        """A UUID in quotes, here and there in the other letters."""
        text = str(self.chance.choice([*_UUIDS, UUID(int=self.chance.getrandbits(128))]))
        return f'"{text.upper() if is_upper != (self.chance.random() < 0.05) else text}"'

    def document(self, members: dict[str, str], blank: str) -> str:
        """JSON of members by path."""
        tree: dict[str, Any] = {}
        for path, text in members.items():
            name, is_element, _ = path.partition("[")
            *inside, last = name.split(".") if '"' not in path and " " not in path else [path]
            place = tree
            for step in inside:
                place = place.setdefault(step, {})
            place[last] = f"[null,{text}]" if is_element else text

        def render(value: Any) -> str:
            if isinstance(value, str):
                return value
            inner = [f'"{key}":{blank}{render(member)}' for key, member in value.items()]
            return "{" + blank + f",{blank}".join(inner) + "}"

        return render(tree)


@settings(max_examples=EXAMPLES)
@given(contracts(), st.integers(0, 2**32), st.sampled_from([1, 3, 7, 40]), st.sampled_from([None, None, None, 60]))
def test_any_contract_is_read_as_the_engine_reads_it(
    tmp_path: Path, drawn: dict[str, Any], seed: int, rows: int, metadata_bytes: int | None
) -> None:
    contract = Contract.model_validate(drawn)
    maker = Maker(drawn, seed)
    lines = [line for number in range(maker.chance.choice([1, 9, 40])) if b"\n" not in (line := maker.record(number))]
    lines += lines[: maker.chance.choice([0, 0, 3])]
    limits = DEFAULT if metadata_bytes is None else Limits(row_group_metadata_bytes=metadata_bytes)
    with pytest.MonkeyPatch.context() as patched:
        pressed = press(small_row_groups(contract, patched, rows), lines, tmp_path, threads=0, limits=limits)
    agree(pressed, lines)
    if pressed.part is not None:
        chunks: list[bytes] = []
        restore([str(pressed.part)], [], lambda chunk: chunks.append(bytes(chunk)), threads=0)
        assert b"".join(chunks).split(b"\n")[:-1] == in_order(pressed.part)


@settings(max_examples=max(10, EXAMPLES // 4))
@given(st.data())
def test_odd_and_damaged_records_are_read_as_the_engine_reads_them(
    contract: Contract, tmp_path: Path, data: st.DataObject
) -> None:
    drawn = variations(contract.table) | damaged(variations(contract.table))
    records = [record for record in data.draw(st.lists(drawn, min_size=1, max_size=8)) if b"\n" not in record]
    agree(press(contract, records, tmp_path, threads=0))


def test_realistic_records_in_several_row_groups(
    contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(press(small_row_groups(contract, monkeypatch, 255), realistic(contract, 1_500), tmp_path))


def test_two_spellings_of_a_value(sdk_log: Contract, tmp_path: Path) -> None:
    agree(press(sdk_log, same_value_records(), tmp_path))


@pytest.mark.parametrize("is_ascii", [False, True])
@pytest.mark.parametrize("slashes", [False, True])
def test_every_style_of_escapes(tmp_path: Path, is_ascii: bool, slashes: bool) -> None:
    contract = Contract.model_validate(
        {"table": "styles", "day": "at", "columns": [{"name": "at", "codec": "instant", "path": "at"},
                                                     {"name": "text", "codec": "text", "path": "text"}]}
    )  # fmt: skip
    codes = (*range(0x21), 0x22, 0x2F, 0x5C, 0x7E, 0x7F, 0x80, 0xE9, 0x2028, 0xFFFF, 0x1F600)
    records = [
        json.dumps({"at": "2021-12-26T00:00:00Z", "text": f"{c}é/\t"}, ensure_ascii=is_ascii).encode()
        for c in map(chr, codes)
    ]
    records = [record.replace(b"/", b"\\/") if slashes else record for record in records]
    pressed = press(contract, records, tmp_path, threads=0)
    assert pressed.table()["_raw"].null_count == len(records)
    agree(pressed, records)


def test_more_slots_than_a_mask_has_bits(tmp_path: Path) -> None:
    """Where one of the last does not fit, all of the last are extra: values of JSON columns too."""
    columns = [{"name": "at", "codec": "instant", "path": "at"}]
    columns += [{"name": f"c{k}", "codec": ("json", "integer", "text")[k % 3], "path": f"p{k}"} for k in range(99)]
    contract = Contract.model_validate({"table": "wide", "day": "at", "columns": columns})
    fitting = {"at": "2021-12-26T00:00:00Z"} | {f"p{k}": ("a", k, "b")[k % 3] for k in range(99)}
    unfit = fitting | {"p97": 1.5, "p96": "\\", "p93": [1, "]"], "p90": {"": None}, "p87": True}
    records = [json.dumps(document).encode() for document in (fitting, unfit, fitting | {"p10": 2.5})]
    pressed = press(contract, records, tmp_path, threads=0)
    assert pressed.table()["_extra"].null_count == 1
    agree(pressed, records)


def test_extra_values_may_be_512_deep(sdk_log: Contract, tmp_path: Path) -> None:
    at = b'{"timestamp":"2021-12-26T12:00:00Z","a":'
    records = [at + b"[" * depth + b"]" * depth + b"}" for depth in (1, 511, 512, 513)]
    pressed = press(sdk_log, records, tmp_path, threads=0)
    assert pressed.table()["_extra"].null_count == 1
    agree(pressed, records)


# ------------------------------------------------------------------------------------------------------- hostile files


def rewritten(path: Path, target: Path, table: pa.Table | None = None, **changes: Any) -> Path:
    """A part of format 4 with other metadata or other columns."""
    file = pq.ParquetFile(path)
    data = json.loads(file.metadata.metadata[b"logpress"]) | changes
    with pq.ParquetWriter(target, (table or file.read()).schema, store_schema=False) as writer:
        for group in range(file.num_row_groups):
            writer.write_table(file.read_row_group(group) if table is None else table)
        writer.add_key_value_metadata({"logpress": json.dumps(data)})
    return target


class Opened:
    """A part of format 5, to be changed and written with the checksums that then belong to it."""

    def __init__(self, path: Path) -> None:
        file = pq.ParquetFile(path)
        self.data = json.loads(file.metadata.metadata[b"logpress"])
        self.packed = json.loads(reference.unpacked(self.data.pop("packed")))
        del self.packed["chunk_crc32"]
        self.tables = [file.read_row_group(group) for group in range(file.num_row_groups)]
        self.groups: list[Any] = []
        self.arrays: list[bytes] = []
        for table in self.tables:
            told = table["_row_group"][0].as_py()
            end = 4 + int.from_bytes(told[:4], "little")
            self.groups.append(json.loads(told[4:end]))
            self.arrays.append(told[end:])

    def put_groups(self) -> None:
        """Write what is said of row groups into their columns."""
        for number, (head, arrays) in enumerate(zip(self.groups, self.arrays, strict=True)):
            table = self.tables[number]
            text = json.dumps(head).encode()
            values = [len(text).to_bytes(4, "little") + text + arrays, *[None] * (table.num_rows - 1)]
            place = table.schema.get_field_index("_row_group")
            self.tables[number] = table.set_column(place, "_row_group", pa.array(values, pa.binary()))

    def write(self, target: Path, wrong: str = "") -> Path:
        """Write it; with another checksum of the column `wrong` in the last row group than it has."""
        crc32: list[list[int]] = []
        for _ in range(2):  # checksums of chunks stand in the footer, behind all chunks
            packed = json.dumps(self.packed | {"chunk_crc32": crc32} if isinstance(self.packed, dict) else self.packed)
            frame = base64.b64encode(zstandard.ZstdCompressor().compress(packed.encode())).decode()
            data = self.data | {"packed": frame} if isinstance(self.data, dict) else self.data
            with pq.ParquetWriter(target, self.tables[0].schema, store_schema=False, compression="zstd") as writer:
                for table in self.tables:
                    writer.write_table(table)
                writer.add_key_value_metadata({"logpress": json.dumps(data), "logpress.sha256": "0" * 64})
            whole, footer = target.read_bytes(), pq.read_metadata(target)
            crc32 = [
                [chunk_crc32(whole, footer.row_group(group).column(place)) for place in range(footer.num_columns)]
                for group in range(footer.num_row_groups)
            ]
            if wrong:
                crc32[-1][self.tables[0].schema.get_field_index(wrong)] ^= 1
        length = int.from_bytes(whole[-8:-4], "little")
        target.write_bytes(whole[: -8 - length] + sealed(whole[-8 - length : -8]))
        return target


def chunk_crc32(whole: bytes, chunk: pq.ColumnChunkMetaData) -> int:
    begin = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    return zlib.crc32(whole[begin : begin + chunk.total_compressed_size])


def unpacked(path: Path) -> Any:
    packed = json.loads(pq.read_metadata(path).metadata[b"logpress"])["packed"]
    return json.loads(reference.unpacked(packed, base64.b85decode))


def places_in(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*at, key)
        yield from places_in(inner, (*at, key))


def read_or_refused(path: Path) -> None:
    """A damaged file may still give records; else its error names it, and nothing else is raised."""
    message = str(path)
    try:
        list(reference.records(str(path)))
    except reference.FormatError as error:
        message = str(error)
    assert message.startswith(str(path))


_hostile = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5), st.just([]),
    st.sampled_from([{}, [[]], {"": []}, "\ud800", -1, 0, 1, 2**31, "plain", "at_us", "ended_at", "word", "_id"]),
)  # fmt: skip


def change_somewhere(data: st.DataObject, whole: Any) -> None:
    """Put something else at one or two places of a JSON value, or nothing."""
    for _ in range(data.draw(st.integers(1, 2))):
        *inside, last = data.draw(st.sampled_from(sorted(places_in(whole), key=repr)))
        place = whole
        for step in inside:
            place = place[step]
        if data.draw(st.booleans()):
            place[last] = data.draw(_hostile)
        elif isinstance(place[last], str):
            place[last] += data.draw(st.sampled_from(["x", "~", "\x00"]))
        else:
            del place[last]


@settings(max_examples=max(60, EXAMPLES // 4))
@given(st.data())
def test_a_part_of_format_4_whose_metadata_is_damaged_gives_records_or_an_error(
    tmp_path: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["every", "sdk_log", "other_log"]))
    part = FROZEN / "4" / f"{name}.parquet"
    packed = unpacked(part)
    whole = {"contract": json.loads(pq.read_metadata(part).metadata[b"logpress"])["contract"], "packed": packed}
    change_somewhere(data, whole)
    frame = zstandard.ZstdCompressor().compress(json.dumps(whole.get("packed")).encode())
    target = rewritten(
        part,
        tmp_path / "damaged.parquet",
        contract=whole.get("contract"),
        packed=base64.b85encode(frame).decode(),
    )
    read_or_refused(target)


@settings(max_examples=max(60, EXAMPLES // 2))
@given(st.data())
def test_a_part_whose_metadata_is_damaged_gives_records_or_an_error(tmp_path: Path, data: st.DataObject) -> None:
    part = Opened(FROZEN / "5" / f"{data.draw(st.sampled_from(['every', 'sdk_log', 'other_log']))}.parquet")
    whole = {"data": part.data, "packed": part.packed, "groups": part.groups}
    change_somewhere(data, data.draw(st.sampled_from([whole, whole["packed"], whole["groups"]])))
    if data.draw(st.integers(0, 3)) == 0:
        cut = data.draw(st.integers(0, len(part.arrays[0])))
        part.arrays[0] = part.arrays[0][:cut] + data.draw(st.binary(max_size=20))
    part.data, part.packed = whole.get("data"), whole.get("packed")
    if isinstance(part.groups, list) and len(part.groups) == len(part.tables):
        part.put_groups()
    read_or_refused(part.write(tmp_path / "damaged.parquet"))


@settings(max_examples=max(40, EXAMPLES // 4))
@given(st.sampled_from("45"), st.data())
def test_a_part_whose_columns_are_damaged_gives_records_or_an_error(
    tmp_path: Path, version: str, data: st.DataObject
) -> None:
    part = FROZEN / version / "no-room.parquet"
    table = pq.ParquetFile(part).read_row_group(0)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, table.num_columns - 1))
        name, values = table.column_names[place], table.column(place).to_pylist()
        what = data.draw(st.integers(0, 3))
        if what == 0:
            table = table.remove_column(place)
        elif what == 1:
            table = table.set_column(place, name, pa.array(range(table.num_rows), pa.int64()))
        elif what == 2:
            table = table.set_column(place, name, pa.nulls(table.num_rows, table.schema.types[place]))
        else:
            table = table.set_column(place, name, pa.array(values[::-1], table.schema.types[place]))
    target = tmp_path / "damaged.parquet"
    if version == "4":
        rewritten(part, target, table)
    else:
        opened = Opened(part)
        opened.tables = [table] * 2
        opened.write(target)
    read_or_refused(target)


@given(st.sampled_from("45"), st.integers(0, 2**32))
def test_any_damaged_bytes_give_records_or_an_error(tmp_path: Path, version: str, seed: int) -> None:
    chance = random.Random(seed)
    part = FROZEN / version / "separators.parquet"
    data = bytearray(part.read_bytes())
    for _ in range(chance.randrange(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    target = tmp_path / "damaged.parquet"
    target.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
    read_or_refused(target)


@given(st.integers(0, 2**32))
def test_of_a_part_with_checksums_any_flip_is_told(tmp_path: Path, seed: int) -> None:
    """But in the column `day` and in the file's first four bytes, which it does not read."""
    part = FROZEN / "5" / "separators.parquet"
    data, chance = bytearray(part.read_bytes()), random.Random(seed)
    footer = pq.read_metadata(part)
    days = footer.row_group(0).column([footer.schema.column(k).name for k in range(footer.num_columns)].index("day"))
    begin = days.dictionary_page_offset
    read = [*range(4, begin), *range(begin + days.total_compressed_size, len(data))]
    data[chance.choice(read)] ^= 1 << chance.randrange(8)
    target = tmp_path / "flipped.parquet"
    target.write_bytes(data)
    with pytest.raises(reference.FormatError, match=r"flipped.parquet: "):
        list(reference.records(str(target)))


def test_a_column_that_has_another_checksum_is_refused_if_it_is_read(tmp_path: Path) -> None:
    path = FROZEN / "5" / "every.parquet"
    for name in ("_row_group", "_layout", "at_ms", "_weight_scale"):
        found = reference.records(str(Opened(path).write(tmp_path / "other.parquet", name)))
        with pytest.raises(reference.FormatError, match=rf"other.parquet: row group 2: is damaged: column '{name}'"):
            list(found)
    assert list(reference.records(str(Opened(path).write(tmp_path / "other.parquet", "day")))) == records_in_order(path)


def test_a_part_that_another_tool_wrote_anew_is_refused(tmp_path: Path) -> None:
    part = FROZEN / "5" / "every.parquet"
    target = tmp_path / "anew.parquet"
    table = pq.read_table(part)
    pq.write_table(table.replace_schema_metadata(None), target)
    with pytest.raises(reference.FormatError, match=r"anew.parquet: has no key `logpress`"):
        list(reference.records(str(target)))
    pq.write_table(table, target)  # with the keys, which Arrow's schema holds
    with pytest.raises(reference.FormatError, match=r"anew.parquet: is damaged: the checksum of its footer"):
        list(reference.records(str(target)))
    assert list(reference.records(str(Opened(part).write(target)))) == list(reference.records(str(part)))


def test_a_newer_major_format_is_refused_and_what_a_newer_minor_one_adds_is_skipped(tmp_path: Path) -> None:
    path = FROZEN / "5" / "every.parquet"
    part = Opened(path)
    part.data |= {"format": "5.23", "more": [1]}
    part.packed |= {"more": {}}
    part.packed["contract"]["new"] = part.packed["contract"]["columns"][0]["newer"] = 1
    for group, table in enumerate(part.tables):
        part.groups[group] |= {"more": None}
        part.groups[group]["arrays"].append(["more", "bits", 9])
        part.arrays[group] += b"ab"
        part.tables[group] = table.append_column("_more", pa.nulls(table.num_rows, pa.int64()))
    part.put_groups()
    target = part.write(tmp_path / "newer.parquet")
    assert list(reference.records(str(target))) == list(reference.records(str(path)))
    part.data["format"] = "6.0"
    with pytest.raises(reference.FormatError, match=r"newer.parquet: has format 6.0: it was written by a newer log"):
        list(reference.records(str(part.write(target))))


def test_an_error_says_where_it_is(tmp_path: Path) -> None:
    part = Opened(FROZEN / "5" / "other_log.parquet")
    layouts = part.tables[1]["_layout"].to_pylist()
    layouts[3] = 77
    place = part.tables[1].schema.get_field_index("_layout")
    part.tables[1] = part.tables[1].set_column(place, "_layout", pa.array(layouts, pa.int32()))
    target = part.write(tmp_path / "damaged.parquet")
    with pytest.raises(reference.FormatError, match=r"damaged.parquet: row group 1: row 3: has layout 77"):
        list(reference.records(str(target)))
    pieces = pq.read_table(FROZEN / "5" / "pieces.rejects.parquet")
    pq.write_table(pieces.slice(0, 2), target)
    with pytest.raises(reference.FormatError, match=r"damaged.parquet: ends within a record"):
        list(reference.rejected_records(str(target)))
    for wrong in (FROZEN / "5" / "every.ndjson", FROZEN / "none.parquet", FROZEN / "5" / "pieces.rejects.parquet"):
        with pytest.raises(reference.FormatError, match=wrong.name):
            list(reference.records(str(wrong)))
    with pytest.raises(reference.FormatError, match=r"every.parquet"):
        list(reference.rejected_records(str(FROZEN / "5" / "every.parquet")))


# ------------------------------------------------------------------------------------------------------- standing alone


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=False, timeout=120)


def test_a_copy_of_the_file_stands_alone(tmp_path: Path) -> None:
    copy = tmp_path / "reader.py"
    copy.write_bytes(Path(reference.__file__).read_bytes())
    without_logpress = (
        "import sys; sys.modules['logpress'] = None; import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    for stem, options in (("every", []), ("sdk_log.rejects", ["--rejects"])):
        part = FROZEN / "5" / f"{stem}.parquet"
        done = run("-c", without_logpress, str(copy), *options, str(part))
        assert (done.returncode, done.stdout) == (0, part.with_suffix(".ndjson").read_bytes()), done.stderr
    done = run(str(copy), str(FROZEN / "5" / "every.ndjson"))
    assert done.returncode == 1
    assert b"every.ndjson" in done.stderr
    assert b"Traceback" not in done.stderr


def test_it_imports_nothing_that_it_does_not_need() -> None:
    done = run("-c", "import logpress.reference, sys; print(*sys.modules)")
    modules = set(done.stdout.decode().split())
    assert {name for name in modules if name.startswith("logpress.")} == {"logpress.reference", "logpress.version"}
    assert not modules & {"numba", "pydantic", "zstandard", "fsspec", "pandas"}
