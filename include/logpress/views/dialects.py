"""What the formulas of virtual columns need of an engine: how each SQL dialect writes a handful of operations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date
from typing import ClassVar

_LIFT = 4 * 10**18
"""Above the absolute value of any prediction, which is of 13 columns at most that each say less than 3 * 10^17; and so
far below 2^63 that their sum is, too."""


class Terms(ABC):
    """The operations of which formulas are made. Arguments and results are expressions in the language of an engine.

    Numbers are 64-bit integers. Nulls are contagious, except where a method says another thing.
    """

    @abstractmethod
    def column(self, name: str) -> str:
        """A column."""

    @abstractmethod
    def whole(self, name: str) -> str:
        """A column of integers, as a number."""

    @abstractmethod
    def micros(self, name: str) -> str:
        """A column of instants: microseconds since 1970, exactly."""

    @abstractmethod
    def instant(self, micros: str) -> str:
        """The reverse of `micros`: an instant that knows that it is UTC."""

    @abstractmethod
    def divided(self, number: str, divisor: int) -> str:
        """Divided by a positive number that divides it."""

    @abstractmethod
    def floor_divided(self, number: str, divisor: int) -> str:
        """Divided by a positive number, rounded down."""

    @abstractmethod
    def or_zero(self, number: str) -> str:
        """0 where there is none."""

    @abstractmethod
    def or_zero_beyond(self, number: str, limit: int) -> str:
        """0 where there is none, or its absolute value is the limit or more."""

    def times(self, number: str, factor: int) -> str:
        """Multiplied."""
        return number if factor == 1 else f"{number} * {factor}"

    def plus(self, *numbers: str) -> str:
        """The sum."""
        return f"({' + '.join(numbers)})" if len(numbers) > 1 else numbers[0]


class Sql(Terms):
    """What all SQL dialects have in common.

    Attributes:
        name: of the dialect.
        reads_files: whether it reads the files of a lake, not its catalog.
        quote: what stands around names.
        position: of a row in its file; empty where the engine has no such thing.
        string: the type of a string.
        bigint: the type of a number.
    """

    name: ClassVar[str]
    reads_files: ClassVar[bool] = False
    quote: ClassVar[str] = '"'
    position: ClassVar[str] = ""
    string: ClassVar[str] = "varchar"
    bigint: ClassVar[str] = "bigint"

    def column(self, name: str) -> str:
        """Quoted."""
        return f"{self.quote}{name}{self.quote}"

    def whole(self, name: str) -> str:
        """As 64 bits."""
        return f"CAST({self.column(name)} AS {self.bigint})"

    def or_zero(self, number: str) -> str:
        """As SQL has it."""
        return f"coalesce({number}, 0)"

    def or_zero_beyond(self, number: str, limit: int) -> str:
        """A condition that is null is none."""
        return f"CASE WHEN {number} BETWEEN {1 - limit} AND {limit - 1} THEN {number} ELSE 0 END"

    def divided(self, number: str, divisor: int) -> str:
        """Of integers an integer, rounded towards 0."""
        return f"({number} / {divisor})"

    def floor_divided(self, number: str, divisor: int) -> str:
        """Divisions round towards 0, so the number is lifted above it first; each engine computes it once so."""
        return f"({self.divided(f'({number} + {_LIFT})', divisor)} - {_LIFT // divisor})"

    def text(self, text: str) -> str:
        """A string."""
        return "'" + text.replace("'", "''") + "'"

    def date(self, day: date) -> str:
        """A day."""
        return f"DATE '{day.isoformat()}'"

    def null(self, type_: str) -> str:
        """No value, of a type."""
        return f"CAST(NULL AS {type_})"

    def shown(self, instant: str) -> str:
        """A stored instant as the view shows it."""
        return instant

    @abstractmethod
    def file_name(self) -> str:
        """The name of the file that a row of the table is in, without folders."""

    @abstractmethod
    def failed(self, message: str, condition: str) -> str:
        """A string that is never there: where the condition is true, the query fails.

        Args:
            message: an expression.
            condition: the same as that under which the result is looked at.
        """

    @abstractmethod
    def create(self, view: str, query: str) -> str:
        """The statement that makes a view."""


class Spark(Sql):
    """Spark 3.4 or newer, on an Iceberg table."""

    name = "spark"
    quote = "`"
    position = "_pos"
    string = "string"

    def micros(self, name: str) -> str:
        """Exact."""
        return f"unix_micros({self.column(name)})"

    def instant(self, micros: str) -> str:
        """Exact."""
        return f"timestamp_micros({micros})"

    def divided(self, number: str, divisor: int) -> str:
        """`/` gives a double."""
        return f"({number} div {divisor})"

    def text(self, text: str) -> str:
        """A backslash escapes."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def file_name(self) -> str:
        """Iceberg's metadata column."""
        return "substring_index(_file, '/', -1)"

    def failed(self, message: str, condition: str) -> str:
        """A function for it."""
        return f"CAST(raise_error({message}) AS string)"

    def create(self, view: str, query: str) -> str:
        """Of the session if the name has no point, because not every catalog keeps views."""
        kind = "VIEW" if "." in view else "TEMPORARY VIEW"
        return f"CREATE OR REPLACE {kind} {view} AS\n{query};"


