"""Whole records through pressing and restoring: whatever goes in comes back, byte for byte, under both contracts."""

from __future__ import annotations

import copy
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.conftest import DAY, READING, SEED, assert_round_trip, compact, press, records_of

from logpress.contract import Contract
from logpress.engine.part.metadata import PartMetadata
from logpress.engine.press.conversion import Conversion, Converted
from logpress.engine.press.reading import SliceReading
from logpress.hashing.digest import digest_records
from logpress.limits import Limits
from logpress.sources.zstd import is_zstd

Change = Callable[[dict[str, Any]], None]
MODELS = {"sdk_log": SEED, "other_log": READING}


def source(**changes: Any) -> bytes:
    """The real record with other values in `_source`."""
    document = copy.deepcopy(SEED)
    document["_source"].update(changes)
    return compact(document)


def reading(**changes: Any) -> bytes:
    return compact({**READING, **changes})


def looks_compressed(raw: bytes) -> bool:
    """Whether an object's first bytes say that it is gzip (RFC 1952) or zstd (RFC 8878, skippable frames too)."""
    return raw.startswith(b"\x1f\x8b\x08") or (len(raw) >= 4 and is_zstd(raw[:4]))


# ------------------------------------------------------------------------------------------------ what Hypothesis draws

_ends = st.sampled_from([b"", b"\r", b" ", b"\t", b"\r\r"])
any_lines = st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")) | _ends, max_size=12)

_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
    st.sampled_from(["", "\ud83d", "\\", '"', "/", "\x00\x1f", "\u2028", "2021-12-26T15:11:04Z", "0000-00-00"]),
)  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


