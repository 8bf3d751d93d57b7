"""Measure the bytes of pressed files by column, and compare them with entropies: `python -m bench.sizes`.

Entropies are the generator's (`bench/populations.py`): of a column's values, each for itself. A code that looks at
nothing else cannot take less; one that knows the other columns, or the row before, could.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from bench.populations import Users, entropies
from bench.results import ColumnSize, Machine, Sizes, save
from bench.sample import DAY, HOURS, generate, plan_of

COLUMNS = {
    "request_begin_at": "gap to the call before",
    "response_elapsed_ms": "elapsed",
    "_id_counter, _id_counter_high": "counter above the smallest of shard and second",
    "func_name": "function",
    "_ingested_at_residual": "ingest lag",
    "_id_shard": "shard",
    "_request_end_at_residual": "end slip",
    "response_status_code": "status",
    "_id_arrival": "arrival",
}
"""The entropies of columns: how the names of choices begin, or names of columns."""

USERS = ("client_app_id", "user_created_at", "nickname", "sdk_version")
"""Columns that are equal in all records of a user."""

OF_USERS = ("sessions", "users", "games")
FOOTERS = "(footers, with the smallest counters)"
OTHERS = "all else"


def main(
    records: Annotated[int, typer.Option(min=1, help="How many records.")] = 1_000_000,
    users: Annotated[Users, typer.Option(help="Whose records: `logpress sample --users`.")] = "living",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Keep the figures.")] = None,
) -> None:
    """Print bytes a record."""
    with tempfile.TemporaryDirectory(prefix="logpress-bench-") as name:
        found = measure(records, Path(name), users)
    if output is not None:
        save(found, output)
    from rich.console import Console

    from bench.report import sizes_table

    Console(width=120).print(sizes_table(found).rich())


def measure(records: int, folder: Path, users: Users) -> Sizes:
    """Press a sample, and measure its files."""
    stored = stored_bytes(generate(folder / "sample", records, users=users).folder, folder)
    drawn = entropies(plan_of(records, HOURS), users)
    sizes = []
    for name, choices in [*((name, (line,)) for name, line in COLUMNS.items()), (", ".join(USERS), OF_USERS)]:
        lines = [drawn.of(choice) for choice in choices]
        sizes.append(
            ColumnSize(
                name=name, stored=sum(map(stored.pop, name.split(", "))) / records,
                entropy=sum(line.bytes_a_record for line in lines), of="; ".join(line.name for line in lines),
            )
        )  # fmt: skip
    sizes.append(ColumnSize(name=FOOTERS, stored=stored.pop(FOOTERS) / records, entropy=None, of=""))
    sizes.append(ColumnSize(name=OTHERS, stored=stored.total() / records, entropy=None, of=""))
    return Sizes(machine=Machine.this(), users=users, records=records, columns=sizes, generator_entropy=drawn.total)


def stored_bytes(source: Path, folder: Path) -> Counter[str]:
    """Bytes of each column in the part files of a pressed sample, and those of all footers."""
    from logpress.contract import load_contract
    from logpress.day import stages
    from logpress.engine.press import press_slice

    contract = load_contract("sdk_log")
    day = date.fromisoformat(DAY)
    found: Counter[str] = Counter()
    for spec in stages.plan(contract, day, [str(source)]):
        part = press_slice(contract, day, spec, f"{folder}/{spec.name}").part
        if part is not None:
            found.update({column.name: column.stored_bytes for column in part.columns})
            found[FOOTERS] += part.stored_bytes - sum(column.stored_bytes for column in part.columns)
    return found


if __name__ == "__main__":
    typer.run(main)
