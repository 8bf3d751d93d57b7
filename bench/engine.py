"""Measure the engine alone, in this process: raw bytes to finished part files, without proof, publication, start-up.

Commands such as `python -m bench.engine press --cores 1 INPUT` print one JSON object; `python -m bench` runs them all.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.measure import answered, measured
from bench.results import EngineResult, StartResult
from bench.sample import DAY, LOGPRESS, Input, generate, objects_of

if TYPE_CHECKING:
    from logpress.contract import Contract
    from logpress.manifest import SliceSpec
    from logpress.progress import Progress

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
FEW = 1_000
BUFFER_BYTES = 4 << 20


@app.command()
def press(
    source: Annotated[Path, typer.Argument(help="Folder of raw objects.")],
    cores: Annotated[int, typer.Option(min=1, help="Processes, a core each, that press slices.")] = 1,
) -> None:
    """Press all slices twice, as `day/one_machine.py` does, and time the second run."""
    from logpress.contract import load_contract
    from logpress.day import stages
    from logpress.machine.workers import Job, Workers

    day = date.fromisoformat(DAY)
    contract = load_contract("sdk_log")
    specs = sorted(stages.plan(contract, day, [str(source)]), key=lambda spec: -(spec.raw_bytes or 0))
    _keep_to(cores)
    with tempfile.TemporaryDirectory(prefix="logpress-bench-") as folder, Workers(cores) as workers:
        for _ in range(2):
            began = time.perf_counter()
            waiting = deque(Job(_press_slice, (contract, day, spec, f"{folder}/{spec.name}")) for spec in specs)
            while waiting or workers.is_busy:
                while waiting and workers.free:
                    workers.start(waiting.popleft())
                workers.wait()
            seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "slices": len(specs)}))


def _press_slice(contract: Contract, day: date, spec: SliceSpec, folder: str, *, progress: Progress) -> None:
    from logpress.engine.press import press_slice

    press_slice(contract, day, spec, folder, threads=0, progress=progress)


@app.command()
def read(source: Annotated[Path, typer.Argument(help="Folder of raw objects.")]) -> None:
    """Read and decompress all objects on one core, and discard the bytes."""
    from logpress.sources import open_raw

    _keep_to(1)
    buffer = memoryview(bytearray(BUFFER_BYTES))
    began = time.perf_counter()
    size = 0
    for path in objects_of(source):
        with open_raw(str(path)) as reader:
            while count := reader.readinto(buffer):
                size += count
    print(json.dumps({"seconds": time.perf_counter() - began, "raw_bytes": size}))


@app.command()
def first(source: Annotated[Path, typer.Argument(help="Folder of a few raw records.")]) -> None:
    """Import the engine, and press a few records twice; kernels are loaded from their cache in the first run."""
    began = time.perf_counter()
    from logpress.contract import load_contract
    from logpress.day import stages
    from logpress.engine.press import press_slice

    imported = time.perf_counter() - began
    day = date.fromisoformat(DAY)
    contract = load_contract("sdk_log")
    [spec, *_] = stages.plan(contract, day, [str(source)])
    seconds = []
    with tempfile.TemporaryDirectory(prefix="logpress-bench-") as folder:
        for _ in range(2):
            began = time.perf_counter()
            press_slice(contract, day, spec, folder, threads=0)
            seconds.append(time.perf_counter() - began)
    print(json.dumps({"import": imported, "first": seconds[0], "second": seconds[1]}))


def _keep_to(cores: int) -> None:
    """Limit this process and its children to this number of cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def measure_engine(plain: Input, folder: Path, runs: int) -> EngineResult:
    """Press plain and gzipped input on one core and on two, and decompress alone."""
    gzipped = generate(folder / "gzipped", plain.records, compression="gzip")
    cores = [1, 2] if len(os.sched_getaffinity(0)) > 1 else [1]
    commands = {
        f"{kind} input, {count} core{'s' * (count > 1)}": ["press", "--cores", str(count), str(given.folder)]
        for kind, given in (("plain", plain), ("gzip", gzipped))
        for count in cores
    } | {"gzip decompressed alone, 1 core": ["read", str(gzipped.folder)]}
    found: dict[str, list[float]] = {what: [] for what in commands}
    for _ in range(runs):
        for what, command in commands.items():
            seconds = answered([sys.executable, "-m", "bench.engine", *command])["seconds"]
            found[what].append(plain.raw_bytes / seconds / 1e6)
    return EngineResult(mb_s=found)


def measure_start(folder: Path, runs: int) -> StartResult:
    """Start the command, import the engine, and use its kernels for the first time; caches are warm."""
    few = generate(folder / "few", FEW)
    again = [sys.executable, "-m", "bench.engine", "first", str(few.folder)]
    answered(again)  # compiles missing kernels
    found: dict[str, list[float]] = {}
    for _ in range(runs):
        found.setdefault("`logpress --help`, whole command", []).append(measured([LOGPRESS, "--help"]).seconds)
        answer = answered(again)
        found.setdefault("importing the engine", []).append(answer["import"])
        found.setdefault(f"first use of the kernels ({FEW:,} records)", []).append(answer["first"])
        found.setdefault("the same again", []).append(answer["second"])
    return StartResult(seconds=found)


def medians(found: dict[str, list[float]]) -> dict[str, float]:
    """The median of each."""
    return {what: statistics.median(figures) for what, figures in found.items()}


if __name__ == "__main__":
    app()