class Writer:
    """Writes a value as JSON with blanks and escapes of its own choosing."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._blanks = self._random.choice([[""], ["", "", " "], ["", "\t", " ", "\r", "  \r\t"]])
        self._escapes = self._random.choice([0.0, 0.1, 0.9])

    def blank(self) -> str:
        return self._random.choice(self._blanks)

    def string(self, value: str) -> str:
        out = []
        for c in value:
            code = ord(c)
            must = c in '"\\' or code < 0x20 or 0xD800 <= code < 0xE000
            if not must and self._random.random() >= self._escapes:
                out.append(c)
                continue
            short = {
                '"': '\\"',
                "\\": "\\\\",
                "/": "\\/",
                "\n": "\\n",
                "\t": "\\t",
                "\r": "\\r",
                "\b": "\\b",
                "\f": "\\f",
            }
            if c in short and self._random.random() < 0.7:
                out.append(short[c])
            else:
                units = c.encode("utf-16-be", "surrogatepass")
                hexes = (f"{units[k]:02x}{units[k + 1]:02x}" for k in range(0, len(units), 2))
                out += [f"\\u{self._random.choice([h, h.upper()])}" for h in hexes]
        return f'"{"".join(out)}"'

    def value(self, value: Any) -> str:
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, dict):
            members = list(value.items())
            if self._random.random() < 0.3:
                self._random.shuffle(members)
            if members and self._random.random() < 0.1:
                members.append(self._random.choice(members))
            inner = ",".join(
                f"{self.blank()}{self.string(k)}{self.blank()}:{self.blank()}{self.value(v)}{self.blank()}"
                for k, v in members
            )
            return f"{{{inner or self.blank()}}}"
        if isinstance(value, list):
            return f"[{','.join(f'{self.blank()}{self.value(v)}{self.blank()}' for v in value) or self.blank()}]"
        return json.dumps(value)


def paths_in(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    found = [at] if at else []
    members = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in members:
        found += paths_in(value, (*at, key))
    return found


_odd = st.one_of(
    _values,
    st.sampled_from([-0.0, 1e300, 10**18, -(10**18), 2**31, -129, 128, 0.1, 1e-7, "--5", "12", True]),
    st.builds(list), st.builds(dict), st.builds(lambda: [[]]),  # of its own each: `variations` puts values into them
    st.sampled_from([
        "2021-12-26T15:10:59.884+09:00", "2021-12-26T15:10:59.884123Z", "2021-12-26 15:10:59Z", "2021-02-30T00:00:00Z",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+14:00", "2021-12-26T24:00:00Z", "2021-12-26T15:10:59+99:99",
        "49623735927354776182646864847313121695850829503304564770.7",
        "4962373592735477618264686484731312169585082950330456477.0",
    ]),
)  # fmt: skip


@st.composite
def variations(draw: st.DrawFn, table: str) -> bytes:
    """A record of the table with a few values changed, dropped or added, written in some spelling."""
    document = copy.deepcopy(MODELS[table])
    if table == "sdk_log" and draw(st.booleans()):
        document = document["_source"]
    for _ in range(draw(st.integers(0, 3))):
        *inside, last = draw(st.sampled_from(paths_in(document)))
        place: Any = document
        for step in inside:
            place = place[step]
        what = draw(st.integers(0, 3))
        if what == 0 and isinstance(place, dict):
            del place[last]
        elif what == 1 and isinstance(place, dict):
            place[draw(st.text(max_size=4))] = draw(_odd)
        else:
            place[last] = draw(_odd)
        if not paths_in(document):
            break
    return Writer(draw(st.integers(0, 40))).value(document).encode(errors="surrogatepass")


@st.composite
def damaged(draw: st.DrawFn, records: st.SearchStrategy[bytes]) -> bytes:
    """A record with some bytes changed, cut or doubled."""
    record = bytearray(draw(records))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(record) - 1)))
        what = draw(st.integers(0, 3))
        if what == 0 and record:
            record[at] = draw(st.integers(0, 255))
        elif what == 1:
            record[at:at] = draw(
                st.sampled_from([b'"', b"\\", b"\xff", b"\x00", b"}", b",", b"\xed\xa0\x80", b"\xef\xbb\xbf"])
            )
        elif what == 2:
            del record[at : at + draw(st.integers(1, 20))]
        else:
            del record[at:]
    return bytes(record).replace(b"\n", b"")


# ------------------------------------------------------------------------------------------------------ anything at all


@given(any_lines)
@example([b"", b"{}", b"\r", b"{}\r", b"", b"[]"])
@example([b"{}\r", b"{}\r"])
@example([b"\xef\xbb\xbf{}", b"\x00", b"null", b'{"a":1}{"b":2}', b" {} "])
@example([b'{"\\ud800":1}', b'{"":{"":[]}}', b'{"a.b":1,"a":{"b":2},"a[0]":3}'])
@example([b"\x1f\x8b"])
def test_any_lines_come_back(contract: Contract, tmp_path: Path, lines: list[bytes]) -> None:
    raw = b"".join(line + b"\n" for line in lines)
    assume(not looks_compressed(raw))
    expected = records_of(raw)
    pressed = press(contract, raw, tmp_path)
    assert pressed.restored == Counter(expected)
    assert pressed.manifest.digest == digest_records(expected)


@given(st.binary(max_size=200))
@example(b"{}\r\n{}\r")
@example(b"{}\r")
@example(b"\n\n\r\n")
def test_any_bytes_come_back_without_a_newline_at_the_end_too(sdk_log: Contract, tmp_path: Path, raw: bytes) -> None:
    assume(not looks_compressed(raw))
    assert press(sdk_log, raw, tmp_path).restored == Counter(records_of(raw))


@given(
    st.lists(
        st.tuples(st.dictionaries(st.text(max_size=5), _values, max_size=5), st.integers(0, 99)), min_size=1, max_size=6
    )
)
def test_any_object_comes_back_in_any_spelling(
    contract: Contract, tmp_path: Path, objects: list[tuple[Any, int]]
) -> None:
    records = [Writer(seed).value(value).encode(errors="surrogatepass") for value, seed in objects]
    pressed = assert_round_trip(contract, [*records, *records], tmp_path)
    assert pressed.manifest.rejects == 0
    assert pressed.manifest.rows == 2 * len(records)


@given(st.data())
def test_variations_of_a_record_come_back(contract: Contract, tmp_path: Path, data: st.DataObject) -> None:
    records = data.draw(st.lists(variations(contract.table), min_size=1, max_size=8))
    model = compact(MODELS[contract.table])
    for records_in_order in ([model, *records, model, *records], [*records, model, *records]):
        raw = b"".join(record + b"\n" for record in records_in_order)
        pressed = press(contract, raw, tmp_path)
        mine = pressed.restored
        assert pressed.manifest.records == len(records_in_order)
        assert not mine - Counter(records_in_order)
        assert mine.total() == pressed.manifest.rows + pressed.manifest.rejects
        assert pressed.manifest.rejects == 0


@given(st.data())
def test_damaged_records_come_back(contract: Contract, tmp_path: Path, data: st.DataObject) -> None:
    records = data.draw(st.lists(damaged(variations(contract.table)), min_size=1, max_size=8))
    model = compact(MODELS[contract.table])
    lines = [model, *records, model, *records, model]
    pressed = press(contract, lines, tmp_path)
    assert not pressed.restored - Counter(line for line in lines if line not in (b"", b"\r"))
    again = press(contract, [*lines[::-1]], tmp_path)
    # what is a reject depends on the record alone, not on what came before it
    assert again.restored == pressed.restored
    assert (again.manifest.rejects, again.manifest.rows) == (pressed.manifest.rejects, pressed.manifest.rows)
    assert again.manifest.digest == pressed.manifest.digest == digest_records(pressed.restored.elements())


def is_object(record: bytes) -> bool:
    """Whether a record is one strict JSON object, as Python reads it."""

    def refuse(text: str) -> None:
        raise ValueError(text)

    try:
        text = record.removeprefix(b"\xef\xbb\xbf").decode()
        return not text.startswith("\ufeff") and isinstance(
            json.loads(text, parse_constant=refuse, parse_int=str), dict
        )
    except ValueError:
        return False


@given(st.data())
def test_rejects_are_the_records_that_python_reads_as_no_object(
    contract: Contract, tmp_path: Path, data: st.DataObject
) -> None:
    model = compact(MODELS[contract.table])
    records = [model, *data.draw(st.lists(damaged(st.just(model)), min_size=1, max_size=12)), model]
    records = [record for record in records if record not in (b"", b"\r")]
    pressed = press(contract, records, tmp_path)
    assert pressed.manifest.rejects == sum(not is_object(record) for record in records)


# --------------------------------------------------------------------------------------------------------- real records


def test_a_block_of_nothing_but_rejects(sdk_log: Contract, tmp_path: Path) -> None:
    """Takes a second; took minutes while each reject looked through all that were left."""
    records = [b"%d no record" % number for number in range(30_000)]
    pressed = assert_round_trip(sdk_log, records, tmp_path)
    assert pressed.manifest.reject_reasons == {"not_an_object": 30_000}


def sdk_records(count: int, seed: int = 1) -> list[bytes]:
    """Records of sdk_log as a day has them: hits and documents, a few late, escaped, null, unknown or broken."""
    chance = random.Random(seed)
    base = datetime(2021, 12, 26, 15, 10, tzinfo=UTC)
    records = []
    for number in range(count):
        begin = base + timedelta(milliseconds=chance.randrange(600_000))
        elapsed = chance.randrange(2_000)
        arrival = begin + timedelta(milliseconds=elapsed + chance.randrange(5_000))
        document = copy.deepcopy(SEED)
        inner = document["_source"]
        inner["client_app_id"] = f"app-{chance.randrange(5)}"
        inner["nickName"] = chance.choice(["호랑이", "a/b", "tab\there", "😀", 'q"q', "plain", "caf\u00e9"])
        inner["func_name"] = f"Backend.F{chance.randrange(6)}"
        inner["request_url"] = f"https://api/{inner['func_name'] if chance.random() < 0.9 else 'else'}"
        for name, moment in (("begin", begin), ("end", begin + timedelta(milliseconds=elapsed + chance.randrange(3)))):
            inner[f"request_{name}_timestamp"] = (
                moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}+09:00"
            )
            labelled = moment - timedelta(hours=9)
            shown = labelled.strftime("%Y-%m-%dT%H:%M:%S.") + f"{labelled.microsecond // 1000:03}Z"
            document["fields"][f"request_{name}_timestamp"] = [shown]
        inner["response_elapsed_time"] = elapsed
        inner["timestamp"] = arrival.strftime("%Y-%m-%dT%H:%M:%SZ")
        document["fields"]["timestamp"] = [arrival.strftime("%Y-%m-%dT%H:%M:%S.000Z")]
        document["sort"] = [int(arrival.timestamp()) * 1000]
        number_hex = (
            f"2{1636376426:09x}{2:x}{13_493_763_523 + number * 16:016x}00{int(arrival.timestamp()) - 1:09x}{2:08x}2"
        )
        document["_id"] = f"{int(number_hex, 16)}.0"
        kind = chance.random()
        if kind < 0.03:
            inner["nickName"] = None
        elif kind < 0.06:
            inner["new_field"] = {"a": number}
        elif kind < 0.09:
            inner["response_elapsed_time"] = elapsed + 0.5
        elif kind < 0.11:
            del inner["sdk_version"]
        text = json.dumps(
            document if chance.random() < 0.7 else inner, ensure_ascii=chance.random() < 0.2, separators=(",", ":")
        ).encode()
        records.append(text[:-3] if kind > 0.99 else text)
    return records


def other_records(count: int, seed: int = 1) -> list[bytes]:
    """Records of other_log, most of them regular."""
    chance = random.Random(seed)
    records = []
    for number in range(count):
        received = datetime(2021, 12, 26, tzinfo=UTC) + timedelta(seconds=chance.randrange(86_400))
        if chance.random() < 0.3:
            received += timedelta(microseconds=chance.randrange(1_000_000))
        drift = -chance.randrange(5_000)
        measured = received + timedelta(milliseconds=drift, microseconds=chance.choice([0, 0, 125]))
        station = chance.randrange(7)
        document = copy.deepcopy(READING)
        document["id"] = f"r-{number:06}"
        document["station"] |= {
            "code": f"KR-{station}",
            "model": f"Davis/{station % 3}",
            "indoors": chance.random() < 0.5,
        }
        document["received"] = received.isoformat(timespec="microseconds")
        document["measured"] = (
            (measured + timedelta(hours=9)).isoformat(timespec="microseconds").replace("+00:00", "+09:00")
        )
        document["again"] = measured.isoformat(timespec="microseconds").replace("+00:00", "Z")
        document["drift"] = drift
        document["values"] = {
            "temperature": round(chance.gauss(8, 9), 1),
            "pressure": round(chance.gauss(1013, 9), 2),
            "cells": [4, chance.randrange(-128, 128)],
        }
        document["notes"] = chance.choice([None, "x", 5, True, [1, {"k": "값"}], {}, {"n": number}])
        document["epoch"] = {"s": int(received.timestamp()), "ms": int(received.timestamp() * 1000)}
        if chance.random() < 0.05:
            document["surprise"] = number
        records.append(compact(document))
    return records


def realistic(contract: Contract, count: int) -> list[bytes]:
    return sdk_records(count) if contract.table == "sdk_log" else other_records(count)


def test_realistic_records_come_back(contract: Contract, tmp_path: Path) -> None:
    records = realistic(contract, 3_000)
    pressed = assert_round_trip(contract, records, tmp_path)
    assert pressed.manifest.rows > 2_900
    assert pressed.manifest.irregular_rows < 1_500
    assert pressed.manifest.unknown_paths.keys() == (
        {"_source.new_field", "new_field"} if contract.table == "sdk_log" else {"surprise"}
    )


def small_row_groups(contract: Contract, monkeypatch: pytest.MonkeyPatch, rows: int) -> Contract:
    """The contract with row groups of fewer rows than a contract may ask for; its files say that it asks for 1,000."""
    to_text = PartMetadata.to_text

    def with_rows(count: int) -> Contract:
        return contract.model_copy(update={"files": contract.files.model_copy(update={"row_group_rows": count})})

    monkeypatch.setattr(PartMetadata, "to_text", lambda self: to_text(replace(self, contract=with_rows(1_000))))
    return with_rows(rows)


@pytest.mark.parametrize("rows", [1, 2, 7, 255, 256, 257, 1_000])
def test_row_groups_of_any_size(contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    records = realistic(contract, 20 if rows < 7 else 600)
    pressed = assert_round_trip(small_row_groups(contract, monkeypatch, rows), records, tmp_path)
    part = pressed.manifest.part
    assert part is not None
    assert part.row_groups == -(-pressed.manifest.rows // rows)


@pytest.mark.parametrize("offset", [*range(60), 127, 900, 1_500])
def test_blocks_cut_at_every_offset(sdk_log: Contract, tmp_path: Path, offset: int) -> None:
    assert_round_trip(sdk_log, sdk_records(40), tmp_path, limits=Limits(block_bytes=1_200 + offset))


@pytest.mark.parametrize("size", [1, 2, 64, 300, 4_096])
def test_blocks_smaller_than_a_record(contract: Contract, tmp_path: Path, size: int) -> None:
    records = [*realistic(contract, 30), b"{}", b"x" * 10_000, compact(MODELS[contract.table])]
    assert_round_trip(contract, records, tmp_path, limits=Limits(block_bytes=size))


@pytest.mark.parametrize("size", [3, 4, 10, 2 << 20])
def test_carriage_returns_belong_to_the_separator_if_the_first_block_has_them_throughout(
    sdk_log: Contract, tmp_path: Path, size: int
) -> None:
    raw = b'{}\r\n{"a":1}\r\n\r\n{"b":2}\r\n{}\r\n'
    pressed = press(sdk_log, raw, tmp_path, limits=Limits(block_bytes=size))
    assert pressed.restored == Counter({b"{}": 2, b'{"a":1}': 1, b'{"b":2}': 1})


def test_a_carriage_return_is_part_of_its_record_where_not_every_line_has_one(
    sdk_log: Contract, tmp_path: Path
) -> None:
    assert press(sdk_log, b"{}\r\n{}\n\r\n", tmp_path).restored == Counter({b"{}\r": 1, b"{}": 1})


# ---------------------------------------------------------------------------------------------------------- determinism


def late_and_early(monkeypatch: pytest.MonkeyPatch, *, early: bool) -> None:
    """Make every block be converted before any layout is known, or each one after all before it are settled."""
    begin = Conversion.__init__

    def patched(self: Conversion, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        self.ahead = 1_000 if early else 0

    monkeypatch.setattr(Conversion, "__init__", patched)
    if early:
        # the coordinator settles the first block only once all of them had the time to be converted
        take = SliceReading._take

        def slow_take(self: SliceReading, converted: Converted) -> None:
            time.sleep(0.002)
            take(self, converted)

        monkeypatch.setattr(SliceReading, "_take", slow_take)


def same_value_records() -> list[bytes]:
    """Records in which the order of interning would tell: spellings and lookups that tie, layouts found midway."""
    records = []
    for number in range(60):
        plain = source(nickName="a/b", func_name=f"F{number % 3}", request_url=f"u{number % 2}")
        records.append(plain)
        records.append(plain.replace(b'"a/b"', rb'"a\/b"'))
        records.append(plain.replace(b'"a/b"', rb'"a\u002fb"'))
        if number % 7 == 3:
            records.append(source(response_elapsed_time=number + 0.5, nickName="a\\b", request_url="u9"))
        if number % 11 == 5:
            records.append(source(**{f"k{number}": 1}, func_name="F9", request_url=f"v{number}"))
    return records


@pytest.mark.parametrize("kind", ["realistic", "ties"])
def test_the_same_input_gives_the_same_files(
    contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    limits = Limits(block_bytes=3_000)
    contract = small_row_groups(contract, monkeypatch, 100)
    records = realistic(contract, 400) if kind == "realistic" else same_value_records()
    found = []
    for threads in (1, 3):
        for early in (None, True, False):
            with monkeypatch.context() as patch:
                if early is not None:
                    late_and_early(patch, early=early)
                found.append(assert_round_trip(contract, records, tmp_path, threads=threads, limits=limits).files())
    assert all(files.keys() == found[0].keys() for files in found)
    assert all(files == found[0] for files in found)


# -------------------------------------------------------------------------------------------------------- typed columns


def test_the_columns_of_the_real_record(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    pressed = assert_round_trip(sdk_log, [seed], tmp_path)
    assert pressed.manifest.irregular_rows == 0
    row = pressed.table().to_pylist()[0]
    assert row == {
        "client_app_id": "e085f380-dd96-11eb-a904-599414fa8c5e2319",
        "user_created_at": datetime(2021, 8, 22, 7, 51, 26, 636_000, tzinfo=UTC),
        "nickname": "호랑이들어와요",
        "func_name": "Backend.GameData.TransactionWrite",
        "request_begin_at": datetime(2021, 12, 26, 15, 10, 59, 884_000, tzinfo=UTC),
        "response_elapsed_ms": 81,
        "response_status_code": 204,
        "response_reason": "Success",
        "sdk_version": "5.4.5",
        "day": date(2021, 12, 26),
        "_request_url_other": None,
        "_request_begin_at_shift_min": 540,
        "_request_end_at_residual": 1,
        "_request_end_at_shift_min": 540,
        "_ingested_at_residual": 5,
        "_id_shard": 0,
        "_id_arrival": -1,
        "_id_counter": 0,
        "_id_counter_high": 0,
        "_id_sub": 0,
        "_layout": 0,
        "_extra": None,
        "_raw": None,
    }


def test_the_columns_of_a_reading(other_log: Contract, tmp_path: Path) -> None:
    pressed = assert_round_trip(other_log, [compact(READING)], tmp_path)
    assert pressed.manifest.irregular_rows == 0
    row = pressed.table().to_pylist()[0]
    assert (row["station"], row["reading_id"], row["indoors"]) == ("KR-108", "r-000017", False)
    assert (row["celsius"], row["_celsius_scale"], row["hectopascal"], row["_hectopascal_scale"]) == (
        -3.5,
        1,
        1013.25,
        2,
    )
    assert (row["battery"], row["offset_ms"]) == (97, -2001)
    assert row["received_at"] == datetime(2021, 12, 26, 15, 11, 4, tzinfo=UTC)
    assert row["_measured_at_residual"] == 125
    assert json.loads(row["notes"]) == READING["notes"]
    assert row["notes"] == '{"by":"자동","flags":[1,null,true]}'


def test_a_document_fills_the_same_columns_as_a_hit(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    pressed = assert_round_trip(sdk_log, [seed, compact(SEED["_source"])], tmp_path)
    names = [name for name in pressed.table().column_names if not name.startswith("_")]
    hit, document = pressed.table().select(names).to_pylist()
    assert hit == document
    assert pressed.manifest.irregular_rows == 0


def test_rows_are_in_the_contracts_order(contract: Contract, tmp_path: Path) -> None:
    pressed = assert_round_trip(contract, realistic(contract, 500), tmp_path)
    rows = pressed.table().select(list(contract.order_by)).to_pylist()
    keys = [tuple((value is not None, value) for value in row.values()) for row in rows]
    regular = [key for key in keys if all(present for present, _ in key)]
    assert regular == sorted(regular)


# ------------------------------------------------------------------------------------------------------ days and counts


def test_records_of_other_days_are_left_to_them(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    yesterday = source(timestamp="2021-12-25T23:59:59Z")
    tomorrow = source(timestamp="2021-12-27T00:00:00Z")
    first, last = source(timestamp="2021-12-26T00:00:00Z"), source(timestamp="2021-12-26T23:59:59Z")
    dayless = source(timestamp=None)
    lines = [seed, yesterday, first, tomorrow, last, dayless, b"no json", tomorrow]
    pressed = press(sdk_log, lines, tmp_path)
    assert pressed.restored == Counter([seed, first, last, dayless, b"no json"])
    manifest = pressed.manifest
    assert (manifest.records, manifest.rows, manifest.rejects, manifest.other_day) == (8, 4, 1, 3)
    assert manifest.raw_bytes == sum(map(len, pressed.restored.elements()))
    assert press(sdk_log, lines, tmp_path, day=DAY + timedelta(days=1)).manifest.other_day == 4


def test_nothing_gives_no_part(sdk_log: Contract, tmp_path: Path) -> None:
    for raw in (b"", b"\n\n", b"\r\n"):
        pressed = press(sdk_log, raw, tmp_path)
        assert pressed.manifest.part is None
        assert pressed.manifest.records == 0
        assert pressed.manifest.digest == "0" * 32


def test_unknown_fields_are_kept_counted_and_regular(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    one = source(device="ios", tags=[1, 2])
    pressed = assert_round_trip(sdk_log, [seed, one, one], tmp_path)
    assert pressed.manifest.unknown_paths == {"_source.device": 2, "_source.tags": 2}
    assert pressed.manifest.irregular_rows == 0
    extras = pressed.table()["_extra"].to_pylist()
    assert Counter(extras) == {None: 1, '{"_source.device":"ios","_source.tags":[1,2]}': 2}


# ----------------------------------------------------------------------------------------------------------- odd values

_NAME = SEED["_source"]["nickName"].encode()


def _named(text: bytes) -> bytes:
    return compact(SEED).replace(_NAME, text)


@pytest.mark.parametrize(
    "texts",
    [
        [rb"\ud638\ub791", "호랑".encode()],
        [rb"a\/b", b"a/b", rb"a\u002fb", rb"a\u002Fb"],
        [rb"\u00e9", rb"\u00E9", "é".encode()],
        [rb"\n", rb"\u000a", rb"\t\\\"", b""],
        [rb"\ud83d\ude00", "😀".encode(), rb"\ud83d", rb"\ude00\ud83d", rb"a\nb"],
        [rb"\ud83d", rb"a\nb"],
        [rb"\u0000", rb"\u0000\u0000", b"0"],
        ["\u2028\x7f".encode(), rb"\u2028", rb"\u007f"],
        [rb"\ufeff", "\ufeff".encode(), rb"a\nb"],
    ],
)  # fmt: skip
def test_spellings_of_the_same_value(sdk_log: Contract, tmp_path: Path, texts: list[bytes]) -> None:
    records = [_named(text) for text in texts for _ in range(3)]
    for order in (records, records[::-1]):
        pressed = assert_round_trip(sdk_log, order, tmp_path)
        assert pressed.manifest.rejects == 0
    values = {json.loads(b'"' + text + b'"') for text in texts}
    readable = {value for value in values if not any("\ud800" <= c <= "\udfff" for c in value)}
    assert set(pressed.table()["nickname"].to_pylist()) - {None} == readable


@pytest.mark.parametrize("broken", [b"\xff", b"\\x", b"\x01", b"\xed\xa0\x80", b"\\ud8", b"\xc3"])
def test_broken_text_in_a_column_with_escapes_is_rejected_alone(
    sdk_log: Contract, tmp_path: Path, broken: bytes
) -> None:
    records = [_named(b"plain"), _named(broken), _named(rb"a\nb"), _named(broken)]
    pressed = assert_round_trip(sdk_log, records, tmp_path)
    assert pressed.manifest.rejects == 2
    assert set(pressed.table()["nickname"].to_pylist()) == {"plain", "a\nb"}


@pytest.mark.parametrize(
    ("old", "new", "rejects"),
    [
        (b":81,", b":12abc,", 4),
        (b":81,", b":0081,", 4),
        (b":81,", b":-,", 4),
        (b":81,", b":+1,", 4),
        (b":81,", b":NaN,", 4),
        (b":81,", b":1.,", 4),
        (b":81,", b":99999999999,", 0),
        (b":81,", b":-0,", 0),
        (b":81,", b":8.1e1,", 0),
        (b":81,", b":" + b"9" * 5_000 + b",", 0),
        (b":81,", b':"81",', 0),
        (b":81,", b":null,", 0),
        (b":81,", b":[81],", 0),
        (b":81,", b":tru,", 4),
        (b'"2021-12-26T15:10:59.884', b'"' + b"\xff" * 8 + b"26T15:10:59.884", 4),
        (b'"2021-12-26T15:10:59.884', b'"2021-02-30T15:10:59.884', 0),
        (b'"2021-12-26T15:10:59.884', b'"2021-12-26 15:10:59.884', 0),
        (b'"2021-12-26T15:10:59.884', b'"2021-12-26T15:10:59.8841', 0),
        (b'"2021-12-26T15:10:59.884', b'"', 0),
        (
            b"49623735927354776182646864847313121695850829503304564770.0",
            b"49623735927354776182646864847313121695850829503304564771.0",
            0,
        ),
        (b"[1640531464000]", b"[1640531464001]", 0),
        (b"[1640531464000]", b"[]", 0),
        (b"[1640531464000]", b"[1,2,3]", 0),
        (b"[1640531464000]", b"[" + b",".join([b"1"] * 300) + b"]", 0),
        (b'"sort"', b'"_id":"x","sort"', 0),
        (b'"sort"', b'"_source":{"func_name":"again"},"sort"', 0),
        (b'"_version":1', b'"_version":{"a":[1]}', 0),
    ],
)
def test_values_out_of_the_ordinary(
    sdk_log: Contract, tmp_path: Path, seed: bytes, old: bytes, new: bytes, rejects: int
) -> None:
    assert old in seed
    odd = seed.replace(old, new)
    for records in ([seed, odd, odd, odd, odd], [odd, seed, odd, odd, odd], [seed] * 256 + [odd] * 4):
        pressed = assert_round_trip(sdk_log, records, tmp_path)
        assert pressed.manifest.rejects == rejects


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"temperature":-3.5', b'"temperature":-0.0'),
        (b'"temperature":-3.5', b'"temperature":0.0'),
        (b'"temperature":-3.5', b'"temperature":1e5'),
        (b'"temperature":-3.5', b'"temperature":0.1234567890123456'),
        (b'"temperature":-3.5', b'"temperature":-99999999999999.9'),
        (b"[4,97]", b"[4,128]"),
        (b"[4,97]", b"[5,-128]"),
        (b"[4,97]", b"[4,97,[]]"),
        (b'"s":1640531464', b'"s":%d' % (1640531464 + 2**58)),
        (b'"ms":1640531464000', b'"ms":1640531464001'),
        (b'"drift":-2001', b'"drift":999999999999999999'),
        (b'"indoors":false', b'"indoors":"false"'),
        (b'"notes":{', b'"notes":  {'),
        (b'"received":"2021-12-26T15:11:04.000000+00:00"', b'"received":"2021-12-26T15:11:04.0000000+00:00"'),
        (b'"received":"2021-12-26T15:11:04.000000+00:00"', b'"received":"2021-12-26T15:11:04.0000001+00:00"'),
        (b'"received":"2021-12-26T15:11:04.000000+00:00"', b'"received":"2021-12-26T15:11:04"'),
        (b'"since":"2014-03-01T00:00:00+09:00"', b'"since":"2014-03-01T00:00:00-0330"'),
    ],
)
def test_odd_readings(other_log: Contract, tmp_path: Path, old: bytes, new: bytes) -> None:
    model = compact(READING)
    assert old in model
    odd = model.replace(old, new)
    for records in ([model, odd, odd], [odd, model, odd]):
        assert assert_round_trip(other_log, records, tmp_path).manifest.rejects == 0


def test_a_prediction_that_wraps_around_does_not_hide_a_value(other_log: Contract, tmp_path: Path) -> None:
    """The end lies exactly 2^63 microseconds, modulo 2^64, from what begin and drift predict."""
    odd = (
        compact(READING)
        .replace(b"-2001", b"913113831648622805")
        .replace(b"2021-12-27T00:11:01.999125+09:00", b"2021-12-27T00:11:04.000008+09:00")
        .replace(b"2021-12-26T15:11:01.999125Z", b"2021-12-26T15:11:04.000008Z")
    )
    assert_round_trip(other_log, [compact(READING), odd], tmp_path)


def test_instants_of_another_separator_are_read_too(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    odd = seed.replace(b'"2021-08-22T07:51:26.636Z","', b'"2021-08-22 07:51:26.636Z","').replace(
        b'"user_inDate":"2021-08-22T', b'"user_inDate":"2021-08-22 '
    )
    assert odd != seed
    pressed = assert_round_trip(sdk_log, [seed, odd], tmp_path)
    assert pressed.table()["user_created_at"].null_count == 0


def test_an_instant_cut_across_quotes_is_not_believed(sdk_log: Contract, tmp_path: Path) -> None:
    long = b'{"timestamp":"2021-12-26T15:11:04.000000000","x":"q"}'
    short = b'{"timestamp":"2021-12-26T15:11:04Z","k":"vv","x":"q"}'
    for records in ([long, short], [short, long], [long, short, short, long]):
        assert assert_round_trip(sdk_log, records, tmp_path).manifest.rejects == 0


# ------------------------------------------------------------------------------------------------------------ irregular


@pytest.mark.parametrize("limit", [0, 1, 2, 5])
def test_more_layouts_than_a_part_may_have(contract: Contract, tmp_path: Path, limit: int) -> None:
    records = realistic(contract, 300)
    pressed = assert_round_trip(contract, records, tmp_path, limits=Limits(layouts=limit))
    assert pressed.manifest.layouts <= limit
    rows = pressed.table().to_pylist()
    for row in rows:
        assert (row["_raw"] is None) == (row["_layout"] is not None)
    if limit == 0:
        assert pressed.manifest.irregular_rows == pressed.manifest.rows
        assert all(row["func_name" if contract.table == "sdk_log" else "station"] is not None for row in rows)


def test_a_block_of_records_kept_whole_that_each_bring_two_texts(
    sdk_log: Contract, tmp_path: Path, seed: bytes
) -> None:
    """The kernel has numbered the escaped text before the record is kept whole, and its value stands elsewhere."""
    records = [seed]
    for number in range(509):
        record = source(func_name="@@", nickName=f"A{number}", response_elapsed_time=1.5)
        records.append(record.replace(b'"@@"', rb'"\u0041%d"' % number))
    assert_round_trip(sdk_log, records, tmp_path, limits=Limits(layouts=1))


def test_long_records_are_kept_whole(contract: Contract, tmp_path: Path) -> None:
    model = MODELS[contract.table]
    long = [compact({**model, "pad": "x" * size}) for size in (262_000, 300_000, 3_000_000)]
    odd = compact({**model, "pad": "x" * 300_000, "drift": "--5"}).replace(b":81,", b':"--5",')
    cut = long[1][:-1]
    pressed = assert_round_trip(contract, [*long, odd, cut, compact(model), *long], tmp_path)
    assert pressed.manifest.rejects == 1
    assert pressed.manifest.irregular_rows >= 5


def test_a_record_that_is_kept_whole_does_not_make_others_irregular(other_log: Contract, tmp_path: Path) -> None:
    """Both have the same JSON text, which the block's dictionary holds from the first one on."""
    long = reading(notes="x", pad="x" * 300_000)
    for records in ([long, reading(notes="x")], [reading(notes="x"), long], [long, reading(notes=r"\ud800")]):
        assert assert_round_trip(other_log, records, tmp_path).manifest.irregular_rows == 1


