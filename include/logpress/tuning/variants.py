"""Variants of a contract that affect the whole file: order of rows, size of row groups, stored instants, codecs.

The cost of each is found by pressing the sample with it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from logpress.contract.columns import Instant, is_predicted, is_virtual
from logpress.contract.edit import Changes, changed_contract
from logpress.contract.model import Contract
from logpress.errors import ContractError

ROW_GROUP_ROWS = (125_000, 250_000, 500_000, 1_000_000)

MOST_PERMUTED = 3
"""Up to this many sort keys, all permutations are tried; with more, only swaps of two neighbours."""

MOST_DISTINCT = 1_000
"""Largest number of distinct values of a category that is tried as a sort key."""

MOST_ORDERS = 16
"""Largest number of orders that are tried."""

Kind = Literal["order_by", "row_group_rows", "residual_of", "codec", "stored"]


@dataclass(frozen=True)
class Variant:
    """A contract to compare with the present one.

    Attributes:
        title: the difference, for the report.
        contract: the contract; None if the difference is not possible.
        changes: the difference as changes of the contract, if it may be chosen.
        note: the reason why there is no contract.
    """

    kind: Kind
    title: str
    contract: Contract | None
    changes: Changes | None = None
    note: str = ""


def orders(contract: Contract, distinct: Mapping[str, int]) -> list[Variant]:
    """Other orders of rows: permutations of the keys, and categories and instants before, within or in place of them.

    Args:
        contract: the table.
        distinct: number of distinct values by stored column, for columns where it is known.
    """
    found = itertools.islice(dict.fromkeys(_orders(contract, distinct)), MOST_ORDERS)
    variants = []
    for keys in found:
        if keys != contract.order_by:
            changes: Changes = {("order_by",): keys}
            title = ", ".join(keys) or "input order"
            variants.append(Variant("order_by", title, changed_contract(contract, changes), changes))
    return variants


def _orders(contract: Contract, distinct: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    keys = contract.order_by
    if len(keys) <= MOST_PERMUTED:
        yield from itertools.permutations(keys)
    else:
        for place in range(len(keys) - 1):
            yield (*keys[:place], keys[place + 1], keys[place], *keys[place + 2 :])
    instants = [c.name for c in contract.columns if isinstance(c, Instant) and not is_predicted(c)]
    categories = [
        c.name
        for c in contract.columns
        if c.codec == "category" and c.name not in keys and 1 < distinct.get(c.name, 0) <= MOST_DISTINCT
    ]
    for name in instants:
        yield (name,)
        if name not in keys:
            yield (*keys, name)
    yield keys[:-1]
    for name in sorted(categories, key=lambda name: distinct[name]):
        yield (name, *keys)
        if keys:
            yield (*keys[:-1], name, keys[-1])


def row_groups(contract: Contract, rows: int) -> list[Variant]:
    """Other sizes of row groups, up to the size of the sample."""
    variants = []
    for size in ROW_GROUP_ROWS:
        if size <= rows and size != contract.files.row_group_rows:
            changes: Changes = {("files", "row_group_rows"): size}
            variants.append(Variant("row_group_rows", f"{size:,} rows", changed_contract(contract, changes), changes))
    return variants


def instants(contract: Contract) -> list[Variant]:
    """For each instant stored as a residual: stored plainly, and with the roles of the two instants swapped."""
    variants = []
    for column in contract.columns:
        if not isinstance(column, Instant) or not column.residual_of:
            continue
        name, others = column.name, column.residual_of

        def stored(data: dict[str, Any], name: str = name) -> None:
            _without_prediction(_column(data, name))

        def swapped(data: dict[str, Any], name: str = name, other: str = others[0]) -> None:
            _without_prediction(_column(data, name))
            _column(data, other)["residual_of"] = [name]
            data["order_by"] = [name if key == other else key for key in data.get("order_by", [])]

        variants.append(_rebuilt(contract, f"{name} stored, not derived from {' + '.join(others)}", stored))
        title = f"{name} stored, and {others[0]} derived from it"
        first = contract.by_name[others[0]]
        if len(others) > 1 or is_predicted(first):
            note = "not tried: possible only if one stored column predicts the instant"
            variants.append(Variant("residual_of", title, None, note=note))
        else:
            variants.append(_rebuilt(contract, title, swapped))
    return variants


def uuids(contract: Contract, letters: Mapping[str, str], gaps: Collection[str]) -> list[Variant]:
    """With the codec `uuid`, each column of texts that are all UUIDs. It is shown, and not chosen.

    A catalog does not let a column that it knows become one of another type.

    Args:
        contract: the table.
        letters: by column, the letters that its UUIDs are in: lower or upper.
        gaps: readers of the contract's files that do not read UUIDs.
    """
    variants = []
    for name, case in letters.items():
        title = f"{name} with codec uuid" + (", letters upper" if case == "upper" else "")
        if gaps:
            note = f"not tried: {', '.join(gaps)} do not read UUIDs; name the readers of the files in files.readers"
            variants.append(Variant("codec", title, None, note=note))
            continue

        def as_uuid(data: dict[str, Any], name: str = name, case: str = case) -> None:
            column = _column(data, name)
            column.update(codec="uuid", type="uuid", letters=case)
            column.pop("storage", None)

        variants.append(_rebuilt(contract, title, as_uuid, "codec"))
    return variants


def letters_of(texts: Iterable[str]) -> str:
    """The letters of UUIDs in their canonical form, `lower` or `upper`; nothing if a text is none, or there is none."""
    every = set(texts)
    fitting = [case for case, pattern in _UUIDS.items() if all(map(pattern.fullmatch, every))]
    return fitting[0] if every and fitting else ""


_UUIDS = {case: re.compile("-".join(f"[0-9{a_to_f}]{{{n}}}" for n in (8, 4, 4, 4, 12))) for case, a_to_f in
          (("lower", "a-f"), ("upper", "A-F"))}  # fmt: skip


def stored(contract: Contract) -> list[Variant]:
    """For each virtual column: stored, too. It is shown, and not chosen, because it saves no bytes."""
    variants = []
    for column in filter(is_virtual, contract.columns):

        def too(data: dict[str, Any], name: str = column.name) -> None:
            _column(data, name)["storage"] = "stored"

        variants.append(_rebuilt(contract, f"{column.name} stored, too", too, "stored"))
    return variants


def _without_prediction(column: dict[str, Any]) -> None:
    column.pop("residual_of")
    if column.get("storage") == "stored":
        column.pop("storage")


def _column(data: dict[str, Any], name: str) -> Any:
    return next(column for column in data["columns"] if column["name"] == name)


def _rebuilt(
    contract: Contract, title: str, change: Callable[[dict[str, Any]], None], kind: Kind = "residual_of"
) -> Variant:
    data = contract.model_dump(mode="json", exclude_unset=True)
    change(data)
    try:
        return Variant(kind, title, Contract.model_validate(data))
    except (ValidationError, ContractError) as error:
        message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        return Variant(kind, title, None, note=f"not tried: {message.removeprefix('Value error, ')}")
