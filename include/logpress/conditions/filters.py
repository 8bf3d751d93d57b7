"""Conditions on rows, compiled to one Arrow expression and the columns that it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logpress.conditions.names import no_column
from logpress.errors import UsageError

Condition = tuple[str, str, Any]
Where: TypeAlias = "pc.Expression | Sequence[Condition] | Sequence[Sequence[Condition]]"

_OPERATIONS: dict[str, Callable[[Any, Any], pc.Expression]] = {
    "==": lambda field, value: field == value,
    "!=": lambda field, value: field != value,
    "<": lambda field, value: field < value,
    "<=": lambda field, value: field <= value,
    ">": lambda field, value: field > value,
    ">=": lambda field, value: field >= value,
}
_SAME = {"=": "==", "<>": "!="}


@dataclass(frozen=True)
class Filter:
    """A condition that selects rows.

    Attributes:
        expression: true for the selected rows.
        columns: the columns that `expression` needs, in the table's order.
        stored: a weaker expression on columns that are stored as readers see them: true for the selected rows, and
            maybe for others; None if there is none.
        stored_columns: the columns that `stored` needs.
        is_stored: whether `stored` selects the same rows as `expression`.
        each: the conditions whose conjunction `stored` is, with the one column that each needs; empty if it is none.
    """

    expression: pc.Expression
    columns: tuple[str, ...]
    stored: pc.Expression | None
    stored_columns: tuple[str, ...]
    is_stored: bool
    each: tuple[tuple[str, pc.Expression], ...] = ()

    def and_also(self, other: Filter) -> Filter:
        """The condition that both hold."""
        stored = [one for one in (self, other) if one.stored is not None]
        return Filter(
            self.expression & other.expression,
            tuple(dict.fromkeys([*self.columns, *other.columns])),
            _any_of([[one.stored for one in stored]]) if stored else None,
            tuple(dict.fromkeys(name for one in stored for name in one.stored_columns)),
            self.is_stored and other.is_stored,
        )


def compile_filter(where: Where, schema: pa.Schema, derived: frozenset[str]) -> Filter | None:
    """Compile a filter; None if all rows are selected.

    Args:
        where: an expression, a list of conditions that must all hold, or a list of such lists of which one must hold.
        schema: all columns of the table, with the types readers see.
        derived: the names of columns that are derived when read.

    Raises:
        UsageError: if a condition names an unknown column, or does not fit its type.
    """
    stored: pc.Expression | None
    each: list[tuple[str, pc.Expression]] = []
    if isinstance(where, pc.Expression):
        expression, columns = where, _columns_of(where, schema)
        stored = None if derived.intersection(columns) else where
    else:
        ways = _ways(where)
        if not ways:
            return None
        told = [[(item[0], _condition(item, schema)) for item in way] for way in ways]
        expression = _any_of([[condition for _, condition in way] for way in told])
        columns = _columns_of(expression, schema, {name for way in told for name, _ in way})
        # An alternative without conditions on stored columns cannot exclude a row before others are derived.
        on_stored = [[one for one in way if one[0] not in derived] for way in told]
        stored = _any_of([[condition for _, condition in way] for way in on_stored]) if all(on_stored) else None
        if len(ways) == 1:
            each = on_stored[0]
    stored_columns = () if stored is None else tuple(name for name in columns if name not in derived)
    return Filter(expression, columns, stored, stored_columns, not derived.intersection(columns), tuple(each))


def _ways(where: object) -> list[list[Condition]]:
    """The list of alternatives: a flat list of conditions becomes a single one."""
    if isinstance(where, str) or not isinstance(where, Sequence):
        raise UsageError(f"`where` is {where!r}; give a list of (column, operator, value), or a pyarrow expression")
    if not where:
        return []
    ways: list[Any] = [where] if all(_is_condition(item) for item in where) else list(where)
    for way in ways:
        if not isinstance(way, Sequence) or isinstance(way, str) or not way or not all(map(_is_condition, way)):
            raise UsageError(f"`where` has {way!r}; write each condition as (column, operator, value)")
    return [list(way) for way in ways]


def _is_condition(item: Any) -> bool:
    return isinstance(item, Sequence) and len(item) == 3 and isinstance(item[0], str) and isinstance(item[1], str)


def _any_of(ways: list[list[pc.Expression]]) -> pc.Expression:
    whole = None
    for way in ways:
        part = way[0]
        for condition in way[1:]:
            part = part & condition
        whole = part if whole is None else whole | part
    assert whole is not None
    return whole


def _condition(item: Condition, schema: pa.Schema) -> pc.Expression:
    name, operator, value = item
    if name not in schema.names:
        raise no_column(name, schema.names)
    field, type_ = pc.field(name), schema.field(name).type
    operator = _SAME.get(operator, operator.strip().lower())
    if operator in ("in", "not in"):
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            raise UsageError(f"the condition on {name} has {value!r} after {operator!r}; give a list of values")
        values = [_scalar(name, type_, one) for one in value]
        inside = field.isin(_array(name, type_, [one for one in values if one.is_valid]))
        if any(not one.is_valid for one in values):
            inside = inside | field.is_null()
        return inside if operator == "in" else ~inside
    if operator not in _OPERATIONS:
        raise UsageError(
            f"the condition on {name} has the operator {item[1]!r}; use ==, !=, <, <=, >, >=, in or not in"
        )
    scalar = _scalar(name, type_, value)
    if scalar.is_valid:
        return _OPERATIONS[operator](field, scalar)
    if operator not in ("==", "!="):
        raise UsageError(f"the condition on {name} compares with a missing value (None); only == and != can do that")
    return field.is_null() if operator == "==" else field.is_valid()


def _array(name: str, type_: pa.DataType, values: list[pa.Scalar]) -> pa.Array:
    """A set of values in the column's type. Values outside of the type are left out, because no row can equal them."""
    fitting = []
    for value in values:
        try:
            cast = value.cast(type_)
            if pc.equal(cast, value).as_py():
                fitting.append(cast.as_py())
        except pa.ArrowException:
            continue
    return pa.array(fitting, type_)


