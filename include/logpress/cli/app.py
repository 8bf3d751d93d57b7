"""The `logpress` command: press, restore, verify, compare, report, schema, tune, sample.

Heavy modules are imported inside the commands, so that `logpress --help` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logpress import __version__
from logpress.errors import LogpressError, UsageError

if TYPE_CHECKING:
    from datetime import date

    from logpress.contract.model import Contract
    from logpress.machine.companion import Companion

app = typer.Typer(
    name="logpress",
    help="Presses a day of raw JSON logs into Parquet a hundredth of its size, and gives it back byte for byte.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Shape(Enum):
    """What `sample` writes."""

    hit = "hit"
    document = "document"


class Compression(Enum):
    """How `sample` compresses."""

    gzip = "gzip"
    zstd = "zstd"
    none = "none"


class WholeFile(Enum):
    """What `tune` does about the whole file."""

    show = "show"
    choose = "choose"
    skip = "skip"


class Form(Enum):
    """How `restore` writes records."""

    records = "records"
    bulk = "bulk"


def _no_secret(given: str | list[str] | None) -> str | list[str] | None:
    """Refuse URIs with passwords, before anything can name them."""
    from logpress.uris import refuse_secret

    for uri in [given] if isinstance(given, str) else given or []:
        refuse_secret(uri)
    return given


Table = Annotated[str, typer.Argument(metavar="TABLE", help="A contract's name, or the path of its YAML file.")]
Day = Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The UTC day.")]
LakeUri = Annotated[
    str,
    typer.Option(
        "--lake", metavar="URI", envvar="LOGPRESS_LAKE", callback=_no_secret, help="The lake: a folder or URI."
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="PATH", callback=_no_secret, help="Raw input: a file, folder, glob or URI; may be repeated."
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


def _contract(table: str) -> Contract:
    from logpress.contract import load_contract

    return load_contract(table)


def _day(text: str) -> date:
    from logpress.contract import parse_day

    try:
        return parse_day(text)
    except ValueError as error:
        raise UsageError(f"--day: {error}") from error


def _memory(text: str | None) -> int | None:
    from logpress.day.budget import parse_size

    return None if text is None else parse_size(text)


def _bars(quiet: bool) -> Any:
    from logpress.cli.bars import Bars

    return Bars(quiet=quiet)


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"logpress {__version__}")
        raise typer.Exit


@app.command(
    epilog="Examples:\n\n"
    "  logpress press sdk_log --day 2021-12-26 --input raw/ --lake lake\n\n"
    "  logpress press sdk_log --day 2021-12-26 --input 'raw/2021/12/26/*/*.gz' --input late.ndjson --lake lake\n\n"
    "  logpress press sdk_log --day 2021-12-26 --input opensearch+https://search.example.com:9200 --lake lake"
)
def press(
    context: typer.Context,
    table: Table,
    day: Day,
    lake: LakeUri,
    inputs: Inputs = None,
    grace: Annotated[float, typer.Option("--grace", min=0, help="Hours that superseded files stay.")] = 1.0,
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Press a day: stage, verify, publish, report. A day that was published before is replaced, all at once."""
    from logpress.machine.companion import Companion

    with closing(context.obj or Companion()) as companion:
        contract, when = _contract(table), _day(day)
        limit = _memory(memory)
        from datetime import timedelta

        from rich.console import Console

        from logpress.day import one_machine as whole_day
        from logpress.day import stages
        from logpress.day.budget import Budget
        from logpress.quality.size_report import render_report

        warning = Budget.of(limit).warning(contract)
        if warning is not None:
            print(f"logpress: warning: {warning}", file=sys.stderr)
        changes = stages.changes(contract, when, lake, inputs or [])
        if changes is not None and not quiet:
            print(f"logpress: {changes}", file=sys.stderr)
        with _bars(quiet) as bars:
            report, checks = whole_day.run_day(
                contract, when, inputs or [], lake, threads=threads, grace=timedelta(hours=grace), progress=bars,
                companion=companion, memory=limit,
            )  # fmt: skip
    console = Console()
    console.print(render_report(report))
    for check in checks:
        if not check.ok:
            print(f"logpress: warning: {check.message}", file=sys.stderr)


