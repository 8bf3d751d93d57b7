"""`logpress lake clean`: what nobody needs any more."""

from __future__ import annotations

from typing import Annotated

import typer

from logpress.cli.lake.text import TableNames, known_table
from logpress.cli.options import LakeUri

EPILOG = (
    "Examples:\n\n  logpress lake clean --lake lake\n\n  logpress lake clean --lake lake --yes\n\n"
    "  logpress lake clean sdk_log --lake s3://game-lake/logs --retention 12h --yes"
)


def clean(
    lake: LakeUri,
    tables: TableNames = None,
    retention: Annotated[
        str | None,
        typer.Option("--retention", metavar="TIME", help="How long earlier publications stay, as 7d or 12h."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it; else it is listed only.")] = False,
) -> None:
    """List what nobody needs any more, and with --yes remove it.

    That is staging and temporary files of runs that ended a day ago; files and snapshots of earlier publications, after
    the retention; what refused runs have left, after 7 days at least; files that neither catalog, manifests nor a kept
    snapshot refer to; metadata of forgotten snapshots. The index is made to say what manifests say.
    """
    from logpress.lake import Lake
    from logpress.lake.clean import Cleaning, clean_index, clean_table
    from logpress.lake.retention import parse_retention

    found = Lake.open(lake)
    kept = None if retention is None else parse_retention(retention, "--retention")

    def tell(done: Cleaning) -> None:
        for one in done.needless:
            print(f"{one.size:>14,}  {one.path}  ({one.why})")
        size = sum(one.size for one in done.needless)
        what = f"{len(done.needless)} files and folders, {size:,} bytes, and {done.snapshots} snapshots"
        print(f"{done.table}: {what} {'removed' if yes else 'would be removed; --yes does it'}")

    for name in [known_table(found, name) for name in tables or found.tables()]:
        tell(clean_table(found, name, remove=yes, retention=kept))
    index = clean_index(found, remove=yes)
    if index.needless or index.snapshots:
        tell(index)
