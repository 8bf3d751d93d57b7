"""Questions in the SQL of each engine. Imports nothing but Python itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.integration.matrix.questions import Column, Condition, Question


@dataclass(frozen=True)
class Dialect:
    """What engines write differently; `{}` is a column or a text.

    Attributes:
        instant: of an instant, its microseconds since 1970.
        date: of a date, its days since 1970.
        binary: of bytes, their hexadecimal digits.
        moment: a literal of an instant, from its text in UTC without a zone.
        far: the same where its nanoseconds since 1970 need more than 64 bits, if that has to be written differently.
        escapes: whether a backslash in a literal of text escapes.
        quote: around names.
    """

    instant: str
    date: str
    binary: str
    moment: str
    far: str = ""
    escapes: bool = False
    quote: str = '"'

    def name(self, column: Column) -> str:
        """A column's name."""
        return f"{self.quote}{column.name}{self.quote}"

    def value(self, column: Column) -> str:
        """A column's values as answers have them."""
        form = {"instant": self.instant, "date": self.date, "binary": self.binary}.get(column.type, "{}")
        return form.format(self.name(column))

    def literal(self, column: Column, value: int | str) -> str:
        """A value to compare a column with."""
        if column.type == "instant":
            is_far = bool(self.far) and not -(2**63) <= int(value) * 1000 < 2**63
            return (self.far if is_far else self.moment).format(text_of(int(value)))
        if isinstance(value, int):
            return str(value)
        escaped = value.replace("\\", "\\\\") if self.escapes else value
        return "'{}'".format(escaped.replace("'", "\\'" if self.escapes else "''"))

    def condition(self, condition: Condition) -> str:
        """A comparison."""
        column = condition.column
        return f"{self.name(column)} {condition.operator} {self.literal(column, condition.value)}"

    def sql(self, question: Question, table: str) -> str:
        """A query whose rows are the answer."""
        if question.kind == "groups":
            key, number = map(self.name, question.columns)
            return f"SELECT {key}, count(*), coalesce(sum({number}), 0) FROM {table} GROUP BY {key}"
        if question.kind == "bounds":
            parts = []
            for column in question.columns:
                low, high = f"min({self.name(column)})", f"max({self.name(column)})"
                form = {"instant": self.instant, "date": self.date}.get(column.type, "{}")
                parts += [form.format(low), form.format(high), f"count({self.name(column)})"]
            return f"SELECT {', '.join(parts)} FROM {table}"
        where = " AND ".join(map(self.condition, question.conditions))
        return f"SELECT {', '.join(map(self.value, question.columns))} FROM {table}" + (f" WHERE {where}" * bool(where))


def text_of(micros: int) -> str:
    """An instant as SQL writes it: `2021-12-26 12:00:00.000000`, in UTC."""
    at = datetime(1970, 1, 1) + timedelta(microseconds=micros)  # noqa: DTZ001 - its zone is said beside
    return at.isoformat(" ", timespec="microseconds")


def ask(question: Question, dialect: Dialect, table: str, run: Callable[[str], list[tuple]]) -> list[tuple]:  # type: ignore[type-arg]
    """Run a question."""
    found = run(dialect.sql(question, table))
    if question.kind != "bounds":
        return found
    [row] = found
    return [tuple(row[at : at + 3]) for at in range(0, len(row), 3)]


def ask_together(
    questions: Sequence[Question],
    dialect: Dialect,
    table: str,
    run: Callable[[str], list[tuple]],  # type: ignore[type-arg]
) -> list[list[tuple]]:  # type: ignore[type-arg]
    """Run questions of the same columns as one query, for engines that take long to begin one."""
    if len(questions) == 1:
        return [ask(questions[0], dialect, table, run)]
    parts = []
    for place, question in enumerate(questions):
        parts.append(dialect.sql(question, table).replace("SELECT ", f"SELECT {place} AS asked_as, ", 1))
    found: list[list[tuple]] = [[] for _ in questions]  # type: ignore[type-arg]
    for row in run(" UNION ALL ".join(parts)):
        found[int(row[0])].append(tuple(row[1:]))
    return found


DUCKDB = Dialect("epoch_us({})", "date_diff('day', DATE '1970-01-01', {})", "hex({})", "TIMESTAMPTZ '{}+00'")
CLICKHOUSE = Dialect(
    "toUnixTimestamp64Micro({})", "toInt32({})", "hex({})", "toDateTime64('{}', 6, 'UTC')", escapes=True
)
DATAFUSION = Dialect(
    "arrow_cast({}, 'Int64')",
    "arrow_cast({}, 'Int32')",
    "upper(encode({}, 'hex'))",
    "TIMESTAMP '{}+00:00'",
    far="arrow_cast('{}+00:00', 'Timestamp(Microsecond, Some(\"UTC\"))')",
)
SPARK = Dialect("unix_micros({})", "unix_date({})", "hex({})", "TIMESTAMP '{} UTC'", escapes=True, quote="`")
TRINO = Dialect("{}", "{}", "to_hex({})", "TIMESTAMP '{} UTC'")  # its instants and dates come as texts: see trino.py
