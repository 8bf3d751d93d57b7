"""`logpress lake rollback`: an earlier publication of a day becomes the day again."""

from __future__ import annotations

from typing import Annotated

import typer

from logpress.cli.lake.text import DayArgument, TableName, day_argument
from logpress.cli.options import LakeUri

EPILOG = (
    "Examples:\n\n  logpress lake rollback sdk_log 2021-12-26 --to previous --lake lake\n\n"
    "  logpress lake rollback sdk_log 2021-12-26 --to 4416518041412386519 --lake lake"
)


def rollback(
    table: TableName,
    day: DayArgument,
    to: Annotated[
        str, typer.Option("--to", metavar="SNAPSHOT|previous", help="Which publication, as `lake history` lists them.")
    ],
    lake: LakeUri,
) -> None:
    """Make an earlier publication of a day the day again, in one commit; also of a day that was dropped.

    Its files are compared with its manifest by SHA-256 first.
    """
    from logpress.day.kept_views import follow_contract, published_contract
    from logpress.lake import Lake
    from logpress.lake.rollback import rollback_day

    found, when = Lake.open(lake), day_argument(day)
    was, now = rollback_day(found, table, when, to)
    follow_contract(found, table, when, lambda: published_contract(found, table, when))
    print(
        f"{table} {when}: is what was published at {was.published_at:%Y-%m-%d %H:%M:%S} UTC again: {now.rows:,} rows, "
        f"{now.rejects:,} rejects"
    )
