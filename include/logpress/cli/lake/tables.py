"""`logpress lake tables`: the tables of a lake."""

from __future__ import annotations

import json

from logpress.cli.lake.text import columns
from logpress.cli.options import AsJson, LakeUri

EPILOG = "Example:\n\n  logpress lake tables --lake lake"


def tables(lake: LakeUri, as_json: AsJson = False) -> None:
    """List the tables: days, the first and the last, rows and bytes; and the lake's catalog."""
    from logpress.lake import Lake
    from logpress.lake.choice import recorded

    found = Lake.open(lake)
    rows = []
    for name in found.tables():
        manifests = [found.need_day(name, day) for day in found.days(name)]
        rows.append(
            {
                "table": name,
                "days": len(manifests),
                "first": manifests[0].day if manifests else None,
                "last": manifests[-1].day if manifests else None,
                "rows": sum(manifest.rows for manifest in manifests),
                "stored_bytes": sum(manifest.stored_bytes for manifest in manifests),
            }
        )
    choice = recorded(found)
    if as_json:
        print(json.dumps({"lake": found.uri, "catalog": choice.entry if choice else None, "tables": rows}, indent=1))
        return
    head = ("table", "days", "first", "last", "rows", "stored bytes")
    print(columns(head, [list(row.values()) for row in rows]))
    print(f"catalog: {choice or 'not recorded yet; the next publication does'}")
