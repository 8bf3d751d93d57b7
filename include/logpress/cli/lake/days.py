"""`logpress lake days`: the published days of tables."""

from __future__ import annotations

import json

from logpress.cli.lake.text import TableNames, as_dict, columns, known_table
from logpress.cli.options import AsJson, LakeUri

EPILOG = (
    "Examples:\n\n  logpress lake days sdk_log --lake lake\n\n"
    "  logpress lake days sdk_log --lake lake --json | jq -r '.[] | select(.is_missing).day'"
)


def days(lake: LakeUri, tables: TableNames = None, as_json: AsJson = False) -> None:
    """List the published days: rows, rejects, bytes, bytes a record, when published, format; and the days missing."""
    from logpress.day.listing import list_days
    from logpress.lake import Lake

    found = Lake.open(lake)
    names = [known_table(found, name) for name in tables or found.tables()]
    listed = {name: list_days(found, name) for name in names}
    if as_json:
        rows = [
            as_dict(day, table=name, bytes_a_record=day.bytes_a_record) for name in names for day in listed[name]
        ]  # fmt: skip
        print(json.dumps(rows, indent=1))
        return
    head = ("day", "rows", "rejects", "stored bytes", "a record", "published (UTC)", "format")
    for name in names:
        print(name)
        print(
            columns(
                head,
                [
                    (day.day, *("missing" if n == 0 else "" for n in range(6)))
                    if day.is_missing
                    else (day.day, day.rows, day.rejects, day.stored_bytes, day.bytes_a_record, day.published_at,
                          day.format)
                    for day in listed[name]
                ],
            )
        )  # fmt: skip
        for day in listed[name]:
            if day.problem is not None:
                print(f"{day.day}: {day.problem}")
