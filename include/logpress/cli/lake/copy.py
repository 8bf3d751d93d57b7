"""`logpress lake copy`: a lake moved or backed up."""

from __future__ import annotations

from typing import Annotated

import typer

from logpress.cli.lake.text import TableNames, descriptions_of, known_table
from logpress.cli.options import Quiet, no_secret

EPILOG = (
    "Examples:\n\n  logpress lake copy lake /backup/lake\n\n"
    "  LOGPRESS_CATALOG_TYPE=glue logpress lake copy lake s3://game-lake/logs\n\n"
    "  logpress lake copy s3://game-lake/logs lake"
)


def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", callback=no_secret, help="The lake: a folder or URI.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", callback=no_secret, help="A new place, or an earlier copy of this lake.")
    ],
    tables: TableNames = None,
    quiet: Quiet = False,
) -> None:
    """Copy the published days of a lake: file by file, compared by SHA-256, with a catalog of its own.

    What LOGPRESS_CATALOG_* name is the copy's catalog. If it is stopped, run it again; it copies what is missing.
    Earlier publications of days are not copied.
    """
    from logpress.day.lookups import keep_all_lookups
    from logpress.lake import Lake
    from logpress.lake.copying import copy_lake

    found = Lake.open(source)
    names = [known_table(found, name) for name in tables or found.tables()]
    descriptions = {name: descriptions_of(found, name) for name in names}
    days = size = 0
    for done in copy_lake(found, target, names, descriptions=descriptions):
        days += 1
        size += done.copied_bytes
        if not quiet:
            what = f"{done.copied_bytes:,} bytes copied" if done.copied_bytes else "is there"
            print(f"{done.table} {done.day}: {what}")
    for name in names:
        keep_all_lookups(Lake.open(target), name)
    print(f"{target}: has {days} days of {', '.join(names) or 'no table'}; {size:,} bytes were copied")
