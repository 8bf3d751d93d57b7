"""`logpress schema`: the columns of a table."""

from __future__ import annotations

import json

from logpress.cli.options import AsJson, Table, contract_of

EPILOG = "Example:\n\n  logpress schema sdk_log"


def schema(table: Table, as_json: AsJson = False) -> None:
    """List a table's columns: types, meaning, and which are virtual (derived when read, not stored)."""
    contract = contract_of(table)
    from logpress.codecs.registry import codecs_of
    from logpress.contract.columns import is_virtual

    codecs = codecs_of(contract)
    columns = [
        {
            "name": column.name,
            "type": str(codecs[column.name].type),
            "virtual": is_virtual(column),
            "nullable": column.nullable,
            "path": list(column.path),
            "description": column.description,
        }
        for column in contract.columns
    ]
    if as_json:
        print(json.dumps({"table": contract.table, "description": contract.description, "columns": columns}, indent=1))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    shown = RichTable(title=f"{contract.table}: {contract.description}", title_justify="left", box=None)
    for heading in ("column", "type", "", "meaning"):
        shown.add_column(heading, overflow="fold")
    for column in columns:
        cells = (
            str(column["name"]),
            str(column["type"]),
            "virtual" if column["virtual"] else "",
            str(column["description"]),
        )
        shown.add_row(*map(escape, cells))
    Console().print(shown)
