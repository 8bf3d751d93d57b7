"""The checks of a contract, by kind: what a day must be like before it is published.

A check of level `fail` that fails keeps the day out of the lake, one of level `warn` is reported. docs/checks.md shows
each kind by example; `logpress.quality.checks` runs them. The kinds are one module, because they are one list, each of
a few lines.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from logpress.contract.base import Level, Model, Name
from logpress.contract.columns import Column, Instant

MOST_UNIQUE_COLUMNS = 3
"""[memory] Columns of a check of kind `unique`, as a row group of each is in memory at a time."""

Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]

_MOST_VALUES = 10
"""Allowed values that a message names."""

_NUMBERS = ("integer", "decimal", "instant")
_TEXTS = ("category", "text", "json", "lookup")


class CheckBase(Model):
    """What all checks have.

    Attributes:
        codecs: codecs of the columns that a check of this kind can be asked of; empty for all.
    """

    codecs: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:
        kind: str  # each kind has its own, the first of its keys

    level: Level = "fail"

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it is about; none where it is about the day."""
        return ()

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that must be read for it, row by row, besides those of `where`; none if counts suffice."""
        return ()

    def see_columns(self, columns: Mapping[str, Column], personal: Collection[str] = ()) -> None:
        """See that it can be asked of its columns, all of which the table has.

        Args:
            columns: of the table, by name.
            personal: the columns of which no value is told.

        Raises:
            ValueError: if it cannot.
        """
        for name in self.named:
            if self.codecs and columns[name].codec not in self.codecs:
                raise ValueError(
                    f"a check of kind {self.kind} does not apply to {name!r}, whose codec is "
                    f"{columns[name].codec}; it applies to {', '.join(self.codecs)}; change or remove it"
                )


class MinRows(CheckBase):
    """The day has so many rows at least."""

    kind: Literal["min_rows"]
    min: Finite = Field(ge=0)


class MaxRows(CheckBase):
    """The day has so many rows at most."""

    kind: Literal["max_rows"]
    max: Finite = Field(ge=0)


class MaxIrregularShare(CheckBase):
    """So few rows are irregular: some or all of their bytes are stored as text."""

    kind: Literal["max_irregular_share"]
    max: Share


class MaxRejectShare(CheckBase):
    """So few records are rejects; duplicates are not counted, because they have a check of their own."""

    kind: Literal["max_reject_share"]
    max: Share


class MaxDuplicateShare(CheckBase):
    """So few records equal an earlier record of their slice."""

    kind: Literal["max_duplicate_share"]
    max: Share


class Hours(CheckBase):
    """So many of the day's 24 hours (UTC) have `min_rows` rows at least, by the table's `day` column."""

    kind: Literal["hours"]
    min: int = Field(default=24, ge=1, le=24)
    min_rows: int = Field(default=1, ge=1)


class CountedCheck(CheckBase):
    """A check that each row passes or breaks; of a day, that few break it."""

    @property
    @abstractmethod
    def allowed(self) -> float:
        """The share of rows that may break it."""

    @property
    @abstractmethod
    def fault(self) -> str:
        """What rows that break it are or have, after "3 of 1,000 "."""


class RowsCheck(CountedCheck):
    """A counted check of all rows, or of those for which all conditions of `where` hold."""

    max_share: Share = Field(default=0.0, description="share of rows that may break it")
    where: tuple[str, ...] = Field(default=(), description="conditions as on the command line: `func_name = Login`")

    @model_validator(mode="before")
    @classmethod
    def _one_condition_is_a_list_of_one(cls, data: object) -> object:
        if isinstance(data, dict):
            return {
                key: [value] if key in ("where", "conditions") and isinstance(value, str) else value
                for key, value in data.items()
            }
        return data

    @property
    def allowed(self) -> float:
        """`max_share`."""
        return self.max_share


class ColumnCheck(RowsCheck):
    """A check of each value of a column."""

    column: Name

    @property
    def named(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def read(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


class NotNull(ColumnCheck):
    """Rows have a value."""

    kind: Literal["not_null"]

    @property
    def fault(self) -> str:
        """Which values break it."""
        return f"values of {self.column} are null"


class Filled(CheckBase):
    """A share of `min_share` of the rows has a value, and one row at least."""

    kind: Literal["filled"]
    column: Name
    min_share: Share = 0.0

    @property
    def named(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def read(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


class Range(ColumnCheck):
    """Values are numbers from `min` to `max`, or instants, whose bounds are seconds since 1970 (UTC)."""

    codecs = _NUMBERS

    kind: Literal["range"]
    min: Finite | None = None
    max: Finite | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError("a check of kind range needs `min` or `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("a check of kind range has a `min` above its `max`")
        return self

    @property
    def fault(self) -> str:
        """Which values break it."""
        low, high = ("any" if bound is None else f"{bound:.12g}" for bound in (self.min, self.max))
        return f"values of {self.column} are outside {low} to {high}"


class Values(ColumnCheck):
    """Values are among these."""

    codecs = _TEXTS

    kind: Literal["values"]
    values: tuple[str, ...] = Field(min_length=1)

    @property
    def fault(self) -> str:
        """Which values break it."""
        named, more = ", ".join(self.values[:_MOST_VALUES]), len(self.values) - _MOST_VALUES
        return f"values of {self.column} are not among {named}" + (f" and {more:,} more" if more > 0 else "")


class Pattern(ColumnCheck):
    """Values match a regular expression (RE2) from their beginning to their end."""

    codecs = _TEXTS

    kind: Literal["pattern"]
    pattern: str = Field(min_length=1, max_length=1000)

    @property
    def fault(self) -> str:
        """Which values break it."""
        return f"values of {self.column} do not match {self.pattern}"


class Unique(CheckBase):
    """No two rows have the same values in these columns; rows with a null in one of them are left out."""

    kind: Literal["unique"]
    column: Name | None = None
    columns: tuple[Name, ...] = Field(default=(), description="columns that only together have no repeats")
    max_share: Share = Field(default=0.0, description="share of rows that may break it")

    @property
    def named(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns or (() if self.column is None else (self.column,))

    @model_validator(mode="after")
    def _has_columns(self) -> Unique:
        if bool(self.columns) == (self.column is not None):
            raise ValueError("a check of kind unique needs either `column` or `columns`")
        if len(self.columns) > MOST_UNIQUE_COLUMNS:
            raise ValueError(
                f"a check of kind unique takes at most {MOST_UNIQUE_COLUMNS} columns, not {len(self.columns)}"
            )
        for name in self.columns:
            if self.columns.count(name) > 1:
                raise ValueError(f"a check of kind unique names {name!r} twice")
        return self


class Compare(RowsCheck):
    """The first column's value and the second one's compare so; rows with a null in one of them pass."""

    kind: Literal["compare"]
    columns: tuple[Name, Name]
    operator: Literal["=", "!=", "<", "<=", ">", ">="]

    @property
    def named(self) -> tuple[str, ...]:
        """Both columns."""
        return self.columns

    @property
    def read(self) -> tuple[str, ...]:
        """Both columns."""
        return self.columns

    @property
    def fault(self) -> str:
        """What rows that break it do."""
        return f"rows break {self.columns[0]} {self.operator} {self.columns[1]}"

    def see_columns(self, columns: Mapping[str, Column], personal: Collection[str] = ()) -> None:
        """See that values of both columns can be compared."""
        kinds = {columns[name].compares_as for name in self.columns}
        if len(kinds) > 1 or None in kinds:
            raise ValueError(
                f"a check of kind compare cannot compare {self.columns[0]!r} with {self.columns[1]!r}; name two "
                "columns of numbers, of instants, of booleans or of texts"
            )


class Order(RowsCheck):
    """Instants of a row follow each other, each at most `tolerance` before the one named before it."""

    codecs = ("instant",)

    kind: Literal["order"]
    columns: tuple[Name, ...] = Field(min_length=2, max_length=8)
    tolerance: timedelta = Field(default=timedelta(0), ge=timedelta(0))

    @property
    def named(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def read(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def fault(self) -> str:
        """What rows that break it have."""
        within = f" by more than {self.tolerance}" if self.tolerance else ""
        return f"rows have {', '.join(self.columns)} in another order{within}"


class Where(RowsCheck):
    """Rows for which all these conditions hold break it."""

    kind: Literal["where"]
    conditions: tuple[str, ...] = Field(
        min_length=1, description="as on the command line: `response_status_code >= 500`"
    )

    @property
    def fault(self) -> str:
        """What rows that break it have."""
        return f"rows have {' and '.join(self.conditions)}"


class Lateness(CountedCheck):
    """An instant follows another within `max`, in a share of `quantile` of the rows."""

    codecs = ("instant",)

    kind: Literal["lateness"]
    column: Name = Field(description="the later instant, such as that of arrival")
    since: Name = Field(description="the earlier one")
    quantile: Share = 0.99
    max: timedelta

    @property
    def named(self) -> tuple[str, ...]:
        """Both columns."""
        return self.column, self.since

    @property
    def read(self) -> tuple[str, ...]:
        """Both columns."""
        return self.column, self.since

    @property
    def allowed(self) -> float:
        """All but `quantile`."""
        return 1 - self.quantile

    @property
    def fault(self) -> str:
        """What rows that break it have."""
        return f"rows have {self.column} more than {self.max} after {self.since}"


class CorrectedLabels(CheckBase):
    """So few instants have a label (offset) that contradicts the column by which it is checked."""

    codecs = ("instant",)

    kind: Literal["corrected_labels"]
    column: Name
    max_share: Share

    @property
    def named(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def see_columns(self, columns: Mapping[str, Column], personal: Collection[str] = ()) -> None:
        """See that the labels are checked."""
        super().see_columns(columns, personal)
        column = columns[self.column]
        if not isinstance(column, Instant) or column.label_checked_by is None:
            raise ValueError(
                f"a check of kind corrected_labels needs a column with `label_checked_by`; {self.column!r} has none"
            )


Measure = Literal[
    "rows", "hours", "bytes_a_record", "irregular", "rejects", "duplicates", "layouts", "fields",
    "nulls", "distribution", "shares", "new_values", "vanished_values", "corrected_labels",
]  # fmt: skip

OF_THE_DAY: tuple[Measure, ...] = (
    "rows", "hours", "bytes_a_record", "irregular", "rejects", "duplicates", "layouts", "fields",
)  # fmt: skip
"""Measures that are not of a column."""


OF_VALUES: tuple[Measure, ...] = ("shares", "new_values", "vanished_values")
"""Measures of single values of a column."""


class Drift(CheckBase):
    """A measure of the day is as it was on earlier days.

    Earlier days are the same weekday of the last 4 weeks, if 3 of them are published, else the last 7 days, if 3 are;
    with fewer, nothing is compared. `logpress.quality.drift` has the statistics.
    """

    kind: Literal["drift"]
    of: Measure
    column: Name | None = Field(default=None, description="of a measure of columns; None: all that have it")
    min_change: Finite | None = Field(
        default=None, gt=0, description="smallest change that counts, in the measure's own unit; None: its default"
    )
    deviations: Finite = Field(
        default=5.0, gt=0, description="robust standard deviations from the median that are still as usual"
    )

    @property
    def named(self) -> tuple[str, ...]:
        """The column, if it has one."""
        return () if self.column is None else (self.column,)

    @model_validator(mode="after")
    def _measure_has_columns(self) -> Drift:
        if self.column is not None and self.of in OF_THE_DAY:
            raise ValueError(f"a check of kind drift has no `column` for {self.of}, which is of the whole day")
        return self

    def see_columns(self, columns: Mapping[str, Column], personal: Collection[str] = ()) -> None:
        """See that the profile of a day has what is compared of the column, because else nothing ever would be."""
        if self.column is None:
            return
        column = columns[self.column]
        lacks = ""
        if self.of == "corrected_labels":
            if not isinstance(column, Instant) or column.label_checked_by is None:
                lacks = "has no `label_checked_by`"
        elif column.compares_as is None:
            lacks = f"has the codec {column.codec}, whose values are not compared"
        elif self.of in OF_VALUES and column.codec == "instant":
            lacks = "is an instant, whose values hardly ever repeat"
        elif self.of in (*OF_VALUES, "distribution") and self.column in personal:
            lacks = "is personal, so no values of it are kept"
        if lacks:
            raise ValueError(
                f"a check of kind drift cannot compare {self.of} of {self.column!r}, which {lacks}; name another "
                "column, or another measure"
            )


Check = Annotated[
    MinRows
    | MaxRows
    | MaxIrregularShare
    | MaxRejectShare
    | MaxDuplicateShare
    | Hours
    | NotNull
    | Filled
    | Range
    | Values
    | Pattern
    | Unique
    | Compare
    | Order
    | Where
    | Lateness
    | CorrectedLabels
    | Drift,
    Field(discriminator="kind"),
]

KINDS: tuple[str, ...] = tuple(
    kind for model in get_args(get_args(Check)[0]) for kind in get_args(model.model_fields["kind"].annotation)
)
"""The kinds of checks."""


def name_of(check: CheckBase) -> str:
    """A check's name: its kind, its measure, its columns, and its conditions."""
    words = [check.kind, check.of if isinstance(check, Drift) else "", ", ".join(check.named)]
    if isinstance(check, Compare):
        words[-1] = f" {check.operator} ".join(check.columns)
    if isinstance(check, Where):
        words.append(" and ".join(check.conditions))
    if isinstance(check, RowsCheck) and check.where:
        words.append(f"where {' and '.join(check.where)}")
    return re.sub(" +", " ", " ".join(words)).strip()