@app.command(
    epilog="Examples:\n\n"
    "  logpress restore sdk_log --day 2021-12-26 --lake lake --output day.ndjson\n\n"
    "  logpress restore sdk_log --day 2021-12-26 --lake lake | head -1 | jq .\n\n"
    "  logpress restore sdk_log --day 2021-12-26 --lake lake --where 'response_status_code >= 500'\n\n"
    "  logpress restore sdk_log --day 2021-12-26 --lake lake --as bulk --output day.bulk"
)
def restore(
    table: Table,
    day: Day,
    lake: LakeUri,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="- is stdout, as by default.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--as", help="records: their own bytes; bulk: what _bulk of a search server takes.")
    ] = Form.records,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="Rows for which it holds, as 'func_name = Login'; may be repeated."),
    ] = None,
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Give back a day's records byte for byte, one a line, in _id order, or by ingest and begin time; then rejects."""
    contract, when = _contract(table), _day(day)
    from logpress.day import published, stages

    if output == Path("-"):
        output = None
    with _bars(quiet or (output is None and sys.stdout.isatty())) as bars:
        tell = bars.begin("restore", None if where else stages.report(contract, when, lake).raw_bytes)
        options: dict[str, Any] = {
            "threads": threads, "progress": tell, "bulk": form is Form.bulk, "where": where or (),
            "memory": _memory(memory),
        }  # fmt: skip
        if output is None:
            published.restore_day(contract, when, lake, sys.stdout.buffer, **options)
            sys.stdout.buffer.flush()
        else:
            published.restore_to_file(contract, when, lake, output, **options)
        bars.end("restore")


