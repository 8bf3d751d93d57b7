"""A row's bytes depend on the row alone: whatever is rendered before it, in whatever order, pieces and threads.

The proof renders rows as they stand in the file; restoring renders them in another order and other pieces. One proves
the other only if rendering keeps nothing from row to row that reaches the bytes.

LOGPRESS_SETS says how many sets of records are pressed; LOGPRESS_SEED, the number of the first one.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from tests.conftest import DAY, keeping_duplicates, padded
from tests.examples import example_values, with_examples
from tests.property.test_round_trip import Writer, other_records, paths_in, sdk_records, small_row_groups

from logpress.codecs.kernels_instants import write_instant
from logpress.codecs.kernels_text import NULL
from logpress.codecs.texts import Texts
from logpress.contract import Contract, load_contract
from logpress.contract.base import UNITS_PER_SECOND
from logpress.engine.convert.block import convert_lines
from logpress.engine.convert.block_arrays import Spaces
from logpress.engine.convert.settle import Settler
from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import read_rejects
from logpress.engine.press import press_slice
from logpress.engine.registers.programs import Layouts
from logpress.engine.registers.registers import Registers
from logpress.engine.render.kernels_render import hash_lines
from logpress.engine.render.renderer import Renderer, Sheet
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.in_order import restore
from logpress.engine.row_group.row_group import RowGroup
from logpress.engine.row_group.store import Stores
from logpress.hashing.digest import combine, digest_records
from logpress.hashing.kernels_xxh3 import hash128
from logpress.limits import Limits
from logpress.manifest import SliceSpec

FOLDER = Path(__file__).parents[1] / "contracts"
TABLES = ("sdk_log", "other_log", "instants", "every_codec", "one_instant")
SETS = int(os.environ.get("LOGPRESS_SETS") or (100_000 if os.environ.get("LOGPRESS_FUZZ") == "1" else 2_000))
FIRST_SEED = int(os.environ.get("LOGPRESS_SEED", "0"))
WITH_FILES = int(os.environ.get("LOGPRESS_WITH_FILES", "5"))
"""One set in so many also goes through part files, and is restored."""

SECONDS = 12
"""For each contract, where nobody says how many sets."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
NOON = datetime(2021, 12, 26, 12, tzinfo=UTC)


# ----------------------------------------------------------------------------------------------------- sets of records


def instant(moment: datetime, chance: random.Random, *, digits: int | None = None) -> str:
    """An instant as one of many writes it."""
    label = chance.choice(["Z", "Z", "+00:00", "+09:00", "-03:30", ""])
    sign = -1 if label.startswith("-") else 1
    minutes = 0 if len(label) < 6 else sign * (60 * int(label[1:3]) + int(label[4:]))
    wall = moment + timedelta(minutes=minutes)
    digits = chance.choice([0, 3, 3, 6, 1, 9]) if digits is None else digits
    fraction = f"{wall.microsecond:06}000"[:digits]
    return f"{wall:%Y-%m-%d}{chance.choice('TT ')}{wall:%H:%M:%S}{'.' * bool(digits)}{fraction}{label}"


def sequence(moment: datetime, number: int, shard: int) -> str:
    """A Kinesis sequence number."""
    text = f"2{1636376426:09x}{shard & 15:x}{13_493_763_523 + number:016x}00{int(moment.timestamp()):09x}{shard:08x}2"
    return f"{int(text, 16)}.{number % 3}"


