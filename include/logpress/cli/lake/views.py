"""`logpress lake views`: views with all columns, kept in the lake's catalog."""

from __future__ import annotations

from typing import Annotated

import typer

from logpress.cli.lake.text import TableNames, known_table
from logpress.cli.options import LakeUri, contract_of

EPILOG = (
    "Examples:\n\n  logpress lake views --lake s3://game-lake/logs\n\n"
    "  logpress lake views sdk_log --columns request_end_at,ingested_at --lake s3://game-lake/logs\n\n"
    "REST catalogs keep a view for Spark and Trino, Glue one for Athena; other catalogs keep none. Publishing a day of "
    "another contract changes the view. `logpress view` prints views for engines to keep."
)


def views(
    lake: LakeUri,
    tables: TableNames = None,
    contract: Annotated[
        str | None,
        typer.Option("--contract", metavar="NAME", help="A contract's name or YAML file: of the days to come."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", metavar="A,B,...", help="The contract's columns that the view has; as it has, or all."
        ),
    ] = None,
    trino_catalog: Annotated[
        str | None,
        typer.Option(
            "--trino-catalog", metavar="NAME", help="What Trino calls the catalog; as the view has it, or lake."
        ),
    ] = None,
) -> None:
    """Make the view TABLE_all of each table in the lake's catalog, with virtual columns too; later days keep it."""
    from logpress.day.catalog_view import keep_view
    from logpress.lake import Lake

    found = Lake.open(lake)
    to_come = contract_of(contract) if contract is not None else None
    named = [to_come.table] if to_come is not None and not tables else tables or found.tables()
    wanted = None if columns is None else [column.strip() for column in columns.split(",") if column.strip()]
    for name in [known_table(found, name) for name in named]:
        done = keep_view(found, name, to_come=to_come, columns=wanted, trino_catalog=trino_catalog)
        what = "is made" if done.is_changed else "is as it should be"
        print(f"{done.name}: {what}, for {' and '.join(done.dialects)}, with {len(done.columns)} columns")
