"""A lake on this machine's disk, what readers are asked of its tables, and the right answers."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.integration import lakes
from tests.integration.lakes import DAYS, EMPTY_DAY, EPOCH, Table
from tests.integration.matrix.questions import Asked, Column, Condition, Kind, Question, Row, Type, Value, answer

from logpress.contract import Contract

_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Expected:
    """A table, what is asked of it, and the right answers in the order of the questions."""

    asked: Asked
    answers: tuple[list[Row], ...]

    def wrong_of(self, kind: Kind, given: Sequence[dict[str, Any]]) -> list[str]:
        """What is wrong with the answers to the questions of a kind."""
        places = [place for place, question in enumerate(self.asked.questions) if question.kind == kind]
        assert len(places) == len(given) > 0
        found = (self.wrong(place, answered) for place, answered in zip(places, given, strict=True))
        return [wrong for wrong in found if wrong]

    def wrong(self, place: int, given: dict[str, Any]) -> str | None:
        """What is wrong with an answer; None if it is right."""
        question = self.asked.questions[place]
        if "error" in given:
            return f"{self.asked.table}, {question.text}: {given['error'].strip()}"
        found, right = (Counter(map(tuple, rows)) for rows in (given["rows"], self.answers[place]))
        if question.kind == "bounds":  # one row a column, in order
            for column, got, expected in zip(question.columns, given["rows"], self.answers[place], strict=True):
                if tuple(got) != expected:
                    return f"{self.asked.table}, {column.name}: {got} where {list(expected)} is right"
            return None
        if found == right:
            return None
        more, less = list((found - right).elements()), list((right - found).elements())
        columns = [
            column.name for at, column in enumerate(question.columns)
            if Counter(row[at] for row in more) != Counter(row[at] for row in less)
        ]  # fmt: skip
        return (
            f"{self.asked.table}, {question.text}: {len(less)} of {right.total()} rows are wrong or missing,"
            f" {len(more)} given instead; columns {', '.join(columns)};"
            f" for example {str(more[:1])[:300]} and {str(less[:1])[:300]}"
        )


def build(home: Path, contracts: Sequence[Contract]) -> list[Expected]:
    """Press all days of all tables into `home`/lake, and make up the questions."""
    lake = home / "lake"
    found = []
    for contract in contracts:
        for day in DAYS:
            records = lakes.records_of(contract, day)
            rejects = [b"no record", b'{"cut": ', records[6]]  # the last has been read before
            lakes.press(contract, day, records + rejects, str(lake), home)
        lakes.press(contract, EMPTY_DAY, [b"no record", b"nor this"], str(lake), home)
        found.append(expected_of(lakes.read(str(lake), contract), lake, home))
    return found


def expected_of(table: Table, lake: Path | None = None, home: Path | None = None) -> Expected:
    """What a table is asked, and the right answers; with what readers of files need, if it lies in a folder `lake`.

    Args:
        table: as logpress reads it.
        lake: the lake's folder.
        home: where the table is made as Iceberg's Hadoop catalog has it.
    """
    # each reader shows UUIDs in its own way: docs/codecs.md, tests/unit/codecs/test_uuids.py
    uuids = {column.name for column in table.contract.columns if column.codec == "uuid"}
    names = [name for name in table.rows.column_names if name not in uuids]
    columns = tuple(Column(name, _type(table, name)) for name in names)
    rows: list[dict[str, Value]] = [
        {name: value.hex().upper() if isinstance(value, bytes) else value for name, value in row.items()}
        for row in table.rows.select(names).to_pylist()
    ]
    questions = tuple(questions_of(table.name, {column.name: column for column in columns}, rows))
    asked = Asked(table.name, (), "", "", "", "", "", columns, questions)
    if lake is not None and home is not None:
        metadata = max((lake / table.name / "metadata").glob("*.metadata.json"))
        there = home / "hadoop" / "logpress" / table.name / "metadata"
        there.mkdir(parents=True)
        shutil.copy(metadata, there / "v1.metadata.json")
        (there / "version-hint.text").write_text("1")
        files = tuple(dict.fromkeys(table.paths))
        asked = replace(
            asked, files=files, folder=str(lake / table.name / "data"), metadata=str(metadata),
            catalog=str(lake / "catalog.sqlite"), hadoop=str(home / "hadoop"), lake=str(lake),
        )  # fmt: skip
    return Expected(asked, tuple(answer(question, rows) for question in questions))


def _type(table: Table, name: str) -> Type:
    if name in table.instants:
        return "instant"
    if name == "day":
        return "date"
    kind = table.rows[name].type
    if pa.types.is_floating(kind):
        return "double"
    named: dict[pa.DataType, Type] = {pa.string(): "string", pa.binary(): "binary", pa.bool_(): "boolean"}
    return named.get(kind, "integer")


def micros(text: str) -> int:
    """An instant of UTC as microseconds."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def questions_of(table: str, columns: dict[str, Column], rows: Sequence[dict[str, Any]]) -> list[Question]:
    """The questions to a table: at least ten conditions on instants and texts."""
    ask = _Asking(columns)
    ask.rows()
    if table == "every_type":
        ask.shown = ("number", "seen_us", "kind")
        noon = micros(f"{DAYS[0]} 12:00")
        ask.between("received_at", noon, noon + _HOUR)
        ask.between("received_at", noon + 12 * _HOUR, noon + 36 * _HOUR)
        some = sorted(row["received_at"] for row in rows)[len(rows) // 2]
        ask.between("received_at", some, some + 1)
        ask.between("seen_us", micros("0001-01-01"), micros("1970-01-01"))
        ask.between("seen_us", micros("1969-12-31 23:59:59.999999"), 1)
        ask.between("seen_ms", micros("2262-04-11"), micros("9999-12-31 23:59:59.999"))
        ask.between("seen_s", micros("9999-12-31 23:59:59"), micros("9999-12-31 23:59:59.999999"))
        for text in ("상점", "", "no such kind"):
            ask.equal("kind", text)
        for text in ("", "한" * 70, "'", "\\", "y" * 20_000):
            ask.equal("note", text)
        ask.between("note", "note 5", "note 6")
        ask.between("note", "쪽", "쫀")
        for value in (-(2**63) + 1, 2**63 - 1, 0):
            ask.equal("large", value)
        ask.between("large", -9, 9)
        ask.between("medium", 2**31 - 1, 2**31)
        ask.equal("tiny", -128)
        ask.between("small", -(2**15), -(2**15) + 2)
        ask.groups("kind", "elapsed_ms")
    else:
        ask.shown = ("request_begin_at", "_id_counter", "func_name")
        noon = micros(f"{DAYS[0]} 12:00")
        ask.between("request_begin_at", noon, noon + _HOUR)
        ask.between("request_begin_at", noon + 12 * _HOUR, noon + 36 * _HOUR)
        user = sorted(row["user_created_at"] for row in rows if row["user_created_at"] is not None)[len(rows) // 3]
        ask.between("user_created_at", user, user + 1)
        ask.equal("client_app_id", "game-03")
        ask.equal("response_reason", "없는 유저입니다")
        ask.equal("nickname", 'a "quoted" \\ one')
        ask.between("response_status_code", 400, 600)
        ask.equal("response_elapsed_ms", 30_001)
        ask.groups("func_name", "response_elapsed_ms")
    ask.bounds()
    return ask.questions


class _Asking:
    def __init__(self, columns: dict[str, Column]) -> None:
        self.columns = columns
        self.questions: list[Question] = []
        self.shown: tuple[str, ...] = ()

    def rows(self) -> None:
        self.questions.append(Question("rows", tuple(self.columns.values())))

    def _where(self, *conditions: Condition) -> None:
        column = conditions[0].column
        kind = column.type
        assert kind in ("instant", "string", "integer")
        self.questions.append(Question(kind, tuple(self.columns[name] for name in self.shown), conditions))

    def between(self, name: str, low: Any, high: Any) -> None:
        """Half open."""
        column = self.columns[name]
        self._where(Condition(column, ">=", low), Condition(column, "<", high))

    def equal(self, name: str, value: Any) -> None:
        self._where(Condition(self.columns[name], "=", value))

    def groups(self, key: str, number: str) -> None:
        self.questions.append(Question("groups", (self.columns[key], self.columns[number])))

    def bounds(self) -> None:
        found = tuple(column for column in self.columns.values() if column.type not in ("binary", "boolean"))
        self.questions.append(Question("bounds", found))
