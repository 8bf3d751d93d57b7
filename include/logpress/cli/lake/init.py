"""`logpress lake init`: an empty lake, with its catalog."""

from __future__ import annotations

from logpress.cli.options import LakeUri

EPILOG = (
    "Examples:\n\n  logpress lake init --lake lake\n\n"
    "  LOGPRESS_CATALOG_TYPE=glue logpress lake init --lake s3://game-lake/logs\n\n"
    "The first `logpress press` makes a lake, too; `init` shows before that whether rights and catalog are in order."
)


def init(lake: LakeUri) -> None:
    """Make an empty lake: its marker, and a namespace in its catalog, which is recorded as the lake's.

    A lake that is there already is left as it is.
    """
    from logpress.lake.begin import begin_lake

    begun = begin_lake(lake)
    found = begun.lake
    what = "an empty lake is made" if begun.is_new else "is a lake already, and is left as it is"
    print(f"{found.uri}: {what}")
    if found.folders == "linked":
        print("folders: linked; readers of plain folders see a day that is pressed again change at once")
    else:
        print("folders: shared; readers of plain folders also see replaced files until the retention has passed")
    print(f"catalog: {begun.choice}{', made now' if begun.has_made_namespace else ''}")