def _scalar(name: str, type_: pa.DataType, value: Any) -> pa.Scalar:
    """A value in a type that compares with the column's type without loss."""
    try:
        if isinstance(value, pa.Scalar):
            value = value.as_py()
        if value is None:
            return pa.scalar(None, type_)
        if pa.types.is_timestamp(type_):
            return pa.scalar(_instant(name, value), pa.timestamp("us", "UTC"))
        if pa.types.is_date(type_):
            return pa.scalar(_date(value), type_)
        scalar = pa.scalar(value.item() if hasattr(value, "item") and hasattr(value, "dtype") else value)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise _unfit(name, type_, value) from error
    if _kind(scalar.type) != _kind(type_):
        raise _unfit(name, type_, value)
    return scalar


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return "number"
    return "text" if pa.types.is_string(type_) else str(type_)


def _unfit(name: str, type_: pa.DataType, value: Any) -> UsageError:
    return UsageError(f"the condition on {name} compares with {value!r}, but {name} is {type_}")


def _instant(name: str, value: Any) -> datetime:
    """An instant; text and datetimes without a time zone are UTC, a date is midnight UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif type(value) is date:
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    given, finer = value, bool(getattr(value, "nanosecond", 0))
    if isinstance(value, np.datetime64):
        micros = value.astype("datetime64[us]")
        value, finer = micros.item(), bool(micros != value)
    elif hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime(warn=False)
    if finer:
        raise UsageError(f"the condition on {name} compares with {given!r}, which is finer than a microsecond")
    if not isinstance(value, datetime):
        raise TypeError(value)
    moment: datetime = value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _date(value: Any) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value)
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError(value)
    return value


def _columns_of(expression: pc.Expression, schema: pa.Schema, known: Collection[str] | None = None) -> tuple[str, ...]:
    """The columns that an expression needs; if they are not known, those are found that Arrow reports as missing."""
    if known is None and "FieldPath(" in str(expression):
        raise UsageError(f"the condition {expression} refers to a column by its number; use its name")
    empty = schema.empty_table()
    try:
        empty.filter(expression)
        return tuple(
            name
            for name in schema.names
            if (name in known if known is not None else not _holds(expression, empty.drop_columns([name])))
        )
    except pa.ArrowException as error:
        text = str(error)
        missing = re.match(r"No match for FieldRef\.Name\((.*?)\) in ", text, re.DOTALL)
        if missing:
            raise no_column(missing[1], schema.names) from error
        raise UsageError(f"the condition {expression} cannot be applied: {text.splitlines()[0]}") from error


def _holds(expression: pc.Expression, table: pa.Table) -> bool:
    try:
        table.filter(expression)
    except pa.ArrowException:
        return False
    return True
