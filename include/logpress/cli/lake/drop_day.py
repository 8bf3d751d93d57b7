"""`logpress lake drop-day`: a day taken out of its table."""

from __future__ import annotations

from logpress.cli.lake.text import DayArgument, TableName, Yes, day_argument
from logpress.cli.options import LakeUri

EPILOG = "Example:\n\n  logpress lake drop-day sdk_log 2021-12-26 --lake lake --yes"


def drop_day(table: TableName, day: DayArgument, lake: LakeUri, yes: Yes = False) -> None:
    """Take a day out of its table, in one commit. Its files stay for the retention, and `lake rollback` undoes it."""
    import typer

    from logpress.lake import Lake
    from logpress.lake.retention import retention_of
    from logpress.lake.rollback import drop_day as drop

    found, when = Lake.open(lake), day_argument(day)
    manifest = found.need_day(table, when)
    if not yes:
        typer.confirm(f"Drop {table} {when}, {manifest.rows:,} rows, from {found.uri}?", abort=True)
    was = drop(found, table, when)
    stay = _hours(retention_of(found).total_seconds())
    print(
        f"{table} {when}: dropped, {was.rows:,} rows; its files stay for {stay}, "
        f"in which `logpress lake rollback {table} {when} --to previous` brings it back"
    )


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"
