"""Records for frozen files, and how they are pressed; make_4.py and make_5.py say which."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from logpress.engine.part_reader import PartReader
from logpress.engine.rejects import read_rejects

from logpress.contract.model import Contract
from logpress.engine import blocks, encode, slice_input
from logpress.engine.part import PartMetadata
from logpress.engine.press import press_slice
from logpress.manifest import SliceManifest, SliceSpec

DAY = date(2021, 12, 26)
NOON = datetime(2021, 12, 26, 12, tzinfo=UTC)
HERE = Path(__file__).parent

OLDER = """
table: every
source: {duplicates: keep}
day: at
columns:
  - {name: at, path: [at.s, at.ms], codec: instant}
  - {name: ended_at, path: ended, codec: instant, type: "timestamp[s]"}
  - {name: word, path: word, codec: text}
  - {name: ascii, path: ascii, codec: lookup, key: word}
  - {name: i64, path: i64, codec: category}
  - {name: i8, path: i8, codec: integer, type: int16}
  - {name: weight, path: weight, codec: json}
  - {name: _id, path: _id, codec: text}
restore_order: [at]
files: {row_group_rows: 1000}
"""

WORDS = ['"plain"', '"호랑이"', r'"호\ud638"', r'"a\/b"', r'"tab\t\"q\" \\"', '""', '"\u2028😀"', '"Abc"']
ASCII = [r'"caf\u00e9"', r'"\ud638\ub791"', r'"\ud83d\ude00 a/b"', '"x"', r'"\n"']
SLASHED = [r'"http:\/\/a\/b"', r'"\/"', '"none"', r'"é\/\t"', '"a/b"']
BOTH = [r'"\/\u00e9"', r'"\u00e9"', r'"\/"', r'"q"']
RIVALS = {"word": r'"\u0041bc"', "ascii": r'"\u000a"', "both": '"é"'}
FREE = ["{}", "[1, 2,3]", '"te\\u0078t"', "5", "-0.0", "true", '{"a": {"b": [null]}}', "null", "1e400", '"x"']
DECIMALS = ["0", "1", "-1", "0.5", "-0.5", "1.50", "1013.25", "0.1", "123456789012345", "0.00000000000001", "-3.70",
            "99999999999999.9", "1.23456789012345", "0.30", "81.0", "-0.000"]  # fmt: skip
NO_DECIMALS = ["-0.0", "1e3", "1234567890123456", "0.1234567890123456"]


def _text(moment: datetime, digits: int, label: str, separator: str = "T") -> str:
    """An instant in quotes, the wall clock being what the label says."""
    minutes = 0 if label in ("", "Z") else int(label[1:3]) * 60 + int(label[-2:])
    wall = moment + timedelta(minutes=-minutes if label.startswith("-") else minutes)
    fraction = "." + f"{wall.microsecond:06}000"[:digits] if digits else ""
    return f'"{wall:%Y-%m-%d}{separator}{wall:%H:%M:%S}{fraction}{label}"'


def _sequence(chance: random.Random, moment: datetime, number: int) -> str:
    """A Kinesis sequence number and its sub-sequence number, in quotes."""
    shard = chance.choice([0, 2, 17])
    creation = 1636376426 + shard
    arrival = int(moment.timestamp()) - chance.randrange(3)
    counter = number * 16 + (1 << chance.choice([0, 20, 62]))
    digits = f"2{creation:09x}{shard & 15:x}{counter:016x}00{arrival:09x}{shard:08x}2"
    return f'"{int(digits, 16)}.{chance.choice([0, 0, 7, 12345])}"'


def every_records(count: int, seed: int) -> list[bytes]:
    """Records of `every`: most of them regular, in three forms; some with what a codec does not take."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        form = chance.randrange(3)
        label = ("Z", "+09:00", "-0330")[form]
        digits = (3, 6, 9)[form]
        at_s = NOON + timedelta(seconds=chance.randrange(600))
        at_ms = at_s + timedelta(milliseconds=chance.choice([0, 0, 7, 999]))
        at_us = at_s + timedelta(microseconds=chance.choice([0, 0, 0, 123_456, 120_000]))
        i32 = chance.choice([0, 7, 250, -5, 2**31 - 1]) if chance.random() < 0.3 else chance.randrange(2_000)
        i8, i64 = chance.randrange(-128, 128), chance.choice([0, -1, 10**18 - 1, 1 - 10**18, 4_000])
        born = at_s - timedelta(milliseconds=chance.randrange(20_000))
        ended = born + timedelta(milliseconds=(i32 if abs(i32) < 10**6 else 3) + chance.randrange(3))
        seen = ended.replace(microsecond=0) + timedelta(seconds=chance.randrange(3))
        noted = seen + timedelta(microseconds=chance.randrange(10**7))
        late = timedelta(hours=-9) if form == 1 and chance.random() < 0.7 else timedelta(0)  # a label that lies
        checked = {0: "Z", 1: "+09:00", 2: ""}[form]
        word, ascii_, both = chance.choice(WORDS), chance.choice(ASCII), chance.choice(BOTH)
        model, maker = WORDS.index(word) % 4, BOTH.index(both)
        if chance.random() < 0.1:
            word, ascii_, both = chance.choice(
                [(RIVALS["word"], ascii_, both), (word, RIVALS["ascii"], both), (word, ascii_, RIVALS["both"])]
            )
        decimals = [chance.choice(DECIMALS if chance.random() < 0.95 else NO_DECIMALS) for _ in range(2)]
        members = {
            "version": "1" if form else "2",
            "w" if form == 2 else "word": word,
            "ascii": ascii_,
            "a": f'{{"fixed":"x","slashed":{chance.choice(SLASHED)},"b":[null,{both}]}}',
            "model": f'"m/{model}"' if chance.random() < 0.9 else r'"\u006d"',
            "maker": f'"of {maker}é"',
            "free": chance.choice(FREE),
            "flag": chance.choice(["true", "false"]),
            "i8": str(i8), "i16": str(chance.randrange(-(2**15), 2**15)), "i32": str(i32), "i64": str(i64),
            "hidden": decimals[0], "weight": decimals[1],
            "at": f'{{"s":{_text(at_s, 0, label)},"ms":{_text(at_ms, 3, label)},'
                  f'"us":{_text(at_us, digits, label)}}}',
            "born": _text(born + late, 3, checked), "ended": _text(ended + late, 3, checked),
            "seen": _text(seen, 0, "Z"), "noted": _text(noted, 6, label),
            "_id": _sequence(chance, seen, number), "other_id": _sequence(chance, at_us, number),
            "c": f'{{"s_instant":{_text(at_s, digits, "+00:00")},"us_epoch_s":{int(at_us.timestamp())},'
                 f'"us_epoch_ms":{int(at_us.timestamp() * 1000)},"s_epoch_s":{int(at_s.timestamp())},'
                 f'"s_epoch_ms":{int(at_s.timestamp()) * 1000},"ms_epoch_s":{int(at_ms.timestamp())},'
                 f'"list":[{int(at_ms.timestamp()) * 1000 + at_ms.microsecond // 1000},{_text(at_ms, 3, "Z")}],'
                 f'"born_labelled":{_text(born + late, 3, checked)},"ended_instant":{_text(ended, 3, "Z")},'
                 f'"noted_labelled":{_text(noted, 6, "")}}}',
        }  # fmt: skip
        odd = chance.random()
        if odd < 0.06:
            members["un\\u006bnown"] = '{"deep": [1, {"x": "}"}]}'
            members["a b"] = r'"\"\\"'
        elif odd < 0.10:
            members["ended"] = '"2021-02-30T00:00:00Z"'
        elif odd < 0.13:
            members["flag"] = "null"
            del members["i16"]
        elif odd < 0.16:
            members["i8"], members["i64"] = "128", "-0"
            members["word"] = r'"\ud83d"'
        elif odd < 0.19:
            members["other_id"] = '"4962373592735477618264686484731312169585082950330456477.0"'
        if form == 1:  # with blanks
            text = "{ " + " , ".join(f'"{name}": {value}' for name, value in members.items()) + " } "
        else:
            text = "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"
        found.append(text.encode())
    return found


