"""The verbs of `logpress lake` in their order."""

from __future__ import annotations

import typer

from logpress.cli.lake import (
    check,
    clean,
    copy,
    days,
    drop_day,
    history,
    init,
    migrate,
    register,
    rollback,
    tables,
    views,
)  # fmt: skip

EPILOG = "Examples:\n\n  logpress lake days sdk_log --lake lake\n\n  logpress lake check --lake lake"

group = typer.Typer(
    name="lake",
    help="Keep a lake in order: its tables, days, folders and catalog, what was published before, copies.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

# In this order --help lists them.
group.command(epilog=init.EPILOG)(init.init)
group.command(epilog=tables.EPILOG)(tables.tables)
group.command(epilog=days.EPILOG)(days.days)
group.command(epilog=history.EPILOG)(history.history)
group.command(epilog=rollback.EPILOG)(rollback.rollback)
group.command("drop-day", epilog=drop_day.EPILOG)(drop_day.drop_day)
group.command(epilog=check.EPILOG)(check.check)
group.command(epilog=clean.EPILOG)(clean.clean)
group.command(epilog=register.EPILOG)(register.register)
group.command(epilog=copy.EPILOG)(copy.copy)
group.command(epilog=views.EPILOG)(views.views)
group.command(epilog=migrate.EPILOG)(migrate.migrate)
