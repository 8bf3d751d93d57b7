"""The query of a view: all columns of a table that people read, virtual ones by their formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from textwrap import wrap
from typing import TypeGuard

from logpress.contract.columns import Column, Instant, Lookup, is_virtual
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import DAY, EXTRA, LAYOUT, RAW
from logpress.views.dialects import Sql, Terms
from logpress.views.formulas import LEFT_OUT, instant_micros, micros_name
from logpress.views.periods import Period

FILE, POSITION = "#file", "#position"
"""Helper columns: the name of a row's file, and its place in it."""

TABLE = "t"


@dataclass(frozen=True)
class Source:
    """Where the rows come from, as the engine writes it.

    Attributes:
        table: the table, or the function that reads its files.
        lookups: the same of the lookups.
    """

    table: str
    lookups: str


def is_looked_up(column: Column) -> TypeGuard[Lookup]:
    """Whether a column's values come from the lookups: it is one, and files do not have it, too."""
    return isinstance(column, Lookup) and is_virtual(column)


class Plan:
    """What a view has of each column, in one language or another.

    Args:
        periods: of the table.
        names: the columns of the contracts that are wanted; all of the newest contract if None.
    """

    def __init__(self, periods: Sequence[Period], names: Sequence[str] | None = None) -> None:
        self.periods = periods
        newest = periods[-1].contract
        self.columns = [column for column in newest.columns if names is None or column.name in names]
        self.left_out = [c for c in self.columns if self._is_ever_virtual(c.name) and c.codec in LEFT_OUT]
        self.columns = [column for column in self.columns if column not in self.left_out]

    def _is_ever_virtual(self, name: str) -> bool:
        return any(is_virtual(column) for column in self._over_time(name))

    def _over_time(self, name: str) -> Iterator[Column]:
        return (p.contract.by_name[name] for p in self.periods if name in p.contract.by_name)

    def exceptions_of(self, name: str) -> str:
        """The column of the texts that do not follow from the key of a lookup."""
        return next(column.helper("other") for column in self._over_time(name) if isinstance(column, Lookup))

    def comments(self, mark: str) -> str:
        """Why columns are left out, in lines that begin with what marks a comment."""
        return "".join(
            "".join(f"{mark} {line}\n" for line in wrap(f"{column.name} is not here: {LEFT_OUT[column.codec]}", 100))
            for column in self.left_out
        )

    def is_lookup(self, column: Column) -> bool:
        """Whether a column's values come from the lookups, on any day."""
        return any(map(is_looked_up, self._over_time(column.name)))

    def is_computed(self, column: Column) -> bool:
        """Whether a column is an instant that is virtual, on any day."""
        return isinstance(column, Instant) and self._is_ever_virtual(column.name)

    def by_period(
        self, name: str, of: Callable[[Column, Contract], str | None]
    ) -> list[tuple[str | None, date | None]]:
        """What a column is in each period, and the period's last day; neighbours that agree are one."""
        found: list[tuple[str | None, date | None]] = []
        for period in self.periods:
            column = period.contract.by_name.get(name)
            formula = of(column, period.contract) if column is not None else None
            if found and found[-1][0] == formula:
                found.pop()
            found.append((formula, period.last))
        return found

    def stages(self, terms: Terms) -> list[list[tuple[str, list[tuple[str | None, date | None]]]]]:
        """The helper columns of virtual instants in the order in which they need each other, stage by stage."""
        depths: dict[str, int] = {}

        def depth(name: str) -> int:
            if name not in depths:
                others = [
                    other
                    for column in self._over_time(name)
                    if isinstance(column, Instant)
                    for other in column.residual_of
                    if self._is_ever_virtual(other)
                ]
                depths[name] = 1 + max((depth(other) for other in others), default=0)
            return depths[name]

        for column in self.columns:
            if self.is_computed(column):
                depth(column.name)

        def formula(column: Column, contract: Contract) -> str:
            assert isinstance(column, Instant)
            return instant_micros(column, contract.by_name, terms)

        stages: dict[int, list[tuple[str, list[tuple[str | None, date | None]]]]] = {}
        for name, place in depths.items():
            stages.setdefault(place, []).append((name, self.by_period(name, formula)))
        return [stages[place] for place in sorted(stages)]


