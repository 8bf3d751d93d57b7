"""`logpress lake migrate`: a lake of an older logpress laid out as lakes are today."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from logpress.cli.options import LakeUri, Quiet

if TYPE_CHECKING:
    from datetime import date

EPILOG = (
    "Examples:\n\n  logpress lake migrate --lake lake\n\n  logpress lake migrate --lake s3://game-lake/logs\n\n"
    "Nothing may be pressed into the lake meanwhile. If it is stopped, run it again."
)


def migrate(lake: LakeUri, quiet: Quiet = False) -> None:
    """Give a lake of an older logpress today's folders: data, rejects, manifests apart. Its days stay as they are."""
    from logpress.lake.migrate import migrate as migrate_lake

    def tell(table: str, day: date) -> None:
        if not quiet:
            print(f"{table} {day}", file=sys.stderr)

    done = migrate_lake(lake, tell)
    days = f"{done.days} {'day' if done.days == 1 else 'days'}"
    print(f"{lake}: {days} moved to today's folders" if done.days else f"{lake}: has today's folders")
    for folder in done.left:
        print(f"{folder}: stays, because it holds files that are not logpress's")