def test_deep_records_come_back(contract: Contract, tmp_path: Path) -> None:
    depths = (10, 511, 512, 513, 600, 20_000)
    records = [b'{"a":' + b"[" * depth + b"]" * depth + b"}" for depth in depths]
    records += [b'{"notes":' + b'{"b":' * depth + b"1" + b"}" * depth + b"}" for depth in depths]
    assert assert_round_trip(contract, [*records, *records], tmp_path).manifest.rejects == 0


def test_many_slots_come_back(contract: Contract, tmp_path: Path) -> None:
    """More slots than a mask has bits, and codecs that do not fit among the last of them."""
    wide = {f"k{number}": number for number in range(200)}
    fits = compact(wide | MODELS[contract.table])
    unfit = fits.replace(b":81,", b":81.5,").replace(b"[4,97]", b"[4,970]").replace(b"1640531464000", b"1640531464001")
    assert fits != unfit
    pressed = assert_round_trip(contract, [fits, unfit, unfit, fits, unfit], tmp_path)
    assert pressed.manifest.irregular_rows == 3


def test_the_manifest_stays_small_enough_for_xcom(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    wide = seed.replace(b"[1640531464000]", b"[" + b",".join([b"1"] * 30_000) + b"]")
    pressed = assert_round_trip(sdk_log, [seed, wide, seed], tmp_path)
    assert len(pressed.manifest.model_dump_json()) < 48_000


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"[]", "not_an_object"),
        (b'"{}"', "not_an_object"),
        (b"-1", "not_an_object"),
        (b"null", "not_json"),
        (b"   ", "truncated"),
        (b"{}{}", "not_json"),
        (b"{'a':1}", "not_json"),
        (b'{"a":1', "truncated"),
        (b'{"a', "truncated"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b"\x00", "not_json"),
        (b"\xff\xfe{\x00}\x00", "invalid_utf8"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "not_json"),
        (b'{"a":01}', "not_json"),
        (b'{"a":"\x1f"}', "not_json"),
    ],
)
def test_reasons_of_rejects(sdk_log: Contract, tmp_path: Path, record: bytes, reason: str) -> None:
    pressed = assert_round_trip(sdk_log, [compact(SEED), record, record], tmp_path)
    assert pressed.manifest.reject_reasons == {reason: 2}