def moments(chance: random.Random) -> Callable[[], datetime]:
    """Instants that share minutes with each other, or do not: as seconds, milliseconds and microseconds."""
    minutes = [chance.randrange(600) for _ in range(chance.choice([1, 2, 5]))]
    fraction = chance.choice([0, 1000, 1])

    def draw() -> datetime:
        moment = NOON - timedelta(minutes=chance.choice(minutes), seconds=chance.randrange(60))
        return moment.replace(microsecond=chance.randrange(1_000_000) // (fraction or 1) * fraction)

    return draw


def instants_document(chance: random.Random, moment: Callable[[], datetime], number: int) -> dict[str, Any]:
    at, begun, made = moment(), moment().replace(microsecond=0), moment()
    ended = at + timedelta(milliseconds=(took := chance.randrange(3_000)) + chance.randrange(2))
    document = {
        "at": instant(at, chance), "c": f"c{number % 3}", "took": took, "begun": instant(begun, chance),
        "made": instant(made, chance), "ended": instant(ended, chance), "seen": instant(made, chance, digits=0),
        "at_again": instant(at, chance), "at_s": int(at.timestamp()), "at_ms": (at - EPOCH) // MILLISECOND,
        "begun_again": instant(begun, chance), "begun_ms": 1000 * int(begun.timestamp()),
        "made_again": instant(made, chance), "made_ms": (made - EPOCH) // MILLISECOND,
        "ended_said": [instant(ended, chance)], "ended_s": int(ended.timestamp()),
    }  # fmt: skip
    document["begun_said"] = document["begun"] if chance.random() < 0.5 else instant(begun, chance)
    if chance.random() < 0.3:  # a label that lies
        document["begun"] = f"{begun + timedelta(hours=9):%Y-%m-%dT%H:%M:%S}Z"
    return document


DEVICES = [
    "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-8000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff", "9f1c8a52-7d2c-4f5e-a0b1-c2d3e4f50617", None,
    "9F1C8A52-7D2C-4F5E-A0B1-C2D3E4F50617", "80000000-0000-0000-0000-000000000000", "9f1c8a527d2c4f5ea0b1c2d3e4f50617",
]  # fmt: skip
"""UUIDs whose bytes are in another order than signed numbers, and texts that the codec cannot give back."""


EXAMPLES = example_values()


def every_codec_document(chance: random.Random, moment: Callable[[], datetime], number: int) -> dict[str, Any]:
    at, seen = moment(), moment()
    kind, name = f"k{number % 4}", chance.choice(["a/b", "tab\there", "값", 'q"q', f"n{number}", ""])
    return {
        "version": 3, "at": instant(at, chance), "kind": kind, "name": name,
        "label": f"l{kind}" if chance.random() < 0.8 else "else", "title": f"t{name[:2]}",
        "tiny": chance.randrange(-128, 128), "small": chance.randrange(-(2**15), 2**15),
        "middle": chance.choice([0, 7, -8, 2**31 - 1]), "large": chance.choice([0, -1, 10**17, 3**number]),
        "price": round(chance.gauss(0, 900), chance.randrange(5)), "open": chance.random() < 0.5,
        "device": chance.choice(DEVICES),
        "free": chance.choice([None, 1, "x", [1, {"a": "값\n"}], {}, {"n": number}]), "seen": instant(seen, chance),
        "seen_again": instant(seen, chance), "number": sequence(at, 7 * number, chance.choice([0, 1, 64])),
        "more": {
            "share": chance.choice([0.5, 12.25, -3.0]), "also": {"k": [number % 2]},
            "session": chance.choice([str(UUID(int=chance.getrandbits(128))).upper(), *DEVICES[:3]]),
            "number": sequence(seen, number, chance.choice([0, 64, 128])),
        },
        **{name: chance.choice(values) for name, values in EXAMPLES.items()},
    }  # fmt: skip


def one_instant_document(chance: random.Random, moment: Callable[[], datetime], number: int) -> dict[str, Any]:
    return {"at": instant(moment(), chance), "c": f"c{number % 2}", "x": number, "t": instant(moment(), chance)}


DOCUMENTS = {
    "instants": instants_document,
    "every_codec": every_codec_document,
    "one_instant": one_instant_document,
}

ODD: list[Any] = [
    None, True, "", "x", -0.0, 81.5, 10**18, -129, [], {}, "\ud83d", "a\\/b", "2021-02-30T00:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+14:00", "2021-12-26 15:10:59+99:99", "1.0", 1e300,
]  # fmt: skip

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)")


def written_otherwise(value: Any, chance: random.Random) -> Any:
    """A document whose instants have another separator here and there."""
    if isinstance(value, dict):
        return {key: written_otherwise(inner, chance) for key, inner in value.items()}
    if isinstance(value, list):
        return [written_otherwise(inner, chance) for inner in value]
    if isinstance(value, str) and chance.random() < 0.3:
        return _STAMP.sub(r"\1 \2", value)
    return value


