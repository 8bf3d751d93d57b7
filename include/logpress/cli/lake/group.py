"""The verbs of `logpress lake` in their order."""

from __future__ import annotations

import typer

from logpress.cli.lake import migrate

EPILOG = "Examples:\n\n  logpress lake migrate --lake lake\n\n  logpress lake --help"

group = typer.Typer(
    name="lake",
    help="Keep a lake in order: all of its tables and days.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
)

# In this order --help lists them.
group.command(epilog=migrate.EPILOG)(migrate.migrate)