WHOLE = [
    b'{"word":"a","at":{"ms":"2021-12-26T12:00:00.000Z"},"x":' + b"[" * 600 + b"]" * 600 + b"}",
    b'{"word":"a","at":{"ms":"2021-12-26T12:00:01.000Z"},' + b",".join(b'"k%d":1' % k for k in range(520)) + b"}",
    b'\xef\xbb\xbf{"at":{"ms":"2021-12-26T12:00:02.000Z"},"w":"\\ud800"}',
]
"""Records that are kept whole: too deep for a record of other layouts, or of too many values."""

REJECTED = [b"[]", b"null", b'{"a":1', b'{"a":"\xff"}', b"{}{}", b'{"a":01}', "호".encode(), b"\x00"]


SEPARATORS = """
table: separators
source: {duplicates: keep}
day: at
columns:
  - {name: at, path: at, codec: instant, type: "timestamp[us]"}
copies:
  - {path: c0, of: at, form: instant}
  - {path: c1, of: at, form: instant}
  - {path: c2, of: at, form: instant}
  - {path: c3, of: at, form: instant}
  - {path: c4, of: at, form: instant}
  - {path: c5, of: at, form: instant}
  - {path: c6, of: at, form: instant}
  - {path: c7, of: at, form: instant}
  - {path: c8, of: at, form: instant}
  - {path: c9, of: at, form: instant}
  - {path: c10, of: at, form: instant}
  - {path: c11, of: at, form: instant}
  - {path: c12, of: at, form: instant}
  - {path: c13, of: at, form: instant}
  - {path: c14, of: at, form: instant}
  - {path: c15, of: at, form: instant}
  - {path: c16, of: at, form: instant}
  - {path: c17, of: at, form: instant}
  - {path: c18, of: at, form: instant}
  - {path: c19, of: at, form: instant}
order_by: [at]
restore_order: [at]
"""


