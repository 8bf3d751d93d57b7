"""Records of the contract `moved`: residuals of every unit, numbers of 64 bits, lookups that differ by row group."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.every_type import instant, integer

from logpress.contract import Contract, load_contract

_KINDS = ["a/b", "it's", 'a "quoted" \\ one', "상점", ""]


def moved() -> Contract:
    """The contract."""
    return load_contract(Path(__file__).parent / "contracts" / "moved.yaml")


def _text(at: datetime, digits: str) -> str:
    return at.isoformat(timespec=digits).replace("+00:00", "Z")


def record(rng: random.Random, day: date, number: int, count: int) -> bytes:
    """A record of a day; some values are missing, some records do not fit."""
    begun = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(microseconds=rng.randrange(86_399_000_000))
    waited = rng.choice([0, 3, 81, 30_001, -7, integer(rng, 64), 3 * 10**14, 3 * 10**14 - 1, 1 - 3 * 10**14, -(2**53)])
    ran = integer(rng, 16)
    ended = begun + timedelta(milliseconds=(waited if abs(waited) < 10**9 else 0) + ran + rng.choice([0, 1, -1]))
    kind = rng.choice(_KINDS)
    half = "first" if number < count // 2 else "second"
    document: dict[str, Any] = {
        "number": number,
        "kind": kind,
        "place": f"{half}/place of {kind}" if rng.random() < 0.95 else "else'where",
        "colour": f"colour of {kind}" if rng.random() < 0.9 else "grey",
        "begun": _text(begun, "microseconds"),
        "waited": waited,
        "ran": ran,
        "ended": _text(ended, "milliseconds"),
        "told": _text(ended, "seconds"),
        "seen": instant(rng, 1),
        "gone": instant(rng, 1_000_000),
        "found": instant(rng, 1),
        "due": instant(rng, 1_000),
        "paid": instant(rng, 1_000),
    }
    for name in rng.sample(sorted(document.keys() - {"begun", "number"}), rng.choice([0, 0, 0, 1, 2])):
        document[name] = None
    if rng.random() < 0.02:
        odd: dict[str, Any] = rng.choice(
            [{"ran": 70_000}, {"kind": 7}, {"ended": "no time"}, {"place": {"is": "no text"}}]
        )
        document.update(odd)
    if rng.random() < 0.01:
        return json.dumps(document, ensure_ascii=False).replace('"number"', '"number" ').encode()
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("a/b", "a\\/b").encode()


def records(day: date, count: int, seed: int = 7) -> list[bytes]:
    """So many records of a day."""
    rng = random.Random(f"{seed} {day}")
    return [record(rng, day, number, count) for number in range(count)]