@app.command(
    epilog="Examples:\n\n"
    "  logpress verify sdk_log --day 2021-12-26 --lake lake\n\n"
    "  logpress verify sdk_log --day 2021-12-26 --lake lake --input raw/"
)
def verify(
    table: Table,
    day: Day,
    lake: LakeUri,
    inputs: Inputs = None,
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Prove a published day again: its files against its manifests and, if given, the raw input."""
    contract, when = _contract(table), _day(day)
    from logpress.day import published
    from logpress.hashing.digest import combine

    with _bars(quiet) as bars:
        verified = published.verify_published(
            contract, when, lake, inputs or [], threads=threads, progress=bars, memory=_memory(memory)
        )
    manifest = verified.manifest
    against = "its manifests"
    if inputs:
        against += " and what can be read of the raw input" if verified.damage else " and the raw input"
    digest = combine(entry.digest for entry in manifest.slices)
    print(
        f"{contract.table} {when}: {manifest.rows + manifest.rejects:,} records, digest {digest}: agrees with {against}"
    )
    for uri, damage in verified.damage.items():
        print(f"logpress: warning: {uri} is damaged, and could be read in part only: {damage}", file=sys.stderr)


@app.command(
    epilog="Examples:\n\n  logpress upgrade sdk_log --from 2021-12-01 --to 2021-12-31 --lake lake\n\n"
    "  logpress upgrade sdk_log --lake s3://game-lake/logs --quiet"
)
def upgrade(
    table: Table,
    lake: LakeUri,
    first: Annotated[
        str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first UTC day; the first published by default.")
    ] = "0001-01-01",
    last: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last UTC day; the last published by default.")
    ] = "9999-12-31",
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Rewrite published days of an older format as today's: proven against the old files, published at once."""
    contract = _contract(table)
    try:
        begin, end = (_day(text) for text in (first, last))
    except UsageError as error:
        raise UsageError(str(error).replace("--day", "--from and --to")) from error
    from logpress.day.upgrade import days_between, upgrade_day
    from logpress.engine.part.metadata import VERSION

    for day in days_between(lake, contract.table, begin, end):
        with _bars(quiet) as bars:
            done = upgrade_day(contract, day, lake, threads=threads, progress=bars, memory=_memory(memory))
        if done.parts:
            was = " and ".join(done.versions)
            sizes = f"{done.before:,} bytes are {done.after:,} now"
            print(f"{contract.table} {day}: {done.parts} parts of format {was} rewritten as {VERSION}; {sizes}")
        else:
            print(f"{contract.table} {day}: has format {VERSION} already")


@app.command(
    epilog="Exit code: 0 if both have the same records, 1 if they differ, 2 if they could not be compared.\n\n"
    "Examples:\n\n"
    "  logpress compare sdk_log --day 2021-12-26 --input s3://game-logs/sdk/ "
    "--with opensearch+https://search.example.com:9200\n\n"
    "  logpress compare sdk_log --day 2021-12-26 --input raw/ --lake lake\n\n"
    "  logpress compare sdk_log --day 2021-12-26 --input raw/ --with dump.ndjson --output differing --json | jq .a.only"
)
def compare(
    table: Table,
    day: Day,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="PATH",
            callback=_no_secret,
            help="Side A: what press takes; the contract's inputs by default.",
        ),
    ] = None,
    other: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PATH", callback=_no_secret, help="Side B: what press takes; may be repeated."),
    ] = None,
    lake: Annotated[
        str | None,
        typer.Option(
            "--lake", metavar="URI", callback=_no_secret, help="Side B: the day as it is published in a lake."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder that gets the records that differ.")
    ] = None,
    show: Annotated[int, typer.Option("--show", min=0, help="Records shown of each kind and side.")] = 5,
    by_value: Annotated[
        bool, typer.Option("--by-value", help="Records spelt differently are no difference for the exit code.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Compare a day in two sources: which records only one has, and which they spell differently.

    The _source of a search hit is compared to a bare document, byte for byte; where bytes differ, by value.
    """
    from logpress.comparing import Named, compare_day
    from logpress.comparing.result import render_comparison

    try:
        contract, when = _contract(table), _day(day)
        if bool(other) == (lake is not None):
            raise UsageError("name what to compare with: raw input (--with PATH) or a published day (--lake URI)")
        with _bars(quiet) as bars:
            found = compare_day(
                contract, when, Named(tuple(inputs or ())), Named(tuple(other or ()), lake),
                shown=show, output=output, threads=threads, progress=bars,
            )  # fmt: skip
    except LogpressError as error:
        error.exit_code = 2  # 1 says that they differ
        raise
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        from rich.console import Console

        Console().print(render_comparison(found))
    if not (found.is_same_by_value if by_value else found.is_same):
        raise typer.Exit(1)


@app.command(epilog="Example:\n\n  logpress report sdk_log --day 2021-12-26 --lake lake --json | jq .ratio")
def report(
    table: Table,
    day: Day,
    lake: LakeUri,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Show what a published day holds and saved: rows, bytes raw and stored, ratio, bytes a row of each column."""
    contract, when = _contract(table), _day(day)
    from logpress.day import stages
    from logpress.quality.size_report import render_report

    found = stages.report(contract, when, lake)
    if as_json:
        print(found.model_dump_json(indent=1))
        return
    from rich.console import Console

    Console().print(render_report(found))


@app.command(epilog="Example:\n\n  logpress schema sdk_log")
def schema(table: Table, as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """List a table's columns: types, meaning, and which are virtual (derived when read, not stored)."""
    contract = _contract(table)
    import json

    from logpress.codecs.registry import codecs_of
    from logpress.contract.columns import is_virtual

    codecs = codecs_of(contract)
    columns = [
        {
            "name": column.name,
            "type": str(codecs[column.name].type),
            "virtual": is_virtual(column),
            "nullable": column.nullable,
            "path": list(column.path),
            "description": column.description,
        }
        for column in contract.columns
    ]
    if as_json:
        print(json.dumps({"table": contract.table, "description": contract.description, "columns": columns}, indent=1))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    shown = RichTable(title=f"{contract.table}: {contract.description}", title_justify="left", box=None)
    for heading in ("column", "type", "", "meaning"):
        shown.add_column(heading, overflow="fold")
    for column in columns:
        cells = (
            str(column["name"]),
            str(column["type"]),
            "virtual" if column["virtual"] else "",
            str(column["description"]),
        )
        shown.add_row(*map(escape, cells))
    Console().print(shown)


@app.command(
    epilog="Examples:\n\n"
    "  logpress tune sdk_log --input raw/\n\n"
    "  logpress tune my_log.yaml --input raw/ --write\n\n"
    "  logpress tune sdk_log --input raw/ --day 2021-12-26 --output contracts/sdk_log.yaml\n\n"
    "  logpress tune sdk_log --input raw/ --readers polars,duckdb --all\n\n"
    "How it chooses: --ns-a-byte says what a byte a record is worth, in nanoseconds that writing a record takes one "
    "core. At 1000, a column may take 100 ns more if it gets 0.1 bytes smaller. Of levels whose sizes differ by less "
    "than 0.5 % the lowest is taken. A change must save 0.1 % of the file, or 20 ns a record: less is noise."
)
def tune(
    table: Table,
    inputs: Inputs = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The UTC day; what most records say by default.")
    ] = None,
    records: Annotated[
        int | None, typer.Option("--records", min=1, help="How many are taken; two row groups by default.")
    ] = None,
    readers: Annotated[
        str,
        typer.Option("--readers", metavar="NAMES", help="Who reads the files, as polars,duckdb; all by default."),
    ] = "",
    ns_a_byte: Annotated[
        float, typer.Option("--ns-a-byte", min=0.001, help="What a byte a record is worth, in ns of writing.")
    ] = 1000,
    whole_file: Annotated[
        WholeFile,
        typer.Option(
            "--whole-file", help="Orders of rows and sizes of row groups: show them, choose them too, or skip them."
        ),
    ] = WholeFile.show,
    write: Annotated[bool, typer.Option("--write", help="Write the choice into the contract.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the contract, with the choice, here.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every candidate.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Measure what other encodings, levels and orders would cost on a sample of your records, and choose."""
    from logpress.contract.edit import target_of, write_contract
    from logpress.contract.load import contract_path

    source, contract = contract_path(table), _contract(table)
    target = target_of(source, contract.table, output) if write or output else None
    when = _day(day) if day else None
    from logpress.day.stages import default_threads
    from logpress.quality.readers import parse_readers
    from logpress.tuning import Options, tune
    from logpress.tuning.report import render

    options = Options(
        when, records, parse_readers(readers), ns_a_byte, whole_file.value, threads=threads or default_threads()
    )
    with _bars(quiet) as bars:
        tuned = tune(contract, inputs or [], options, bars)
    if as_json:
        print(tuned.report.model_dump_json(indent=1))
    else:
        from rich.console import Console

        # tables are wide, and what they are piped to has no width
        Console(width=None if sys.stdout.isatty() else 120).print(render(tuned.report, every=every))
    if target is not None and (tuned.changes or target != source):
        write_contract(source, target, contract, tuned.changes)
        count = len(tuned.changes)
        what = f"{count} other value{'s' * (count > 1)}" if count else "nothing changed"
        print(f"logpress: written to {target}, with {what}", file=sys.stderr)
    elif target is not None:
        print(f"logpress: {target} is left as it is", file=sys.stderr)
    elif tuned.changes:
        print("logpress: nothing is written without --write or --output FILE", file=sys.stderr)


@app.command(epilog="Example:\n\n  logpress sample --records 1000000 --day 2021-12-26 --hours 10-11 --output sample")
def sample(
    records: Annotated[int, typer.Option("--records", min=0, help="How many.")],
    day: Day,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the raw objects.")],
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal bytes.")] = 7,
    hours: Annotated[
        str | None, typer.Option("--hours", metavar="FIRST-LAST", help="UTC hours; all by default.")
    ] = None,
    shape: Annotated[
        Shape, typer.Option("--shape", help="hit: whole search hits; document: bare documents.")
    ] = Shape.hit,
    compression: Annotated[Compression, typer.Option("--compression", help="gzip, zstd or none.")] = Compression.gzip,
    quiet: Quiet = False,
) -> None:
    """Write realistic raw input: gzipped NDJSON objects under YYYY/MM/DD/HH/, in the order records arrived."""
    when = _day(day)
    from logpress.sample import parse_hours, write_sample

    span = parse_hours(hours) if hours else None
    with _bars(quiet) as bars:
        tell = bars.begin("sample", None, records)
        summary = write_sample(
            output, when, records, seed=seed, hours=span, shape=shape.value, compression=compression.value,
            progress=lambda done: tell(0, done),
        )  # fmt: skip
        bars.end("sample")
    print(f"{records:,} records in {summary.files} objects under {output}", file=sys.stderr)


def _started_early(arguments: list[str]) -> Companion | None:
    """What `press` needs beside itself: it has much to import, and so has this process, which begins with typer's."""
    if arguments[:1] != ["press"] or {"-h", "--help"}.intersection(arguments):
        return None
    from logpress.machine.companion import Companion

    return Companion()


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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "show"):  # click's usage errors
            error.show()
            sys.exit(error.exit_code)
        raise
    finally:
        if companion is not None:
            companion.close()
        gc.freeze()  # the interpreter need not look for garbage among all that is loaded when it ends


if __name__ == "__main__":
    main()
