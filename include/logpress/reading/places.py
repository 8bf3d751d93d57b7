"""Which rows of a part match conditions, whatever version of the contract the part was written with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from logpress.conditions.filters import Condition, compile_filter
from logpress.conditions.names import no_column
from logpress.conditions.parse import parse_conditions
from logpress.contract.model import Contract
from logpress.errors import UsageError
from logpress.reading.columns import columns_of
from logpress.reading.part import Part, Request
from logpress.reading.scan import BATCH_ROWS


@dataclass(frozen=True)
class Finder:
    """Conditions that must all hold, for parts of any version of a contract.

    A part's own types of columns are compared. A column that a part does not have is null in all of its rows.

    Attributes:
        contract: the table, as it is now.
        texts: the conditions, as on the command line.
        conditions: parsed with the types of the contract.
    """

    contract: Contract
    texts: tuple[str, ...]
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, contract: Contract, texts: Sequence[str]) -> Self:
        """Parse conditions.

        Raises:
            UsageError: if one cannot be parsed, names a column that is not the contract's, or does not fit its type.
        """
        types = _types(contract)
        conditions = parse_conditions(texts, types)
        for name, _, _ in conditions:
            if name not in contract.by_name:
                raise no_column(name, list(contract.by_name))
        compile_filter(conditions, pa.schema(types.items()), frozenset())
        return cls(contract, tuple(texts), tuple(conditions))

    def open(self, path: str, number: int | None = None) -> PartPlaces:
        """Open a part.

        Args:
            path: a path or fsspec URI.
            number: of the only condition that is to hold; all of them if None.

        Raises:
            PartError: if the part is gone or damaged.
        """
        part = Part.open(path)
        types = pa.schema({**_types(self.contract), **_types(part.contract)}.items())
        derived = frozenset(column.name for column in columns_of([part.contract]) if column.derived)
        texts = self.texts if number is None else self.texts[number : number + 1]
        try:
            conditions = parse_conditions(texts, {field.name: field.type for field in types})
            wanted = compile_filter(conditions, types, derived)
        except UsageError:
            if any(operator not in ("=", "==", "in") for _, operator, _ in self.conditions):
                raise
            # the value is none of the type that the column has in this part, so no row has it
            return PartPlaces(part, Request((), types, None), ())
        request = Request((), types, wanted)
        part = Part.open(path, request)
        return PartPlaces(part, request, part.groups)


@dataclass(frozen=True)
class PartPlaces:
    """Positions of the rows of a part that match.

    Attributes:
        groups: the row groups that may have some.
    """

    _part: Part
    _request: Request
    groups: tuple[int, ...]

    def rows(self, group: int) -> NDArray[np.int64]:
        """Indices in a row group, ascending.

        Raises:
            PartError: if the part is gone or damaged.
        """
        rows = self._part.rows(group, self._request) if group in self.groups else None
        return np.asarray(rows.places(BATCH_ROWS) if rows is not None else (), dtype=np.int64)


def _types(contract: Contract) -> dict[str, pa.DataType]:
    return {column.name: column.type for column in columns_of([contract])}
