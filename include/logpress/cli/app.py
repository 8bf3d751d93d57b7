"""The `logpress` command: its verbs in their order, and errors as exit codes.

Heavy modules are imported inside the verbs, so that `logpress --help` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from logpress import __version__
from logpress.cli import (
    check,
    compare,
    days,
    describe,
    erase,
    press,
    rejects,
    report,
    restore,
    sample,
    schema,
    serve,
    tune,
    upgrade,
    verify,
    view,
    warm,
)
from logpress.cli.history import group as history
from logpress.cli.lake.group import group as lake
from logpress.errors import LogpressError

if TYPE_CHECKING:
    from logpress.machine.companion import Companion

BROKEN_PIPE = 141
"""Exit code if the reader of standard output has ended: 128 and the number of SIGPIPE, as shells have it."""


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run a verb; a reader that has closed standard output, as `| head -1` does, ends it without a message.

        Typer itself would end it with exit code 1.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to be flushed
            raise typer.Exit(BROKEN_PIPE) from None


app = typer.Typer(
    name="logpress",
    cls=_Group,
    help="Presses a day of raw JSON logs into Parquet a hundredth of its size, and gives it back byte for byte.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"logpress {__version__}")
        raise typer.Exit


# In this order --help lists them.
app.command(epilog=press.EPILOG)(press.press)
app.command(epilog=restore.EPILOG)(restore.restore)
app.command(epilog=verify.EPILOG)(verify.verify)
app.command(epilog=upgrade.EPILOG)(upgrade.upgrade)
app.command(epilog=erase.EPILOG)(erase.erase)
app.command(epilog=compare.EPILOG)(compare.compare)
app.command(epilog=check.EPILOG)(check.check)
app.command(epilog=report.EPILOG)(report.report)
app.command(epilog=days.EPILOG)(days.days)
app.command(epilog=rejects.EPILOG)(rejects.rejects)
app.command(epilog=describe.EPILOG)(describe.describe)
app.command(epilog=schema.EPILOG)(schema.schema)
app.command(epilog=view.EPILOG)(view.view)
app.command(epilog=tune.EPILOG)(tune.tune)
app.command(epilog=sample.EPILOG)(sample.sample)
app.command(epilog=warm.EPILOG)(warm.warm)
app.command(epilog=serve.EPILOG)(serve.serve)
app.add_typer(history)
app.add_typer(lake)


def _started_early(arguments: list[str]) -> Companion | None:
    """What `press` needs beside itself: it has much to import, and so has this process, which begins with typer's."""
    if not _is_run(arguments, "press"):
        return None
    from logpress.machine.companion import Companion

    return Companion()


def _is_run(arguments: list[str], *commands: str) -> bool:
    """Whether it is one of these commands, and does not only ask for help."""
    return not set(arguments[:1]).isdisjoint(commands) and {"-h", "--help"}.isdisjoint(arguments)


_WITH_KERNELS = ("press", "restore", "verify", "upgrade", "erase", "compare", "tune")


def _import_from_few_frames(arguments: list[str]) -> None:
    """Import Numba, which these commands need, before they do.

    CPython 3.11 maps and unmaps 16 KB at each call across the end of a piece of its stack. Numba, imported from 60
    frames deeper, did that 16,000 times, in 0.1 s.
    """
    if _is_run(arguments, *_WITH_KERNELS):
        import logpress.kernel.compile  # noqa: F401


def _prepare_process() -> None:
    # Arrow's arrays come from the memory that numpy's have left, and nothing here multiplies matrices.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # To look for pydantic's plugins is to read what every installed package says of itself.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Imports make hundreds of thousands of objects that stay: to look through them for garbage again and again took
    # a twentieth of a whole press.
    gc.set_threshold(200_000, 20, 50)


def main() -> None:
    """Run the command line; errors are one line and an exit code."""
    _prepare_process()
    companion = _started_early(sys.argv[1:])
    _import_from_few_frames(sys.argv[1:])
    try:
        code = app(standalone_mode=False, obj=companion)  # typer gives back what an Exit says, and 130 for Ctrl-C
        if code == 130:
            print("logpress: stopped", file=sys.stderr)
        if code:
            sys.exit(code)
    except LogpressError as error:
        print(f"logpress: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Abort:
        print("logpress: stopped", file=sys.stderr)
        sys.exit(130)
    except typer.TyperException as error:  # wrong use
        # The class that can show the usage too has no public name. To import it here keeps what is right use
        # independent of it.
        from typer._click.exceptions import ClickException

        if isinstance(error, ClickException):
            error.show()
            sys.exit(error.exit_code)
        raise
    finally:
        if companion is not None:
            companion.close()
        gc.freeze()  # the interpreter need not look for garbage among all that is loaded when it ends
