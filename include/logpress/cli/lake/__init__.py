"""`logpress lake`: the life of a lake; one file a verb, listed here in the order of --help."""

from __future__ import annotations

import typer

from logpress.cli.lake import register

app = typer.Typer(
    name="lake",
    help="What a lake holds and has held, its catalog, and what is done to keep it in order.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command(epilog=register.EPILOG)(register.register)
