"""The conditions of checks: for which rows of a row group they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.codecs.registry import codecs_of
from logpress.contract.model import Contract
from logpress.errors import ContractError, UsageError
from logpress.quality.columns import Group

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Conditions:
    """Conditions of a check that must all hold.

    Attributes:
        expression: the conditions.
        types: of the columns that they need, by name.
    """

    expression: Any
    types: dict[str, pa.DataType]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that they need."""
        return tuple(self.types)

    def matching(self, group: Group) -> Flags:
        """bool[rows]: for which they hold; of a part that is older than a column, its values are null."""
        from logpress.conditions.matching import matching

        columns = {
            name: group.arrays[name] if name in group.arrays else pa.nulls(group.count, type_)
            for name, type_ in self.types.items()
        }
        return flags_of(matching(columns, group.count, self.expression), group.count)


def compiled(contract: Contract, conditions: tuple[str, ...]) -> Conditions:
    """Compile conditions, as on the command line.

    Raises:
        ContractError: if one cannot be parsed, names an unknown column, or does not fit its column.
    """
    from logpress.conditions.filters import compile_filter
    from logpress.conditions.parse import parse_conditions

    codecs = codecs_of(contract)
    types = {name: codec.type for name, codec in codecs.items()}
    try:
        found = compile_filter(parse_conditions(conditions, types), pa.schema(list(types.items())), frozenset())
        assert found is not None
        for name in found.columns:
            if not codecs[name].is_comparable:
                raise UsageError(
                    f"values of {name} are not compared, because its codec is {contract.by_name[name].codec}; checks "
                    "of kind not_null, filled and unique apply to it"
                )
    except UsageError as error:
        raise ContractError(f"a check of {contract.table} has the conditions {list(conditions)}: {error}") from error
    return Conditions(found.expression, {name: types[name] for name in found.columns})


def flags_of(places: NDArray[np.int64], count: int) -> Flags:
    """bool[count]: true at these places."""
    found = np.zeros(count, dtype=np.bool_)
    found[places] = True
    return found
