"""Records of the contract `every_type`: each codec and type, missing values, extremes, and rows that do not fit."""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.examples import example_values, with_examples

from logpress.codecs.registry import CODECS
from logpress.contract import Contract, load_contract
from logpress.contract.columns import is_predicted

_CONTRACT = Path(__file__).parent / "contracts" / "every_type.yaml"
_MORE = CODECS.keys() - {column.codec for column in load_contract(_CONTRACT).columns}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = ["login", "chat", "gacha", "상점", "a rather long kind of event, longer than bounds are"]


DEVICES = [str(UUID(int=number << 96 | number)) for number in (0, 1, 5 << 28, 2**32 - 1)]
"""UUIDs that repeat; as signed numbers they would be in another order."""


EXAMPLES = {name: values for name, values in example_values(fits=True).items() if name.removeprefix("as_") in _MORE}
"""Values of the columns that the file does not have."""


def every_type(more: Collection[str] = _MORE) -> Contract:
    """The contract, with the examples of codecs that the file does not have."""
    return with_examples(load_contract(_CONTRACT), more)


def sequence(shard: int, created: int, counter: int, arrival: int, sub: int) -> str:
    """A Kinesis sequence number from its parts, in plain Python."""
    digits = f"2{created:09x}{shard & 15:x}{counter:016x}00{arrival:09x}{shard:08x}2"
    return f"{int(digits, 16)}.{sub}"


def instant(rng: random.Random, micros: int) -> str:
    """An instant of some microseconds' steps, from 1823 to 2117, near the epoch or at it."""
    span = 86_400_000_000 * 366 * 147
    at = rng.choice([rng.randrange(-span, span), rng.randrange(-2_000_000, 2_000_000), -1, 0, 1])
    at -= at % micros
    found = (_EPOCH + timedelta(microseconds=at)).isoformat(timespec=_DIGITS[micros])
    return found.replace("+00:00", "Z")


def with_stored(contract: Contract) -> Contract:
    """The contract with all of its virtual columns stored, too."""
    data = contract.model_dump(mode="json", exclude_unset=True)
    for column, of in zip(data["columns"], contract.columns, strict=True):
        if is_predicted(of):
            column["storage"] = "stored"
    return Contract.model_validate(data)


_MISSING = [
    ("flag", "tiny", "ratio", "s"), ("small", "note", "ms"), ("medium", "large", "us"), ("kind",),
    ("payload", "label", "device", "request"), ("_id", "kind"), ("s", "ms", "us", "note"),
    ("tiny", "small", "medium", "large", "ratio", "flag"),
]  # fmt: skip
"""Values that are missing together: each such set is a layout."""

_DIGITS = {1_000_000: "seconds", 1_000: "milliseconds", 1: "microseconds"}


def integer(rng: random.Random, bits: int) -> int:
    """An integer of a width: its extremes, small ones, any."""
    top = 1 << (bits - 1)
    return rng.choice([-top, top - 1, 0, -1, rng.randrange(-9, 9), rng.randrange(-top, top)])


