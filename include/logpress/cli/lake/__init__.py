"""`logpress lake`: the life of a lake; one file a verb, listed here in the order of --help."""

from __future__ import annotations

import typer

from logpress.cli.lake import check, clean, days, drop_day, history, register, rollback, tables

app = typer.Typer(
    name="lake",
    help="What a lake holds and has held, its catalog, and what is done to keep it in order.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command(epilog=tables.EPILOG)(tables.tables)
app.command(epilog=days.EPILOG)(days.days)
app.command(epilog=history.EPILOG)(history.history)
app.command(epilog=rollback.EPILOG)(rollback.rollback)
app.command("drop-day", epilog=drop_day.EPILOG)(drop_day.drop_day)
app.command(epilog=check.EPILOG)(check.check)
app.command(epilog=clean.EPILOG)(clean.clean)
app.command(epilog=register.EPILOG)(register.register)
