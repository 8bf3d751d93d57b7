"""`logpress lake history`: the publications of a day."""

from __future__ import annotations

import json

from logpress.cli.lake.text import DayArgument, TableName, as_dict, columns, day_argument
from logpress.cli.options import AsJson, LakeUri

EPILOG = "Example:\n\n  logpress lake history sdk_log 2021-12-26 --lake lake"


def history(table: TableName, day: DayArgument, lake: LakeUri, as_json: AsJson = False) -> None:
    """List the publications of a day: when, by which run, snapshot, rows, digest, and whether the files are there.

    They are kept as long as their files, which is the retention: see LOGPRESS_RETENTION in docs/lake.md.
    """
    from logpress.day.listing import list_publications
    from logpress.errors import UsageError
    from logpress.lake import Lake

    found, when = Lake.open(lake), day_argument(day)
    listed = list_publications(found, table, when)
    if not listed:
        raise UsageError(f"{found.uri}: {table} {when} was not published, or that is longer ago than the retention")
    if as_json:
        print(json.dumps([as_dict(one) for one in listed], indent=1))
        return
    head = ("published (UTC)", "snapshot", "rows", "rejects", "digest", "files", "", "run")
    rows = [
        (
            one.published_at, str(one.snapshot_id or "-"), one.rows, one.rejects, one.digest,
            "there" if one.has_files else "gone",
            "current" if one.is_current else "" if one.snapshot_id is not None else "never published", one.run,
        )
        for one in listed
    ]  # fmt: skip
    print(columns(head, rows, left=(0, 4, 5, 6, 7)))