def record(rng: random.Random, day: date, number: int) -> bytes:
    """A record of a day; about one in fifty does not fit the contract."""
    received = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        microseconds=rng.randrange(86_399_000_000)
    )
    elapsed = rng.choice([0, 3, 81, 30_001])
    ended = received + timedelta(milliseconds=elapsed + rng.choice([0, 0, 1]))
    kind = rng.choices(_KINDS, [50, 30, 15, 4, 1])[0]
    second = int(received.timestamp())
    document: dict[str, Any] = {
        "_id": sequence(number % 3, 1_636_376_426, second * 1000 + number, second, 0),
        "number": number,
        "flag": rng.choice([True, False]),
        "tiny": integer(rng, 8),
        "small": integer(rng, 16),
        "medium": integer(rng, 32),
        "large": integer(rng, 64),
        "ratio": rng.choice([-3.5, 0.25, 1013.25, rng.randrange(-(10**9), 10**9) / 64]),
        "kind": kind,
        "note": f"{rng.choice(['note', '쪽지', '🐦'])} {rng.randrange(10**9)}",
        "device": DEVICES[number % len(DEVICES)],
        "request": str(UUID(int=rng.getrandbits(128))),
        "payload": rng.choice([{"a": [1, None]}, [], "text", 7]),
        "label": f"label of {kind}" if rng.random() < 0.95 else "another label",
        "received": received.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "seen": {"s": instant(rng, 1_000_000), "ms": instant(rng, 1_000), "us": instant(rng, 1)},
        "labelled": (received - timedelta(seconds=2) + timedelta(hours=9)).isoformat(timespec="microseconds"),
        "elapsed": elapsed,
        "ended": ended.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    document |= {name: rng.choice(values) for name, values in EXAMPLES.items()}
    document["labelled"] = document["labelled"].replace("+00:00", rng.choice(["+09:00", "Z"]))
    missing = rng.choice(_MISSING) if rng.random() < 0.3 else ()
    for name in missing:
        if name in document["seen"]:
            document["seen"][name] = None
        else:
            document[name] = None
    if rng.random() < 0.02:
        odd: dict[str, Any] = rng.choice(
            [{"tiny": 300}, {"ratio": 7}, {"kind": {"is": "no text"}}, {"more": "than the contract names"}]
        )
        document.update(odd)
    text = json.dumps(document, ensure_ascii=rng.random() < 0.01, separators=(",", ":"))
    return text.encode()


def records(day: date, count: int, seed: int = 7) -> list[bytes]:
    """So many records of a day."""
    rng = random.Random(f"{seed} {day}")
    return [record(rng, day, number) for number in range(count)]


TEXTS = (
    "", " ", "'", '"', "\\", "a\u0000b", "\n\t", "é", "e\u0301", "\uffff", "\U0010ffff", "한" * 70, "x" * 63 + "é",
    "y" * 20_000,
)  # fmt: skip
"""Texts at the edges: empty, quoting, of one byte and of four, longer than bounds are."""

MOMENTS = (
    "0001-01-01T00:00:00.000000Z", "1582-10-10T00:00:00.000001Z", "1677-09-21T00:12:43.145224Z",
    "1900-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000000Z",
    "2262-04-11T23:47:16.854775Z", "2299-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z",
)  # fmt: skip
"""Instants at the edges: of years of four digits, of nanoseconds in 64 bits, of calendars, of the epoch."""


def extremes(day: date, first: int, seed: int = 7) -> list[bytes]:
    """Records of a day at the edges of all types, and some that are kept whole; numbered from `first` on."""
    rng = random.Random(f"{seed} extremes {day}")
    changes: list[dict[str, Any]] = [
        {"seen": {"s": f"{at[:19]}Z", "ms": f"{at[:23]}Z", "us": at}} for at in MOMENTS
    ]  # fmt: skip
    changes += [{name: text} for name in ("note", "kind") for text in TEXTS]
    changes += [{"note": f"{number:x}" + rng.randbytes(10_000).hex()} for number in range(16)]
    for name, bits in (("tiny", 8), ("small", 16), ("medium", 32), ("large", 64)):
        changes += [{name: value} for value in (-(1 << bits - 1), -(1 << bits - 1) + 1, (1 << bits - 1) - 1, 0, -1)]
    changes += [{"ratio": value} for value in (0.0, -0.0, 0.1, 123456789.123456, 1e15, 1e308, -1e308, 5e-324)]
    lines: list[str] = []
    for change in changes:
        document = json.loads(record(rng, day, first + len(lines)))
        lines.append(json.dumps({**document, **change}, ensure_ascii=False, separators=(",", ":")))
    for _ in range(4):  # a text in two spellings: the second is kept whole
        document = {**json.loads(record(rng, day, first + len(lines))), "kind": "상점", "note": "상점"}
        lines.append(json.dumps(document, separators=(",", ":")))
    return [line.encode() for line in lines]
