"""`logpress lake check`: whether catalog, manifests and files agree."""

from __future__ import annotations

from typing import Annotated

import typer

from logpress.cli.lake.text import TableNames, known_table
from logpress.cli.options import LakeUri

EPILOG = (
    "Examples:\n\n  logpress lake check --lake lake\n\n  logpress lake check sdk_log --lake s3://game-lake/logs --hash"
)


def check(
    lake: LakeUri,
    tables: TableNames = None,
    hash_files: Annotated[
        bool, typer.Option("--hash", help="Compare the SHA-256 of all published files, too.")
    ] = False,
) -> None:
    """See whether catalog, manifests and files agree: one line for each thing that does not, and exit code 1.

    Nothing is changed. `logpress verify` proves the records of a day, too.
    """
    from logpress.lake import Lake
    from logpress.lake.check import check_lake

    found = Lake.open(lake)
    names = [known_table(found, name) for name in tables or found.tables()]
    agrees = True
    for finding in check_lake(found, names, hash_files=hash_files):
        print(finding)
        agrees = False
    if not agrees:
        raise typer.Exit(1)
    days = sum(len(found.days(name)) for name in names)
    print(f"{found.uri}: catalog, manifests and files of {len(names)} tables, {days} days, agree")