def separator_records() -> list[bytes]:
    """Instants with a T and with a blank, all in one minute, in the order of rows."""
    found = []
    for number in range(8):
        at = NOON + timedelta(microseconds=number)
        copies = [f'"c{k}":{_text(at, 6, ("Z", "")[k & 1], "T "[(k >> 4) + number & 1])}' for k in range(20)]
        found.append(f'{{"at":{_text(at, 6, "", " ")},{",".join(copies)}}}'.encode())
    return found


def sdk_records(count: int, seed: int) -> list[bytes]:
    """Records of sdk_log: search hits and documents."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        begin = NOON + timedelta(milliseconds=chance.randrange(60_000))
        elapsed = chance.randrange(2_000)
        end = begin + timedelta(milliseconds=elapsed + chance.randrange(3))
        arrival = end.replace(microsecond=0) + timedelta(seconds=chance.randrange(4))
        name = f"F{chance.randrange(4)}"
        source: dict[str, Any] = {
            "client_app_id": f"app-{chance.randrange(3)}", "func_name": name,
            "nickName": chance.choice(["호랑이", "a/b", "tab\there", 'q"q', "plain", None]),
            "request_begin_timestamp": _text(begin, 3, "")[1:-1] + "+09:00",
            "request_end_timestamp": _text(end, 3, "")[1:-1] + "+09:00",
            "request_url": f"https://api/{name if chance.random() < 0.9 else 'else'}",
            "response_elapsed_time": elapsed if chance.random() < 0.95 else elapsed + 0.5,
            "response_reason": "Success", "response_status_code": chance.choice([200, 204, 400]),
            "sdk_version": "5.4.5", "timestamp": f"{arrival:%Y-%m-%dT%H:%M:%SZ}",
            "user_inDate": "2021-08-22T07:51:26.636Z",
        }  # fmt: skip
        document: dict[str, Any] = source
        if number % 3:
            document = {
                "_index": "sdk-log-2021-12-26", "_type": "_doc", "_id": _sequence(chance, arrival, number)[1:-1],
                "_version": 1, "_score": None, "_source": source,
                "fields": {
                    "request_begin_timestamp": [_text(begin - timedelta(hours=9), 3, "Z")[1:-1]],
                    "timestamp": [f"{arrival:%Y-%m-%dT%H:%M:%S.000Z}"],
                },
                "sort": [int(arrival.timestamp()) * 1000],
            }  # fmt: skip
        found.append(json.dumps(document, ensure_ascii=number % 5 == 0, separators=(",", ":")).encode())
    return found


@contextlib.contextmanager
def small_row_groups(rows: int, metadata_bytes: int | None) -> Iterator[None]:
    """Files say that they have row groups of 1,000 rows, as few as a contract may ask for, and have smaller ones."""
    to_text = PartMetadata.to_text

    def as_1000(self: PartMetadata) -> str:
        files = self.contract.files.model_copy(update={"row_group_rows": 1_000})
        return to_text(replace(self, contract=self.contract.model_copy(update={"files": files})))

    with patch.object(PartMetadata, "to_text", as_1000), contextlib.ExitStack() as stack:
        if metadata_bytes is not None:
            stack.enter_context(patch.object(encode, "METADATA_BYTES", metadata_bytes))
        yield


@contextlib.contextmanager
def small_pieces() -> Iterator[None]:
    """Records longer than 2,048 bytes become rejects, in pieces of 512; else those longer than 32 MiB, of 4 MiB."""
    read = blocks.read_blocks
    with (
        patch.object(blocks, "BLOCK_BYTES", 512),
        patch.object(blocks.Buffers.take, "__defaults__", (512,)),
        patch.object(slice_input, "read_blocks", lambda reader, buffers, **more: read(reader, buffers, 2_048, **more)),
    ):
        yield


def press(
    contract: Contract,
    records: Sequence[bytes],
    slice_: str,
    folder: str,
    *,
    rows: int,
    metadata_bytes: int | None = None,
) -> SliceManifest:
    """Press these records; the names of raw objects are relative, as files hold them."""
    Path("raw").mkdir(exist_ok=True)
    source = f"raw/{slice_}.ndjson"
    Path(source).write_bytes(b"".join(record + b"\n" for record in records))
    small = contract.model_copy(update={"files": contract.files.model_copy(update={"row_group_rows": rows})})
    with small_row_groups(rows, metadata_bytes):
        return press_slice(small, DAY, SliceSpec(name=slice_, inputs=(source,)), folder, threads=0)


def records_in_order(path: str) -> list[bytes]:
    """The records of a part, in the order of its rows."""
    reader = PartReader(path)
    return [
        record
        for group in range(reader.row_groups)
        for sheet, rows in reader.sheets(group)
        for record in b"".join(chunk.tobytes() for chunk in sheet.rendered(rows)).split(b"\n")[:-1]
    ]


def keep(contract: Contract, records: Sequence[bytes], name: str, target: Path, **options: Any) -> None:
    """Press records, and put the files and what they must give into the target folder."""
    out = f"out-{name}"
    manifest = press(contract, records, name, out, **options)
    got: list[bytes] = []
    if manifest.part is not None:
        shutil.copy(f"{out}/{manifest.part.path}", target / f"{name}.parquet")
        got += (rows := records_in_order(f"{out}/{manifest.part.path}"))
        (target / f"{name}.ndjson").write_bytes(b"".join(row + b"\n" for row in rows))
    if manifest.rejects_part is not None:
        shutil.copy(f"{out}/{manifest.rejects_part.path}", target / f"{name}.rejects.parquet")
        rejects = [r for group in read_rejects(f"{out}/{manifest.rejects_part.path}") for r in group]
        text = b"".join(reject.data + (b"" if reject.continued else b"\n") for reject in rejects)
        got += text.split(b"\n")[:-1]
        (target / f"{name}.rejects.ndjson").write_bytes(text)
    assert Counter(got) == Counter(records)
    print(name, manifest.rows, manifest.irregular_rows, manifest.rejects, manifest.layouts)
