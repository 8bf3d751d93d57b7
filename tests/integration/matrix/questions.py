"""What every reader is asked, in terms that each has: conditions, bounds, groups. Imports nothing but Python itself."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

Kind = Literal["rows", "instant", "string", "integer", "bounds", "groups"]
Type = Literal["instant", "date", "integer", "double", "boolean", "string", "binary"]
Value = int | float | bool | str | None
Row = tuple[Value, ...]

KINDS: dict[Kind, str] = {
    "rows": "every value",
    "instant": "filter on an instant",
    "string": "on a string",
    "integer": "on an integer",
    "bounds": "min and max",
    "groups": "group by",
}


@dataclass(frozen=True)
class Column:
    """A stored column.

    Attributes:
        type: of its values. Answers have an instant as microseconds since 1970 in UTC, a date as days since 1970, and
            bytes as hexadecimal digits in capitals.
    """

    name: str
    type: Type


@dataclass(frozen=True)
class Condition:
    """A comparison: `column operator value`, of which the value is as in answers."""

    column: Column
    operator: Literal[">=", "<", "<=", "="]
    value: int | str

    def holds(self, value: Value) -> bool:
        """Whether a value fulfils it; a missing one never does."""
        if value is None:
            return False
        compared: dict[str, bool] = {
            ">=": value >= self.value, "<": value < self.value,  # type: ignore[operator]
            "<=": value <= self.value, "=": value == self.value,  # type: ignore[operator]
        }  # fmt: skip
        return compared[self.operator]


@dataclass(frozen=True)
class Question:
    """A question to a table.

    Attributes:
        kind: `rows`: all values of `columns`. `instant`, `string`, `integer`: values of `columns` in rows that fulfil
            all `conditions`. `bounds`: least and greatest value and number of values of each of `columns`. `groups`:
            number of rows, and sum (0 if there are none) of the second of `columns`, by values of the first.
    """

    kind: Kind
    columns: tuple[Column, ...]
    conditions: tuple[Condition, ...] = ()

    @property
    def text(self) -> str:
        """For messages."""
        shown = [f"{c.column.name} {c.operator} {str(c.value)[:40]!r}" for c in self.conditions]
        return f"{self.kind} {' and '.join(shown)}".strip()


@dataclass(frozen=True)
class Asked:
    """A table, and what is asked of it.

    Attributes:
        table: its name.
        files: its part files, all days.
        folder: the folder of the table's data.
        metadata: the newest file of its Iceberg metadata.
        catalog: the lake's catalog.sqlite.
        hadoop: a folder of tables as Iceberg's Hadoop catalog has them.
        lake: the lake's folder.
    """

    table: str
    files: tuple[str, ...]
    folder: str
    metadata: str
    catalog: str
    hadoop: str
    lake: str
    columns: tuple[Column, ...]
    questions: tuple[Question, ...]

    def of(self, kinds: Sequence[Kind]) -> Asked:
        """The same with questions of these kinds only."""
        return replace(self, questions=tuple(question for question in self.questions if question.kind in kinds))

    def write(self, path: Path) -> None:
        """For a reader's own process."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Asked:
        """The reverse of `write`."""
        found = json.loads(path.read_text())
        columns = {given["name"]: Column(**given) for given in found.pop("columns")}
        questions = tuple(
            Question(
                given["kind"],
                tuple(columns[column["name"]] for column in given["columns"]),
                tuple(Condition(columns[c["column"]["name"]], c["operator"], c["value"]) for c in given["conditions"]),
            )
            for given in found.pop("questions")
        )
        return cls(**{**found, "files": tuple(found["files"])}, columns=tuple(columns.values()), questions=questions)


def answer(question: Question, rows: Sequence[dict[str, Value]]) -> list[Row]:
    """The right answer, from all values of a table, in plain Python; in any order."""
    names = [column.name for column in question.columns]
    if question.kind == "bounds":
        found = [[row[name] for row in rows if row[name] is not None] for name in names]
        return [(min(values, default=None), max(values, default=None), len(values)) for values in found]  # type: ignore[type-var]
    if question.kind == "groups":
        groups: dict[Value, list[Any]] = defaultdict(lambda: [0, 0])
        for row in rows:
            group = groups[row[names[0]]]
            group[0] += 1
            group[1] += row[names[1]] or 0
        return [(key, count, total) for key, (count, total) in groups.items()]
    kept = [
        row for row in rows if all(condition.holds(row[condition.column.name]) for condition in question.conditions)
    ]
    return [tuple(row[name] for name in names) for row in kept]
