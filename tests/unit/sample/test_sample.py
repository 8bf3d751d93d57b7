"""The sample generator: same seed, same bytes; records as the one real record is; rates as documented."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import SEED

from logpress.errors import LogpressError, UsageError
from logpress.sample import generate_lines, parse_hours, rates, write_sample
from logpress.sample.draw import ROW, Rows, draw_hours, draw_sessions
from logpress.sample.kernels_lines import RECORD_BOUND, write_milliseconds, write_number, write_seconds, write_sequence
from logpress.sample.kinds import DAMAGED, RARE, Kind, counts, draw_kinds
from logpress.sample.lines import Printer, digit_tables
from logpress.sample.plain import compact, document, hit
from logpress.sample.plan import Plan, Shape
from logpress.sample.population import Population, draw_population
from logpress.sample.sequence import Sequencer, Sequences, sequence_number
from logpress.sample.unusual import unusual_line
from logpress.sample.vocabulary import ANSWERS, FUNCTIONS

DAY = date(2021, 12, 26)
MANY = Plan(DAY, 300_000, 7, 10, 11)

SEED_DOCUMENT = SEED["_source"]
SEED_NUMBER = int(SEED["_id"].removesuffix(".0"))


def decoded(number: int) -> dict[str, int]:
    """The fields of a Kinesis sequence number, by their places among its 47 hexadecimal digits."""
    digits = f"{number:047x}"
    assert len(digits) == 47
    assert (digits[0], digits[27:29], digits[46]) == ("2", "00", "2")
    shard = int(digits[38:46], 16)
    assert int(digits[10], 16) == shard & 15
    return {
        "created": int(digits[1:10], 16),
        "counter": int(digits[11:27], 16),
        "arrival": int(digits[29:38], 16),
        "shard": shard,
    }


def hours_of(plan: Plan) -> tuple[Population, list[tuple[Rows, Sequences]]]:
    sessions = draw_sessions(plan)
    sequencer = Sequencer(plan)
    drawn = [(rows, sequencer.take(number, rows)) for number, rows in enumerate(draw_hours(plan, sessions))]
    return draw_population(plan, sessions.users), drawn


@pytest.fixture(scope="module")
def many() -> Rows:
    return np.concatenate([rows for rows, _ in hours_of(MANY)[1]])


@pytest.fixture(scope="module")
def hits() -> list[bytes]:
    return b"".join(generate_lines(DAY, 12_000, hours=(10, 11))).split(b"\n")[:-1]


@pytest.fixture(scope="module")
def parsed(hits: list[bytes]) -> list[dict]:  # type: ignore[type-arg]
    records = []
    for line in hits:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


# the seed record


def test_sequence_number_of_the_seed_record() -> None:
    created = int(datetime(2021, 11, 8, 13, 0, 26, tzinfo=UTC).timestamp())
    arrival = int(datetime(2021, 12, 26, 15, 11, 3, tzinfo=UTC).timestamp())
    assert sequence_number(created, 13_493_763_523, arrival, 2) == SEED_NUMBER
    assert decoded(SEED_NUMBER) == {"created": created, "counter": 13_493_763_523, "arrival": arrival, "shard": 2}


def test_hit_of_the_seed_document() -> None:
    assert compact(hit(SEED_DOCUMENT, SEED_NUMBER)) == compact(SEED)


def test_regular_records_have_the_seed_records_layout(hits: list[bytes]) -> None:
    def layout(line: bytes) -> bytes:
        return re.sub(rb'"(?:[^"\\]|\\.)*"(?=[,}\]])|\d+(?=[,}\]])', b"?", line)

    layouts = Counter(map(layout, hits))
    assert layouts.most_common(1)[0][0] == layout(compact(SEED))
    assert layouts.most_common(1)[0][1] > 0.99 * len(hits)


# the kernel and its twin


@pytest.mark.parametrize("shape", ["hit", "document"])
@pytest.mark.parametrize(
    "plan",
    [
        Plan(DAY, 5_000, 7, 10, 11),
        Plan(date(2024, 3, 1), 3_000, 1, 0, 0),
        Plan(date(1999, 12, 31), 3_000, 2, 22, 23),
    ],
)
def test_kernel_writes_what_plain_python_writes(plan: Plan, shape: Shape) -> None:
    population, drawn = hours_of(plan)
    printer = Printer(plan, population, shape)
    for rows, sequences in drawn:
        expected = []
        for row in range(len(rows)):
            usual, number = document(rows, row, population), sequences.number(row)
            if rows["kind"][row]:
                kind, luck = Kind(rows["kind"][row]), int(rows["tick"][row])
                expected.append(unusual_line(kind, usual, number, shape, luck))
            else:
                expected.append(compact(hit(usual, number) if shape == "hit" else usual))
                assert len(expected[-1]) < RECORD_BOUND
        hour = printer.hour(rows, sequences)
        got = b"".join(bytes(chunk) for chunk in printer.chunks(hour, 0, len(rows)))
        assert got == b"".join(line + b"\n" for line in expected)
        middle = len(rows) // 3
        part = b"".join(bytes(chunk) for chunk in printer.chunks(hour, middle, 2 * middle))
        assert part == b"".join(line + b"\n" for line in expected[middle : 2 * middle])


def test_every_bound_of_the_kernel_holds_for_the_longest_texts() -> None:
    plan = Plan(DAY, 1_000)
    population, drawn = hours_of(plan)
    long = "\U0001f42f" * 30
    names = long.encode() * len(population.game)
    ends = np.arange(1, len(population.game) + 1, dtype=np.int64) * len(long.encode())
    population = Population(population.games, population.game, population.version, population.created, names, ends)
    rows, sequences = next(pair for pair in drawn if len(pair[0]))
    rows = rows[:1].copy()
    rows["kind"] = 0
    rows["elapsed"] = 65_535
    rows["call"] = max(range(len(FUNCTIONS)), key=lambda place: len(FUNCTIONS[place].name + FUNCTIONS[place].url))
    rows["answer"] = max(range(len(ANSWERS)), key=lambda place: len(ANSWERS[place].reason.encode()))
    printer = Printer(plan, population, "hit")
    (line,) = map(bytes, printer.chunks(printer.hour(rows, sequences), 0, 1))
    assert line == compact(hit(document(rows, 0, population), sequences.number(0))) + b"\n"
    assert len(line) < RECORD_BOUND


@settings(deadline=None)
@given(
    created=st.integers(0, 2**36 - 1),
    counter=st.integers(0, 2**63 - 1),
    arrival=st.integers(0, 2**36 - 1),
    shard=st.integers(0, 2**32 - 1),
)
def test_any_sequence_number_is_written(created: int, counter: int, arrival: int, shard: int) -> None:
    out = np.zeros(128, dtype=np.uint8)
    digits = digit_tables(Plan(DAY, 1))[3]
    end = write_sequence(out, 3, created, counter, arrival, shard, np.zeros(6, dtype=np.uint64), digits)
    number = sequence_number(created, counter, arrival, shard)
    assert out[3:end].tobytes().decode() == str(number)
    assert decoded(number) == {"created": created, "counter": counter, "arrival": arrival, "shard": shard}


@settings(deadline=None)
@given(st.integers(0, 2**62) | st.integers(0, 18).map(lambda power: 10**power))
def test_any_number_is_written(value: int) -> None:
    out = np.zeros(64, dtype=np.uint8)
    assert out[5 : write_number(out, 5, value)].tobytes().decode() == str(value)


@settings(deadline=None)
@given(st.integers(-3 * 86_400_000, 2 * 86_400_000 - 1))
def test_any_instant_near_the_day_is_written(milliseconds: int) -> None:
    plan = Plan(DAY, 1)
    milliseconds += plan.day_start * 1000
    text = (datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")  # noqa: DTZ001
    for kernel, value, said in (
        (write_seconds, milliseconds // 1000, text[:-4]),
        (write_milliseconds, milliseconds, text),
    ):
        out = np.full(64, 0xEE, dtype=np.uint8)
        assert out[3 : kernel(out, 3, value, digit_tables(plan))].tobytes().decode() == said
        assert out[:3].tolist() == [0xEE] * 3


# records


def test_same_arguments_give_the_same_lines(hits: list[bytes]) -> None:
    again = b"".join(generate_lines(DAY, 12_000, hours=(10, 11))).split(b"\n")[:-1]
    assert again == hits
    assert b"".join(generate_lines(DAY, 12_000, 8, (10, 11))).split(b"\n")[:-1] != hits


def test_as_many_records_as_asked_for(hits: list[bytes]) -> None:
    assert sum(line != b"" for line in hits) == 12_000
    assert sum(line == b"" for line in hits) == counts(12_000)[2] == 1
    assert [sum(map(bool, b"".join(generate_lines(DAY, n)).split(b"\n"))) for n in (1, 2, 99, 1000)] == [1, 2, 99, 1000]


def test_documents_are_the_sources_of_hits(hits: list[bytes]) -> None:
    documents = b"".join(generate_lines(DAY, 12_000, hours=(10, 11), shape="document")).split(b"\n")[:-1]
    assert len(documents) == len(hits)
    source = re.compile(rb'.*"_source": ?(\{.*\}), ?"fields".*|', re.DOTALL)
    sources = [match and (match[1] or b"") for match in map(source.fullmatch, hits)]
    unlike = [pair for pair in zip(sources, documents, strict=True) if pair[0] != pair[1]]
    assert len(unlike) <= counts(12_000)[1]


def test_ids_decode(parsed: list[dict]) -> None:  # type: ignore[type-arg]
    last: dict[int, int] = {}
    created: dict[int, int] = {}
    steps = []
    behind: Counter[int] = Counter()
    for record in parsed:
        number, _, sub_sequence = record["_id"].partition(".")
        assert sub_sequence == "0"
        fields = decoded(int(number))
        shard = fields["shard"]
        assert 0 <= shard < rates.SHARDS
        assert created.setdefault(shard, fields["created"]) == fields["created"] < fields["arrival"]
        if shard in last:
            steps.append(fields["counter"] - last[shard])
        last[shard] = fields["counter"]
        stamp = int(datetime.fromisoformat(record["_source"]["timestamp"]).timestamp())
        behind[stamp - fields["arrival"]] += 1
    assert len(last) == rates.SHARDS
    assert min(steps) > 0
    assert np.mean(steps) == pytest.approx(rates.COUNTER_STEP_MEAN, rel=0.1)
    assert set(behind) == {0, 1, 2}
    assert behind[0] + behind[1] > 0.98 * len(parsed)


def test_wall_clocks_are_utc_labelled_otherwise(parsed: list[dict]) -> None:  # type: ignore[type-arg]
    true_labels = 0
    for record in parsed:
        source = record["_source"]
        stamp = datetime.fromisoformat(source["timestamp"])
        for name in ("request_begin_timestamp", "request_end_timestamp"):
            text = source[name]
            true_labels += text.endswith("Z")
            assert text.endswith(("+09:00", "Z"))
            wall = datetime.fromisoformat(text).replace(tzinfo=UTC)
            assert timedelta(0) <= stamp + timedelta(seconds=1) - wall < timedelta(hours=8)
            assert datetime.fromisoformat(record["fields"][name][0]) == datetime.fromisoformat(text)
        assert record["_index"] == f"sdk-log-{stamp:%Y-%m-%d}"
        assert record["sort"] == [int(stamp.timestamp()) * 1000]
    assert true_labels <= 2 * counts(12_000)[0]


def test_records_arrive_in_order_and_within_the_hours(parsed: list[dict]) -> None:  # type: ignore[type-arg]
    arrivals = [decoded(int(record["_id"].split(".")[0]))["arrival"] for record in parsed]
    assert arrivals == sorted(arrivals)
    stamps = [record["_source"]["timestamp"] for record in parsed]
    assert min(stamps) >= "2021-12-26T10:00:00Z"
    assert max(stamps) <= "2021-12-26T11:59:59Z"
    assert {stamp[11:13] for stamp in stamps} == {"10", "11"}


def test_rates(many: Rows) -> None:
    count = len(many)
    assert count == MANY.records
    status = np.array([answer.status for answer in ANSWERS])[many["answer"]]
    assert np.mean(status >= 400) == pytest.approx(rates.ERROR_SHARE, rel=0.1)
    expected = np.array([function.status for function in FUNCTIONS])[many["call"]]
    assert (status == expected)[status < 400].all()
    lag = many["stamp"].astype(np.int64) - (many["begin"] + many["elapsed"] + many["slip"]) // 1000
    assert lag.min() >= 0
    assert np.mean(lag >= 60) == pytest.approx(rates.LATE_SHARE, rel=0.15)
    assert 0 < np.mean(lag >= 3600) < 0.001
    assert np.mean(lag <= 5) > 0.6
    assert np.mean(many["slip"] <= 2) > 0.9
    assert len(np.unique(many["user"])) == pytest.approx(count / 80 * rates.USERS_PER_SESSION, rel=0.1)
    hour = (many["stamp"] - MANY.start) // 3600
    assert np.bincount(hour) / count == pytest.approx([0.5, 0.5], abs=0.05)


def test_sizes_are_those_of_the_data() -> None:
    size = sum(map(len, generate_lines(DAY, 50_000, hours=(10, 11))))
    assert size / 50_000 == pytest.approx(868.7, rel=0.01)


def test_gaps_between_calls_cost_about_two_bytes(many: Rows) -> None:
    order = np.lexsort((many["begin"], many["user"]))
    gaps = np.diff(many["begin"][order])[np.diff(many["user"][order]) == 0]
    logs = np.log(gaps[gaps > 0])
    bits = (logs.mean() + np.log(logs.std() * np.sqrt(2 * np.pi * np.e))) / np.log(2)
    assert 14.1 < bits < 14.8


def test_games_are_of_very_unequal_size(many: Rows) -> None:
    sessions = draw_sessions(MANY)
    population = draw_population(MANY, sessions.users)
    sizes = np.sort(np.bincount(population.game[many["user"]]))[::-1]
    assert (sizes > 0).sum() > 700
    assert sizes[:30].sum() > 0.3 * sizes.sum()
    assert len(set(population.games)) == rates.GAMES
    assert (population.created < MANY.start * 1000).all()


# unusual records


@pytest.mark.parametrize("records", [1, 999, 1000, 60_000, 1_000_000])
def test_unusual_records_are_as_many_as_documented(records: int) -> None:
    rare, damaged, blank = counts(records)
    places, kinds = draw_kinds(np.random.default_rng(1), records)
    assert len(set(places.tolist())) == len(places)
    tally = Counter(kinds.tolist())
    assert sum(tally[kind] for kind in RARE) == rare
    assert sum(tally[kind] for kind in DAMAGED) == damaged
    assert tally[Kind.BLANK_AFTER] == blank
    if records >= 60_000:
        assert {tally[kind] for kind in RARE} <= {rare // len(RARE), rare // len(RARE) + 1}
    assert damaged >= (2 if records >= 1000 else 0)


@pytest.mark.parametrize("shape", ["hit", "document"])
@pytest.mark.parametrize("kind", RARE)
@pytest.mark.parametrize("luck", [0, 1, 4711, 65535])
def test_rare_records_are_json_but_not_regular(kind: Kind, shape: Shape, luck: int) -> None:
    line = unusual_line(kind, SEED_DOCUMENT, SEED_NUMBER, shape, luck)
    usual = compact(SEED if shape == "hit" else SEED_DOCUMENT)
    record = json.loads(line)
    source = record["_source"] if shape == "hit" else record
    assert line != usual
    assert b"\n" not in line
    same = source == SEED_DOCUMENT
    assert same == (kind in (Kind.KEY_ORDER, Kind.SPACED, Kind.ESCAPED))
    assert source["timestamp"] == SEED_DOCUMENT["timestamp"]


@pytest.mark.parametrize("shape", ["hit", "document"])
@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("luck", [0, 1, 4711, 65535])
def test_damaged_records_are_no_json(kind: Kind, shape: Shape, luck: int) -> None:
    line = unusual_line(kind, SEED_DOCUMENT, SEED_NUMBER, shape, luck)
    assert line.strip()
    assert b"\n" not in line
    with pytest.raises(ValueError, match=r"."):
        json.loads(line)


def test_ascii_nicknames_are_escaped_too() -> None:
    line = unusual_line(Kind.ESCAPED, SEED_DOCUMENT | {"nickName": "Neo7"}, SEED_NUMBER, "hit", 0)
    assert rb'"nickName":"\u004eeo7"' in line
    assert json.loads(line)["_source"]["nickName"] == "Neo7"


# objects


def test_objects(tmp_path: Path, hits: list[bytes]) -> None:
    seen: list[int] = []
    summary = write_sample(tmp_path / "a", DAY, 12_000, hours=(10, 11), progress=seen.append)
    assert summary.files == len(summary.paths) == 2
    for path, hour in zip(summary.paths, ("10", "11"), strict=True):
        relative = path.relative_to(tmp_path / "a").as_posix()
        uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        name = rf"2021/12/26/{hour}/sdk-log-1-2021-12-26-{hour}-\d\d-\d\d-{uuid}\.gz"
        assert re.fullmatch(name, relative)
        assert path.read_bytes()[4:8] == bytes(4)  # RFC 1952: modification time, 0 for none
    lines = b"".join(gzip.decompress(path.read_bytes()) for path in summary.paths)
    assert lines.split(b"\n")[:-1] == hits
    assert summary.raw_bytes == len(lines)
    assert summary.stored_bytes == sum(path.stat().st_size for path in summary.paths)
    assert (summary.records, summary.rare, summary.damaged, summary.blank_lines) == (12_000, *counts(12_000))
    assert seen[-1] == 12_000
    assert seen == sorted(seen)

    again = write_sample(tmp_path / "b", DAY, 12_000, hours=(10, 11))
    assert [path.read_bytes() for path in again.paths] == [path.read_bytes() for path in summary.paths]
    assert [path.name for path in again.paths] == [path.name for path in summary.paths]
    assert write_sample(tmp_path / "b", DAY, 12_000, hours=(10, 11)) == again
    assert sorted(path for path in (tmp_path / "b").rglob("*") if path.is_file()) == sorted(again.paths)


def test_compressions_hold_the_same_lines(tmp_path: Path) -> None:
    lines = b"".join(generate_lines(DAY, 2_000, hours=(3, 3), shape="document"))
    plain = write_sample(tmp_path / "a", DAY, 2_000, hours=(3, 3), shape="document", compression="none")
    zstd = write_sample(tmp_path / "b", DAY, 2_000, hours=(3, 3), shape="document", compression="zstd")
    assert plain.paths[0].suffix == ".ndjson"
    assert zstd.paths[0].suffix == ".zst"
    assert plain.paths[0].read_bytes() == lines
    assert zstandard.ZstdDecompressor().decompressobj().decompress(zstd.paths[0].read_bytes()) == lines
    assert plain.stored_bytes == plain.raw_bytes == zstd.raw_bytes == len(lines)


def test_large_hours_are_split_into_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logpress.sample.write.OBJECT_BYTES", 1_000_000)
    monkeypatch.setattr("logpress.sample.write.SMALLEST_SPLIT_BYTES", 100_000)
    summary = write_sample(tmp_path, DAY, 12_000, hours=(23, 23))
    sizes = [len(gzip.decompress(path.read_bytes())) for path in summary.paths]
    assert len(sizes) == 10
    assert all(300_000 < size < 2_000_000 for size in sizes)
    firsts = [json.loads(gzip.decompress(path.read_bytes()).split(b"\n", 1)[0])["_id"] for path in summary.paths]
    arrivals = [decoded(int(text.split(".")[0]))["arrival"] for text in firsts]
    assert all(a <= b for a, b in pairwise(arrivals))
    assert list(summary.paths) == sorted(summary.paths)


def test_two_samples_do_not_mix(tmp_path: Path) -> None:
    write_sample(tmp_path, DAY, 100, hours=(10, 10))
    write_sample(tmp_path, DAY, 100, hours=(11, 11))
    with pytest.raises(UsageError, match="already has"):
        write_sample(tmp_path, DAY, 101, hours=(10, 10))
    with pytest.raises(UsageError, match="already has"):
        write_sample(tmp_path, DAY, 100, hours=(10, 10), compression="none")


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LogpressError, match="cannot be written"):
        write_sample(tmp_path / "file", DAY, 10)


@pytest.mark.parametrize(
    ("text", "hours"), [("10-12", (10, 12)), ("0-23", (0, 23)), ("7", (7, 7)), (" 08 - 09 ", (8, 9)), ("5-5", (5, 5))]
)
def test_hours_are_parsed(text: str, hours: tuple[int, int]) -> None:
    assert parse_hours(text) == hours


@pytest.mark.parametrize("text", ["", "a", "12-10", "24", "10-24", "-3", "1-2-3", "10:12", "100"])
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a range of hours"):
        parse_hours(text)


@pytest.mark.parametrize(
    "arguments", [{"records": 0}, {"seed": -1}, {"hours": (5, 3)}, {"hours": (0, 24)}, {"shape": "other"}]
)
def test_what_makes_no_sense_is_refused(arguments: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(UsageError):
        next(iter(generate_lines(DAY, **{"records": 10} | arguments)))


def test_rows_are_small() -> None:
    assert ROW.itemsize == 32
