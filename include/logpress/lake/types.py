"""Whether the catalog's table can take a day: asked before hours of work are put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logpress.errors import ContractError
from logpress.lake.catalog import open_catalog, see_catalog
from logpress.lake.choice import is_missing
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors

if TYPE_CHECKING:
    import pyarrow as pa

_WIDER = {"int": "long", "float": "double"}
"""The types that Iceberg reads as wider ones (specification, "Schema Evolution")."""


def see_table(lake: Lake, table: str, schema: pa.Schema) -> None:
    """See that a lake's catalog answers, and that its table can have these columns.

    Args:
        lake: the lake.
        table: the table.
        schema: the columns of the part files that are to be published.

    Raises:
        LakeError: if the catalog does not answer, or has the table elsewhere.
        UsageError: if nothing names the catalog.
        ContractError: if a column has a type now that Iceberg cannot reconcile with that of published days.
    """
    see_catalog(lake, table)
    if is_missing(lake):
        return
    from logpress.lake.schema import iceberg_schema

    with open_catalog(lake) as catalog:
        found = catalog.load(table)
        if found is None:
            return
        with lake_errors(f"the catalog of {lake.uri}"):
            known = {field.name: str(field.field_type) for field in found.schema().fields}
            wanted = {field.name: str(field.field_type) for field in iceberg_schema([schema], {}).fields}
    for name, now in wanted.items():
        before = known.get(name, now)
        if now != before and _WIDER.get(before) != now and _WIDER.get(now) != before:
            raise ContractError(
                f"{table}: column {name} is {before} in the days that {lake.uri} has, and {now} by the contract; "
                "Iceberg only widens int to long and float to double: give the column another name (it keeps its "
                "`path`), leave its codec as it was, or press into another lake"
            )