def test_pieces_of_a_record_that_is_too_long_are_put_together(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    limits = Limits(block_bytes=512, longest_record_bytes=2_048)
    for length in (2_000, 2_047, 2_048, 2_049, 4_095, 4_096, 4_097, 10_000):
        for end in (b"\n", b""):
            long = b"x" * length
            raw = seed + b"\n" + long + b"\n" + seed + b"\n" + long + end
            pressed = press(sdk_log, raw, tmp_path, limits=limits)
            assert pressed.restored == Counter({seed: 2, long: 2})


@pytest.mark.long
def test_a_line_of_a_hundred_megabytes(sdk_log: Contract, tmp_path: Path, seed: bytes) -> None:
    long, longer = (b'{"pad":"' + b"x" * size + b'"}' for size in (30_000_000, 100_000_000))
    pressed = assert_round_trip(sdk_log, [seed, long, seed, long[:-1]], tmp_path)
    assert (pressed.manifest.rows, pressed.manifest.irregular_rows, pressed.manifest.rejects) == (3, 1, 1)
    for line in (longer, longer[:-1]):
        pressed = press(sdk_log, b"\n".join([seed, line, seed]), tmp_path)
        assert pressed.restored == Counter([seed, line, seed])
        assert pressed.manifest.rows == 2
        assert pressed.manifest.reject_reasons == {"too_long": pressed.manifest.rejects}


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_realistic_records_of_any_seed_come_back(contract: Contract, tmp_path: Path, number: int) -> None:
    records = sdk_records(60, number) if contract.table == "sdk_log" else other_records(60, number)
    assert_round_trip(contract, records, tmp_path)
