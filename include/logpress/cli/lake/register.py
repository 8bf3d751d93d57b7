"""`logpress lake register`: the catalog made from the manifests."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from logpress.cli.lake.text import TableNames, descriptions_of
from logpress.cli.options import LakeUri, Quiet

EPILOG = (
    "Examples:\n\n"
    "  logpress lake register --lake lake\n\n"
    "  LOGPRESS_CATALOG_URI=https://catalog.example.com/ logpress lake register --lake s3://game-lake/logs --move"
)


def register(
    lake: LakeUri,
    tables: TableNames = None,
    move: Annotated[
        bool,
        typer.Option(
            "--move",
            help="Move the lake to the catalog that LOGPRESS_CATALOG_* names, or, if they name none, to its own.",
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare the SHA-256 of all files with the manifests first, not only sizes."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make the catalog from the manifests: one that was lost, of a lake that was copied, or another one.

    It can be stopped and run again. Nothing may press into a lake in an object store meanwhile.
    """
    from logpress.day.lookups import keep_all_lookups
    from logpress.lake import Lake
    from logpress.lake.register import register as register_lake
    from logpress.lake.register import target

    def tell(table: str, done: int, days: int) -> None:
        if not quiet:
            print(f"{table}: {done} of {days} days", file=sys.stderr)

    found = Lake.open(lake)
    choice = target(found, move=move)
    descriptions = {name: descriptions_of(found, name) for name in tables or found.tables()}
    for done in register_lake(found, tables or (), move=move, verify=verify, descriptions=descriptions, progress=tell):
        removed = f", {len(done.removed)} taken out that the lake does not have" if done.removed else ""
        print(f"{done.table}: {done.days} days with rows, {len(done.added)} registered now{removed}")
        keep_all_lookups(found, done.table)
    print(f"{found.uri}: its catalog is {choice}")