class Trino(Sql):
    """Trino, on an Iceberg table."""

    name = "trino"

    def micros(self, name: str) -> str:
        """`to_unixtime` gives a double, which is exact to a microsecond near 1970 only, so days are counted apart."""
        column = self.column(name)
        days = f"date_diff('day', TIMESTAMP '1970-01-01 00:00:00 UTC', {column})"
        rest = f"to_unixtime(date_add('day', -{days}, {column}))"
        return f"({days} * 86400000000 + CAST(round({rest} * 1e6) AS bigint))"

    def instant(self, micros: str) -> str:
        """By nanoseconds, which need more than 64 bits from the year 2262 on."""
        nanos = f"CAST({micros} AS decimal(38, 0)) * 1000"
        return f"CAST(from_unixtime_nanos({nanos}) AT TIME ZONE 'UTC' AS timestamp(6) with time zone)"

    def file_name(self) -> str:
        """Of a hidden column."""
        return "regexp_extract(\"$path\", '[^/]+$')"

    def failed(self, message: str, condition: str) -> str:
        """Trino has no function that fails, but says what it cannot cast."""
        return f"CAST(CAST({message} AS integer) AS varchar)"

    def create(self, view: str, query: str) -> str:
        """Kept by the catalog."""
        return f"CREATE OR REPLACE VIEW {view} AS\n{query};"


class Athena(Trino):
    """Athena, engine version 3, which is a Trino; its views have no instants with a time zone."""

    name = "athena"

    def instant(self, micros: str) -> str:
        """UTC without saying so."""
        return self.shown(super().instant(micros))

    def shown(self, instant: str) -> str:
        """By way of text: Athena refuses to cast an instant with a time zone to one without."""
        return f"CAST(substr(CAST({instant} AT TIME ZONE 'UTC' AS varchar), 1, 26) AS timestamp(6))"


class DuckDb(Sql):
    """DuckDB, on the files."""

    name = "duckdb"
    reads_files = True
    position = "file_row_number"

    def micros(self, name: str) -> str:
        """Exact."""
        return f"epoch_us({self.column(name)})"

    def instant(self, micros: str) -> str:
        """Exact."""
        return f"make_timestamptz({micros})"

    def divided(self, number: str, divisor: int) -> str:
        """`/` gives a double."""
        return f"({number} // {divisor})"

    def file_name(self) -> str:
        """Of a column that the reader adds."""
        return 'parse_filename("#path")'

    def failed(self, message: str, condition: str) -> str:
        """A function for it."""
        return f"error({message})::varchar"

    def create(self, view: str, query: str) -> str:
        """Kept by the database."""
        return f"CREATE OR REPLACE VIEW {view} AS\n{query};"


class ClickHouse(Sql):
    """ClickHouse, its server or embedded (chdb), on the files."""

    name = "clickhouse"
    reads_files = True
    quote = "`"
    position = "_row_number"
    string = "Nullable(String)"
    bigint = "Nullable(Int64)"

    def micros(self, name: str) -> str:
        """Exact."""
        return f"toUnixTimestamp64Micro({self.column(name)})"

    def instant(self, micros: str) -> str:
        """Exact."""
        return f"fromUnixTimestamp64Micro({micros}, 'UTC')"

    def divided(self, number: str, divisor: int) -> str:
        """`/` gives a double."""
        return f"intDiv({number}, {divisor})"

    def text(self, text: str) -> str:
        """A backslash escapes."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def file_name(self) -> str:
        """Of a virtual column."""
        return "_file"

    def failed(self, message: str, condition: str) -> str:
        """Says a constant only."""
        said = "a part has no lookups that hold for all of it, or none at all; publish its day again"
        return f"CAST(throwIf({condition}, '{said}') AS Nullable(String))"

    def create(self, view: str, query: str) -> str:
        """Kept by the database."""
        return f"CREATE OR REPLACE VIEW {view} AS\n{query};"


SQL: dict[str, Sql] = {found.name: found for found in (Spark(), Trino(), Athena(), DuckDb(), ClickHouse())}
"""By what `--dialect` calls them."""

DIALECTS = (*SQL, "polars")
