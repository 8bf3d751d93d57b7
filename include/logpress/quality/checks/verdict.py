"""The result of a check of rows, in a sentence."""

from __future__ import annotations

from collections.abc import Callable

from logpress.contract.checks import (
    Check,
    Compare,
    Lateness,
    NotNull,
    Order,
    Pattern,
    Range,
    RowsCheck,
    Values,
    Where,
    name_of,
)
from logpress.quality.checks.rows import Counted
from logpress.results import CheckResult

_MOST_VALUES = 10
"""Allowed values that a message names."""


def verdict(check: Check, rows: Counted) -> CheckResult:
    """The result of a check whose broken rows are counted."""
    assert isinstance(check, RowsCheck | Lateness)
    allowed = 1 - check.quantile if isinstance(check, Lateness) else check.max_share
    share = rows.broken / rows.rows if rows.rows else 0.0
    ok = share <= allowed + 1e-12  # 1 - 0.9 is a little more than 0.1
    what = _FAULTS[type(check)](check)
    message = f"{rows.broken:,} of {rows.rows:,} {what} ({share:.3%}); at most {allowed:.3%} may"
    if isinstance(check, RowsCheck) and check.where:
        message += f"; looked at are rows where {' and '.join(check.where)}"
    if rows.examples and not ok:
        message += f"; for example {', '.join(rows.examples)}"
    return CheckResult(
        check=name_of(check), kind=check.kind, columns=check.named, level=check.level, ok=ok, message=message,
        observed=share, high=allowed, examples=rows.examples,
    )  # fmt: skip


def _range(check: Range) -> str:
    low, high = ("any" if bound is None else f"{bound:.12g}" for bound in (check.min, check.max))
    return f"values of {check.column} are outside {low} to {high}"


def _values(check: Values) -> str:
    named = ", ".join(check.values[:_MOST_VALUES])
    more = len(check.values) - _MOST_VALUES
    return f"values of {check.column} are not among {named}" + (f" and {more:,} more" if more > 0 else "")


def _order(check: Order) -> str:
    within = f" by more than {check.tolerance}" if check.tolerance else ""
    return f"rows have {', '.join(check.columns)} in another order{within}"


_FAULTS: dict[type, Callable[..., str]] = {
    NotNull: lambda check: f"values of {check.column} are null",
    Range: _range,
    Values: _values,
    Pattern: lambda check: f"values of {check.column} do not match {check.pattern}",
    Compare: lambda check: f"rows break {check.columns[0]} {check.operator} {check.columns[1]}",
    Order: _order,
    Where: lambda check: f"rows have {' and '.join(check.conditions)}",
    Lateness: lambda check: f"rows have {check.column} more than {check.max} after {check.since}",
}
