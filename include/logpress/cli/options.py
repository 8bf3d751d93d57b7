"""What verbs have in common: options and arguments, and what is read from their text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from logpress.errors import UsageError

if TYPE_CHECKING:
    from datetime import date

    from logpress.contract.model import Contract


def no_secret(given: str | list[str] | None) -> str | list[str] | None:
    """Give URIs back; a callback of options, so that no message names a URI before it was looked at.

    Raises:
        UsageError: if a password stands in one.
    """
    from logpress.uris import refuse_secret

    for uri in [given] if isinstance(given, str) else given or []:
        refuse_secret(uri)
    return given


Table = Annotated[str, typer.Argument(metavar="TABLE", help="A contract's name, or the path of its YAML file.")]
Day = Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The UTC day.")]
FirstDay = Annotated[
    str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first UTC day; the first published by default.")
]
LastDay = Annotated[
    str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last UTC day; the last published by default.")
]
FIRST_DAY, LAST_DAY = "0001-01-01", "9999-12-31"
LakeUri = Annotated[
    str,
    typer.Option(
        "--lake", metavar="URI", envvar="LOGPRESS_LAKE", callback=no_secret, help="The lake: a folder or URI."
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="PATH", callback=no_secret, help="Raw input: a file, folder, glob or URI; may be repeated."
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads; as many as there are cores by default.")
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        envvar="LOGPRESS_MEMORY",
        help="Memory that the command takes at most, as 800M or 2G; half of what is left by default.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable.")]

Html = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write one page with charts, which needs nothing else; - for stdout."),
]


def one_form(as_json: bool, html: str | None, markdown: bool = False) -> None:
    """See that at most one form of output is asked for.

    Raises:
        UsageError: if more are.
    """
    if as_json + markdown + (html is not None) > 1:
        named = ["--json"] * as_json + ["--markdown"] * markdown + ["--html"] * (html is not None)
        raise UsageError(f"{' and '.join(named)}: choose one")


def write_text(path: str, text: str) -> None:
    """Write a file; to standard output if it is named `-`.

    Raises:
        UsageError: if it cannot be written.
    """
    if path == "-":
        print(text, end="")
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def contract_of(table: str) -> Contract:
    """The contract that a `Table` names.

    Raises:
        ContractError: if there is none, or it is wrong.
    """
    from logpress.contract import load_contract

    return load_contract(table)


def day_of(text: str, option: str = "--day") -> date:
    """The UTC day that an option says.

    Raises:
        UsageError: if it says none; the message names the option.
    """
    from logpress.contract import parse_day

    try:
        return parse_day(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def period_of(first: str, last: str) -> tuple[date, date]:
    """The days that a `FirstDay` and a `LastDay` say.

    Raises:
        UsageError: if one says none.
    """
    return day_of(first, "--from"), day_of(last, "--to")


def memory_of(text: str | None) -> int | None:
    """The bytes that a `Memory` says; None if it was not given.

    Raises:
        UsageError: if it is no size.
    """
    from logpress.day.budget import parse_size

    return None if text is None else parse_size(text)