def changed(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A document with values that are missing, refused, or named by no contract: slots move, by 16 often."""
    document = written_otherwise(document, chance)
    if chance.random() < 0.3:
        *inside, last = chance.choice(paths_in(document))
        place: Any = document
        for step in inside:
            place = place[step]
        if isinstance(place, dict) and chance.random() < 0.5:
            del place[last]
        else:
            place[last] = copy.deepcopy(chance.choice(ODD))
    if chance.random() < 0.7:
        count, at = chance.choice([1, 2, 15, 16, 16, 17, 32]), chance.randrange(len(document) + 1)
        members = list(document.items())
        document = dict([*members[:at], *((f"x{k}", k) for k in range(count)), *members[at:]])
    return document


def records_of_set(table: str, chance: random.Random) -> list[bytes]:
    """Some records: mostly of a few layouts, or each of its own."""
    count = chance.choice([2, 7, 20, 60])
    if table in DOCUMENTS:
        moment = moments(chance)
        documents = [DOCUMENTS[table](chance, moment, number) for number in range(count)]
    else:
        make = sdk_records if table == "sdk_log" else other_records
        lines = make(count, chance.randrange(1 << 30))
        documents = [json.loads(line) for line in lines if line.endswith(b"}")]
        documents = [document for document in documents if isinstance(document, dict)]
    share = chance.choice([0.0, 0.3, 1.0])
    seed = chance.randrange(1 << 30)
    own_spelling = chance.choice([0.0, 0.2])
    records = []
    for number, document in enumerate(documents):
        if chance.random() < share:
            document = changed(document, chance)
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        if chance.random() < own_spelling:
            text = Writer(seed + number).value(document)
        records.append(text.encode(errors="surrogatepass"))
    records += chance.choices(records, k=len(records) // 4) if records else []
    if chance.random() < 0.2:
        records.append(b"no record")
    chance.shuffle(records)
    return records


# ------------------------------------------------------------------------------------------------------------ the sets


def contract_of(table: str) -> Contract:
    contract = keeping_duplicates(load_contract(table if table == "sdk_log" else FOLDER / f"{table}.yaml"))
    return with_examples(contract) if table == "every_codec" else contract


def rendered(sheet: Sheet, regs: np.ndarray, order: Sequence[int], **options: Any) -> list[bytes]:
    """Each record of some rows, rendered one behind the other."""
    counts = np.zeros(2, dtype=np.int64)
    chunks = sheet.chunks(regs, np.array(order, dtype=np.int32), counts, **options)
    records = b"".join(chunk.tobytes() for chunk in chunks).split(b"\n")
    assert records.pop() == b""
    assert counts.tolist() == [len(order), sum(map(len, records))]
    return records


def assert_rows_are_their_own(sheet: Sheet, regs: np.ndarray, count: int, chance: random.Random) -> list[bytes]:
    """Render each row alone, then all of them in many ways; gives the records."""
    alone = [rendered(sheet, regs, [row])[0] for row in range(count)]
    for _ in range(4 if count else 0):
        order = chance.choices(range(count), k=count)
        if chance.random() < 0.7:
            order = chance.sample(range(count), count)
        digest, lengths = np.zeros(2, dtype=np.uint64), np.zeros(len(order), dtype=np.int64)
        one_by_one = chance.random() < 0.3
        records = rendered(sheet.twin(), regs, order, digest=digest, lengths=lengths, one_by_one=one_by_one)
        assert records == [alone[row] for row in order]
        assert lengths.tolist() == [len(record) + 1 for record in records]
        assert int(digest[1]) << 64 | int(digest[0]) == int(digest_records(records), 16)
    return alone


def assert_registers_come_back(contract: Contract, records: list[bytes], chance: random.Random) -> None:
    """Convert records and render them from their registers, without a file between: they come back as they were."""
    registers = Registers(contract)
    layouts, group = Layouts(contract, registers), filled(contract, registers)
    data = b"".join(record + b"\n" for record in records)
    block, end = convert_lines(padded(data), 0, len(data), False, registers, layouts.known, Spaces(registers))
    Settler(registers, layouts).settle(block)
    assert (block.rows, end) == (len(records), len(data))
    group.append(block, 0, layouts.known.layout_of, UNITS_PER_SECOND[contract.by_name[contract.day].unit], True)
    texts = {
        name: Texts(found.texts, found.offsets[: found.known + 1])
        for name, found in zip(registers.dictionaries, group.dictionaries, strict=True)
    }
    sheet = Sheet(Renderer(registers, tuple(layouts.all)), texts)
    regs = group.matrix(np.arange(group.used))
    alone = assert_rows_are_their_own(sheet, regs, group.used, chance)
    if group.used + len(block.rejects) == len(records):
        dropped = {reject.row for reject in block.rejects}
        assert alone == [record for row, record in enumerate(records) if row not in dropped]
    assert not Counter(alone) - Counter(records)
    assert int(group.digest[1]) << 64 | int(group.digest[0]) == int(digest_records(alone), 16)


def filled(contract: Contract, registers: Registers) -> RowGroup:
    """A row group with room for a set."""
    return RowGroup(registers, 256, (DAY - date(1970, 1, 1)).days, Stores(registers, 256).take())


def assert_comes_back(contract: Contract, records: list[bytes], chance: random.Random, folder: str) -> None:
    """Press records, as one slice or as two, and render them in every way there is: the same bytes each time."""
    cut = chance.choice([0, 0, len(records) // 2])
    parts, rejects, manifests = list[str](), list[str](), []
    for name, some in (("a", records[:cut]), ("b", records[cut:])):
        Path(folder, name).write_bytes(b"".join(record + b"\n" for record in some))
        spec = SliceSpec(name=name, inputs=(f"{folder}/{name}",))
        manifest = press_slice(contract, DAY, spec, f"{folder}/{name}-out", threads=0)
        parts += [f"{folder}/{name}-out/{manifest.part.path}"] if manifest.part else []
        rejects += [f"{folder}/{name}-out/{manifest.rejects_part.path}"] if manifest.rejects_part else []
        manifests.append(manifest)
    alone: list[bytes] = []
    for reader in map(PartReader, parts):
        for group in range(reader.row_groups):
            for sheet, rows in reader.sheets(group):
                found = assert_rows_are_their_own(sheet, rows.regs, rows.count, chance)
                words = np.concatenate([*sheet.hashes(rows)])
                assert words.tolist() == [int(digest_records([record]), 16) & (1 << 64) - 1 for record in found]
                alone += found
    alone += [record.data for path in rejects for some in read_rejects(path) for record in some]
    if not any(manifest.other_day for manifest in manifests):
        assert Counter(alone) == Counter(records)
    assert not Counter(alone) - Counter(records)
    assert len(alone) == sum(manifest.rows + manifest.rejects for manifest in manifests)
    expected = combine(manifest.digest for manifest in manifests)
    assert digest_records(alone) == expected
    limits = in_other_pieces(chance)
    chunks: list[bytes] = []
    digest = np.zeros(2, dtype=np.uint64)
    restore(
        parts, rejects, lambda chunk: chunks.append(bytes(chunk)), threads=chance.choice([0, 0, 1, 3]), digest=digest,
        limits=limits,
    )  # fmt: skip
    assert Counter(b"".join(chunks).split(b"\n")[:-1]) == Counter(alone)
    assert int(digest[1]) << 64 | int(digest[0]) == int(expected, 16)
    assert digest_files(parts, rejects, threads=chance.choice([0, 0, 2]), limits=limits)[2] == expected


def in_other_pieces(chance: random.Random) -> Limits:
    """Let rows be read, dealt out, put on disk and rendered in other pieces than usual."""
    return Limits(
        decoded_rows=chance.choice([1, 5, 1 << 15]),
        kept_bytes=chance.choice([0, 4_000, 1 << 28]),
        bucket_bytes=chance.choice([1_000, 8_000, 1 << 26]),
        rendered_rows=chance.choice([1, 4, 17, 2_048]),
        rendered_text_bytes=chance.choice([100, 8 << 20]),
        dealt_rows=chance.choice([3, 1 << 18]),
        render_buffer_bytes=chance.choice([1, 3_000, 1 << 21]),
    )


@pytest.mark.parametrize("table", TABLES)
def test_any_set_of_records_comes_back_in_any_order(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = contract_of(table)
    small = {rows: small_row_groups(contract, monkeypatch, rows) for rows in (1, 3, 16, 1_000)}
    began = time.monotonic()
    for seed in range(FIRST_SEED, FIRST_SEED + max(1, SETS // len(TABLES))):
        if "LOGPRESS_SETS" not in os.environ and time.monotonic() - began > SECONDS and SETS < 100_000:
            break
        chance = random.Random(f"{table} {seed}")
        records = records_of_set(table, chance)
        try:
            assert_registers_come_back(contract, records, chance)
            if seed % WITH_FILES == 0:
                with TemporaryDirectory() as folder:
                    assert_comes_back(small[chance.choice([1, 3, 16, 1_000, 1_000])], records, chance, folder)
        except BaseException as error:
            error.add_note(f"{table}: set {seed}")
            raise


def test_layouts_exactly_sixteen_apart_do_not_share_what_they_write(tmp_path: Path) -> None:
    """The case that passed the proof: restored in another order, every second record had its neighbour's separator."""
    records = [
        json.dumps({"at": f"2021-12-26{separator}10:{minute:02}:01.000Z", "c": c} | {f"x{k}": k for k in range(13)})
        for separator, c in (("T", "a"), (" ", "b"))
        for minute in range(10)
    ]
    found = [record.replace(": ", ":").replace(", ", ",").encode() for record in records]
    assert_comes_back(contract_of("one_instant"), found, random.Random(1), str(tmp_path))


# ---------------------------------------------------------------------------------------------------------- the kernels


@njit
def _write(out, walls, separators, digits, units, dates, ends):  # pragma: no cover
    at = 0
    for k in range(walls.shape[0]):
        at = write_instant(out, at, walls[k], separators[k], digits[k], units[k], dates)
        ends[k] = at


def plain_instant(wall: int, separator: str, digits: int, units: int) -> str:
    """The text of `write_instant`, from plain Python."""
    moment = EPOCH + timedelta(microseconds=wall * (1_000_000 // units))
    fraction = f"{moment.microsecond:06}000"[:digits]
    return f"{moment.year:04}-{moment:%m-%d}{separator}{moment:%H:%M:%S}{'.' * bool(digits)}{fraction}"


_walls = st.tuples(
    st.integers(0, 3) | st.integers(-62_135_596_800, 253_402_300_799),  # seconds from 0001 to 9999
    st.integers(0, 999_999),
    st.sampled_from("T \t_"),
    st.sampled_from([0, 1, 3, 6, 9]),
    st.sampled_from([1, 1_000, 1_000_000]),
)


@given(st.lists(_walls, min_size=1, max_size=12))
def test_instants_of_any_unit_and_separator_share_a_cache(drawn: list[tuple[int, int, str, int, int]]) -> None:
    walls = [second * units + micros // (1_000_000 // units) for second, micros, _, _, units in drawn]
    out, ends = np.zeros(64 * len(drawn) + 64, dtype=np.uint8), np.zeros(len(drawn), dtype=np.int64)
    _write(
        out, np.array(walls), np.array([ord(s) for _, _, s, _, _ in drawn]), np.array([d for *_, d, _ in drawn]),
        np.array([u for *_, u in drawn]), np.full(3, NULL, dtype=np.int64), ends,
    )  # fmt: skip
    told = [out[a:b].tobytes().decode() for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    assert told == [plain_instant(wall, s, d, u) for wall, (_, _, s, d, u) in zip(walls, drawn, strict=True)]


@given(st.lists(st.binary(max_size=300).map(lambda text: text.replace(b"\n", b" ")), max_size=9))
def test_lines_are_hashed_one_by_one(lines: list[bytes]) -> None:
    lengths, hashes = np.array([len(line) + 1 for line in lines], dtype=np.int64), np.zeros(9, dtype=np.uint64)
    hash_lines(padded(b"".join(line + b"\n" for line in lines)), lengths, len(lines), hashes)
    assert hashes.tolist()[: len(lines)] == [int(hash128(padded(line), 0, len(line))[0]) for line in lines]