def select(plan: Plan, dialect: Sql, source: Source) -> str:
    """The query of a view.

    Args:
        plan: what of each column.
        dialect: the language.
        source: the table.
    """
    col = dialect.column
    lookups = [column for column in plan.columns if plan.is_lookup(column)]
    helpers = []
    if lookups:
        helpers.append(f"{dialect.file_name()} AS {col(FILE)}")
        if dialect.position:
            helpers.append(f"{dialect.position} AS {col(POSITION)}")
    query = f"SELECT {', '.join(['*', *helpers])} FROM {source.table}"
    for stage in plan.stages(dialect):
        made = [f"{_by_day(found, dialect, '')} AS {col(micros_name(name))}" for name, found in stage]
        query = "SELECT *,\n    " + ",\n    ".join(made) + f"\n  FROM (\n  {query}\n  ) {TABLE}"
    shown = [f"{TABLE}.{col(DAY)} AS {col(DAY)}"]
    joins = []
    for number, column in enumerate(plan.columns):
        name = column.name
        if plan.is_computed(column):
            value = dialect.instant(f"{TABLE}.{col(micros_name(name))}")
        elif plan.is_lookup(column):
            value, joined = _lookup(plan, name, number, dialect, source)
            joins += joined
        elif isinstance(column, Instant):
            value = dialect.shown(f"{TABLE}.{col(name)}")
        else:
            value = f"{TABLE}.{col(name)}"
        shown.append(f"{value} AS {col(name)}")
    shown += [f"{TABLE}.{col(name)} AS {col(name)}" for name in (EXTRA, RAW)]
    return "SELECT\n  " + ",\n  ".join(shown) + f"\nFROM (\n  {query}\n) {TABLE}" + "".join(f"\n{j}" for j in joins)


def _by_day(found: Sequence[tuple[str | None, date | None]], dialect: Sql, of: str, type_: str = "") -> str:
    """One expression of those of all periods.

    Args:
        found: in each period, and its last day.
        dialect: the language.
        of: what `day` is a column of, with a point; or empty.
        type_: of the expression; a number if empty.
    """
    whens = [
        f"WHEN {of}{dialect.column(DAY)} <= {dialect.date(last)} THEN {formula or 'NULL'}"
        for formula, last in found[:-1]
        if last is not None
    ]
    otherwise = found[-1][0] or dialect.null(type_ or dialect.bigint)
    return f"CASE {' '.join(whens)} ELSE {otherwise} END" if whens else otherwise


def _lookup(plan: Plan, name: str, number: int, dialect: Sql, source: Source) -> tuple[str, list[str]]:
    """The value of a lookup, and the joins that it needs.

    The first join says whether a row's layout has a place for the value, the second what its key mostly means there.
    """
    col = dialect.column
    of = f"{TABLE}."

    def key(column: Column, contract: Contract) -> str | None:
        return f"{of}{col(column.key)}" if is_looked_up(column) else None

    def value(column: Column, contract: Contract) -> str:
        return derived if is_looked_up(column) else f"{of}{col(name)}"

    places, meanings = f"places_{number}", f"meanings_{number}"
    keys = _by_day(plan.by_period(name, key), dialect, of, dialect.string)
    joins = []
    for alias, such, condition in (
        (places, "layout", f"{of}{col(LAYOUT)}"),
        (meanings, "key", keys),
    ):
        joins.append(
            f"LEFT JOIN (\n  SELECT * FROM {source.lookups}\n"
            f"  WHERE column_name = {dialect.text(name)} AND {such} IS NOT NULL\n"
            f") {alias} ON {alias}.{col('day')} = {of}{col(DAY)} AND {alias}.{col('file')} = {of}{col(FILE)} "
            f"AND {alias}.{col(such)} = {condition}"
        )
    other, has_value = f"{of}{col(plan.exceptions_of(name))}", f"{places}.{col('has_value')}"
    unknown = f"{of}{col(LAYOUT)} IS NOT NULL AND {places}.{col('layout')} IS NULL"
    if dialect.position:
        at = f"{of}{col(POSITION)}"
        joins[1] += f" AND {at} >= {meanings}.{col('first_row')} AND {at} < {meanings}.{col('end_row')}"
    else:
        joins[1] += f" AND {meanings}.{col('first_row')} = 0"
        unknown += f" OR {has_value} AND {meanings}.{col('key')} IS NOT NULL AND NOT {meanings}.{col('is_whole')}"
    # a query fails that would otherwise give wrong values
    missing = f"{other} IS NULL AND ({unknown})"
    said = dialect.text("no lookups, or none that hold for all rows, are published of the part ")
    derived = (
        f"CASE WHEN {other} IS NOT NULL THEN {other}\n"
        f"    WHEN {unknown} THEN {dialect.failed(f'concat({said}, {of}{col(FILE)})', missing)}\n"
        f"    WHEN {has_value} THEN {meanings}.{col('value')} END"
    )
    return _by_day(plan.by_period(name, value), dialect, of, dialect.string), joins
