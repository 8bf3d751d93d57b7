"""Compare logpress with other ways to store logs, on the same records in the same run: `make bench`.

Whole commands are timed from outside, in turn, so that changes of the machine's speed affect all; medians count.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.engine import measure_engine, measure_start
from bench.field import PHASES, measure_field, steps
from bench.measure import MeasureError
from bench.peers import PEERS, Peer
from bench.populations import Users, entropies
from bench.report import field_tables
from bench.results import Field, Machine, save
from bench.sample import HOURS, generate, plan_of

QUICK = ("logpress", "duckdb")
MEASURES = (*PHASES, "engine", "start")
EPILOG = (
    "Examples:\n\n"
    "All tools:\n\n  python -m bench --output field.json\n\n"
    "logpress press and DuckDB COPY in pairs of runs:\n\n  python -m bench --quick --records 3000000 --runs 5\n\n"
    "Some tools, some measurements:\n\n  python -m bench --peers gzip-6,clp-s --only press,restore --records 200000"
)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
console = Console(width=160)


@app.command(help=__doc__, epilog=EPILOG)
def main(
    records: Annotated[int, typer.Option(min=1, help="How many records.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Counted runs of each, after one that is not counted.")] = 3,
    peers: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help=f"Tools to compare, separated by commas: {', '.join(peer.name for peer in PEERS[1:])}.",
        ),
    ] = ",".join(peer.name for peer in PEERS[1:]),
    only: Annotated[
        str, typer.Option(metavar="MEASURES", help=f"Measurements, separated by commas: {', '.join(MEASURES)}.")
    ] = ",".join(MEASURES),
    quick: Annotated[bool, typer.Option("--quick", help="As --peers duckdb --only press.")] = False,
    slow_mb: Annotated[int, typer.Option(min=1, help="MB of input for slow tools, which run once.")] = 128,
    users: Annotated[Users, typer.Option(help="Whose records: `logpress sample --users`.")] = "living",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Keep the figures.")] = None,
    scratch: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for work; about 5 KB a record."),
    ] = None,
) -> None:
    """Measure and print."""
    names = QUICK if quick else ("logpress", *_listed(peers, [peer.name for peer in PEERS], "--peers"))
    measures = ("press",) if quick else tuple(_listed(only, MEASURES, "--only"))
    if "restore" in measures or "read" in measures:
        measures = ("press", *measures)  # because the others need its output
    asked = [peer for peer in PEERS if peer.name in names]
    missing = {peer.name: f"{lacking} is not installed" for peer in asked if (lacking := peer.missing())}
    for name, lacking in missing.items():
        _warn(f"{name} is skipped: {lacking} (make bench installs packages)")
    present = [peer for peer in asked if peer.name not in missing]
    try:
        found = measure(present, records, runs, measures, slow_mb * 1_000_000, missing, scratch, users)
    except MeasureError as error:
        _warn(str(error))
        raise typer.Exit(1) from error
    if output is not None:
        save(found, output)
    for table in field_tables(found):
        console.print(table.rich())
        for note in table.notes:
            console.print(note, markup=False, highlight=False)
        console.print()


def measure(
    peers: list[Peer],
    records: int,
    runs: int,
    measures: tuple[str, ...],
    slow_bytes: int,
    missing: dict[str, str],
    scratch: Path | None,
    users: Users,
) -> Field:
    """Make the sample, and run the measurements.

    Raises:
        MeasureError: if logpress itself fails; other tools that fail cause a warning.
    """
    phases = [phase for phase in PHASES if phase in measures]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="logpress-bench-", dir=scratch)))
        bar = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
        others = 1 + ("engine" in measures) + ("start" in measures)
        task = bar.add_task("making the sample", total=steps(peers, runs, phases) + others)

        def tell(what: str) -> None:
            bar.update(task, description=what, advance=1)

        whole = generate(folder / "sample", records, users=users)
        tell("working out the entropy")
        entropy = entropies(plan_of(records, HOURS), users).total
        results, failures = measure_field(
            peers if phases else [],
            whole,
            folder,
            runs=runs,
            phases=phases,
            slow_bytes=slow_bytes,
            tell=tell,
            warn=_warn,
        )
        engine = start = None
        if "engine" in measures:
            tell("the engine alone")
            engine = measure_engine(whole, folder, runs)
        if "start" in measures:
            tell("starting")
            start = measure_start(folder, runs)
    return Field(
        machine=Machine.this(),
        users=users,
        records=records,
        raw_bytes=whole.raw_bytes,
        entropy_bytes=entropy,
        runs=runs,
        peers=results,
        missing=missing | failures,
        engine=engine,
        start=start,
    )


def _listed(text: str, known: list[str] | tuple[str, ...], option: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"{', '.join(unknown)}: there is {', '.join(known)}", param_hint=option)
    return names


def _warn(message: str) -> None:
    Console(stderr=True).print(f"WARNING: {message}", style="bold red", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    app()
