"""Compare the codec `uuid` with `text` and `category`: `python -m bench.uuids`.

A column of random UUIDs and one of 10,000 that repeat are pressed with each codec, and scanned. Sizes are exact; times
are medians of processor time on one thread, because other load must not count.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import pyarrow.parquet as pq
import typer

from logpress import open_lake
from logpress.contract import Contract
from logpress.day import one_machine
from logpress.lake import Lake

DAY = date(2021, 12, 26)
DEVICES = 10_000
CODECS = {"request": ("text", "uuid"), "device": ("category", "uuid")}


class Figures(NamedTuple):
    """A column with a codec.

    Attributes:
        stored_bytes: of the column, a record.
        scan_ns: to scan it to Arrow, a record.
        read_ns: to read it with pyarrow alone, a record.
    """

    stored_bytes: float
    scan_ns: float
    read_ns: float


def write_records(path: Path, rows: int) -> None:
    """Records with a random UUID, and one of DEVICES."""
    chance = random.Random(7)
    devices = [str(UUID(int=chance.getrandbits(128), version=4)) for _ in range(DEVICES)]
    with path.open("w") as file:
        for number in range(rows):
            at = f"{DAY}T{number % 24:02}:{number % 60:02}:00Z"
            request = UUID(int=chance.getrandbits(128), version=4)
            file.write(f'{{"at":"{at}","request":"{request}","device":"{chance.choice(devices)}"}}\n')


def contract_of(codecs: dict[str, str]) -> Contract:
    """A table whose columns have these codecs."""
    columns: list[dict[str, Any]] = [{"name": "at", "path": "at", "codec": "instant", "type": "timestamp[s]"}]
    columns += [{"name": name, "path": name, "codec": codec} for name, codec in codecs.items()]
    return Contract.model_validate({"table": "uuids", "day": "at", "columns": columns})


def measure(raw: Path, folder: Path, codecs: dict[str, str], rows: int, runs: int) -> dict[str, Figures]:
    """Press the records, and scan each column."""
    one_machine.run_day(contract_of(codecs), DAY, [str(raw)], str(folder))
    manifest = Lake.open(str(folder)).need_day("uuids", DAY)
    assert manifest.rows == rows
    sizes = {column.name: column.stored_bytes for part in manifest.parts for column in part.columns}
    table = open_lake(str(folder)).table("uuids")

    def timed(read: Callable[[], object]) -> float:
        read()
        found = []
        for _ in range(runs):
            began = time.process_time_ns()
            read()
            found.append((time.process_time_ns() - began) / rows)
        return median(found)

    def scan(name: str) -> object:
        return table.scan(DAY, columns=[name], threads=1).to_arrow()

    def plain(name: str) -> object:
        return [pq.read_table(file, columns=[name], partitioning=None, use_threads=False) for file in table.files(DAY)]

    return {
        name: Figures(sizes[name] / rows, timed(partial(scan, name)), timed(partial(plain, name))) for name in codecs
    }


def main(
    rows: Annotated[int, typer.Option(min=1_000, help="How many records.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Times that each column is read.")] = 5,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="logpress-") as folder:
        raw = Path(folder) / "raw.ndjson"
        write_records(raw, rows)
        print(f"{'column':10}{'codec':10}{'bytes a record':>16}{'ns to scan':>12}{'ns for pyarrow':>16}")
        for place in (0, 1):
            codecs = {name: pair[place] for name, pair in CODECS.items()}
            for name, found in measure(raw, Path(folder) / f"lake-{place}", codecs, rows, runs).items():
                print(f"{name:10}{codecs[name]:10}{found.stored_bytes:16.3f}{found.scan_ns:12.1f}{found.read_ns:16.1f}")


if __name__ == "__main__":
    typer.run(main)
