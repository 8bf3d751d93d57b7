"""Conditions on rows: what of them the stored columns can answer, and what needs virtual columns."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow.compute as pc
import pyarrow.parquet as pq

from logpress.contract.model import Contract, is_virtual
from logpress.engine.columns import stored_columns
from logpress.errors import UsageError

Condition = tuple[str, str, Any]
Where: TypeAlias = Sequence[Condition] | Sequence[Sequence[Condition]] | Any | None
"""Conditions, lists of conditions, or a pyarrow expression."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Filter:
    """A condition in two parts, both of which must hold.

    Attributes:
        stored: on stored columns; also rules out row groups by their statistics.
        rest: what needs virtual columns.
        names: all columns that the two name.
    """

    stored: pc.Expression | None
    rest: pc.Expression | None
    names: frozenset[str]


def known_columns(contract: Contract) -> list[str]:
    """Every column that can be read: the contract's, and the file's own."""
    names = [column.name for column in contract.columns]
    return names + [column.name for column in stored_columns(contract) if column.name not in names]


def check_columns(contract: Contract, names: Sequence[str]) -> None:
    """Refuse columns that are not there.

    Raises:
        UsageError: naming close matches.
    """
    known = known_columns(contract)
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 3)
            hint = f"did you mean {' or '.join(close)}?" if close else f"columns are {', '.join(known)}"
            raise UsageError(f"{contract.table} has no column {name!r}; {hint}")


def parse_where(contract: Contract, where: Where) -> Filter:
    """Split a condition.

    Raises:
        UsageError: if it is of another form, or names a column that is not there.
    """
    if where is None:
        return Filter(None, None, frozenset())
    virtual = {column.name for column in contract.columns if is_virtual(column)}
    if isinstance(where, pc.Expression):
        names = frozenset(_WORD.findall(str(where))) & set(known_columns(contract))
        return Filter(None, where, names) if names & virtual else Filter(where, None, names)
    groups = _groups(where)
    names = frozenset(name for group in groups for name, _, _ in group)
    check_columns(contract, sorted(names))
    if not names & virtual:
        return Filter(_expression(groups), None, names)
    if len(groups) > 1:
        return Filter(None, _expression(groups), names)
    stored = [condition for condition in groups[0] if condition[0] not in virtual]
    rest = [condition for condition in groups[0] if condition[0] in virtual]
    return Filter(_expression([stored]) if stored else None, _expression([rest]), names)


def _groups(where: Sequence[Any]) -> list[list[Condition]]:
    groups = [list(where)] if where and isinstance(where[0], tuple) else [list(group) for group in where]
    for group in groups:
        for condition in group:
            if not (isinstance(condition, tuple) and len(condition) == 3):
                raise UsageError(
                    f'{condition!r} is no condition; write (column, operator, value), as ("func_name", "==", "x")'
                )
    return groups


def _expression(groups: list[list[Condition]]) -> pc.Expression:
    try:
        return pq.filters_to_expression(groups)
    except (ValueError, TypeError) as error:
        raise UsageError(f"the condition cannot be understood: {error}") from error
