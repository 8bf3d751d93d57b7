"""`logpress report`: what a published day holds and saved."""

from __future__ import annotations

from logpress.cli.options import AsJson, Day, LakeUri, Table, contract_of, day_of

EPILOG = "Example:\n\n  logpress report sdk_log --day 2021-12-26 --lake lake --json | jq .ratio"


def report(table: Table, day: Day, lake: LakeUri, as_json: AsJson = False) -> None:
    """Show what a published day holds and saved: rows, bytes raw and stored, ratio, bytes a row of each column."""
    contract, when = contract_of(table), day_of(day)
    from logpress.day import stages
    from logpress.quality.size_report import render_report

    found = stages.report(contract, when, lake)
    if as_json:
        print(found.model_dump_json(indent=1))
        return
    from rich.console import Console

    Console().print(render_report(found))
