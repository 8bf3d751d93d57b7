"""Measure the time of a core for each stage of pressing, proving and restoring: `python -m bench.profile`.

All stages run in one thread of one process, on one core, in the second run. A stage's time excludes the stages that it
calls. The lower bound for comparison is reading and hashing the raw bytes once.
"""

from __future__ import annotations

import importlib
import inspect
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.results import REST, Machine, Profile, save
from bench.sample import DAY, generate

if TYPE_CHECKING:
    from logpress.manifest import SliceManifest, SliceSpec

PRESSING = {
    "reading": ["logpress.sources.reader:RawReader.readinto"],
    "framing, hashing, matching, converting": ["logpress.engine.convert.block:press_rows"],
    "finding duplicates": [
        "logpress.engine.press.reading:SliceReading._reject_repeats",
        "logpress.engine.convert.duplicates:Seen.write",
    ],
    "collecting rows": ["logpress.engine.press.row_groups:RowGroups.append"],
    "sorting": ["logpress.engine.part.encode:_order", "logpress.engine.part.sorted_registers:SortedRegisters"],
    "encoding": ["logpress.engine.press.row_groups:encode_rows"],
    "writing Parquet": ["logpress.parquet.writer:FileWriter.write_table"],
}
PROVING = {
    "reading Parquet": ["logpress.engine.part.part_reader:PartReader.slices"],
    "decoding": ["logpress.engine.part.decode:GroupDecoder.fill"],
    "rendering and hashing": ["logpress.engine.render.renderer:render_rows"],
}
RESTORING = {
    "reading Parquet": PROVING["reading Parquet"],
    "decoding": PROVING["decoding"],
    "dealing rows out": [
        "logpress.engine.restore.deal:Packer.samples",
        "logpress.engine.restore.deal:Packer.deal",
    ],
    "sorting": ["logpress.engine.restore.in_order:_sorted_rows"],
    "fetching rows": ["logpress.engine.restore.sorted_rows:unpack_rows"],
    "rendering": PROVING["rendering and hashing"],
}
_NO_MORE = object()


class Stages:
    """Adds up the time of functions, without the functions that they call."""

    def __init__(self, stages: dict[str, list[str]]) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]
        for stage, places in stages.items():
            for place in places:
                self._watch(stage, place)

    def _watch(self, stage: str, place: str) -> None:
        module, _, path = place.partition(":")
        owner: Any = importlib.import_module(module)
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        setattr(owner, name, self._timed(stage, getattr(owner, name)))

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            with self._adding(stage):
                return function(*arguments, **named)

        @wraps(function)
        def each_timed(*arguments: Any, **named: Any) -> Iterator[Any]:
            things = function(*arguments, **named)
            while True:
                with self._adding(stage):
                    thing = next(things, _NO_MORE)
                if thing is _NO_MORE:
                    return
                yield thing

        return each_timed if inspect.isgeneratorfunction(function) else timed

    @contextmanager
    def _adding(self, stage: str) -> Iterator[None]:
        self._inner.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self.seconds[stage] += took - self._inner.pop()
            self._inner[-1] += took


def main(
    records: Annotated[int, typer.Option(min=1, help="How many records.")] = 1_000_000,
    source: Annotated[Path | None, typer.Option("--input", help="A folder of raw objects instead of a sample.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Keep the figures.")] = None,
) -> None:
    """Print nanoseconds a record."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    with tempfile.TemporaryDirectory(prefix="logpress-bench-") as name:
        folder = Path(name)
        found = measure(source or generate(folder / "sample", records).folder, folder)
    if output is not None:
        save(found, output)
    from rich.console import Console

    from bench.report import profile_table

    Console(width=100).print(profile_table(found).rich())


def measure(source: Path, folder: Path) -> Profile:
    """Press, prove and restore all slices."""
    from logpress.contract import load_contract
    from logpress.day import stages
    from logpress.engine.press import press_slice
    from logpress.engine.restore.digest_parts import digest_files
    from logpress.engine.restore.in_order import restore

    day = date.fromisoformat(DAY)
    contract = load_contract("sdk_log")
    specs = stages.plan(contract, day, [str(source)])

    def press() -> list[SliceManifest]:
        return [press_slice(contract, day, spec, f"{folder}/{spec.name}", threads=0) for spec in specs]

    def prove() -> None:
        for part in parts:
            digest_files([part], [], threads=0)

    def give_back() -> None:
        restore(parts, [], lambda chunk: None, threads=0)

    manifests = press()
    parts = [f"{folder}/{spec.name}/{m.part.path}" for spec, m in zip(specs, manifests, strict=True) if m.part]
    watched = Stages(PRESSING)
    pressing = _shares(press, watched)
    prove()
    watched = Stages(PROVING)
    proving = _shares(prove, watched)
    give_back()
    watched = Stages(RESTORING)
    restoring = _shares(give_back, watched)
    rows = sum(manifest.rows for manifest in manifests)
    floor = _floor(specs)
    return Profile(
        machine=Machine.this(),
        records=rows,
        raw_bytes=sum(manifest.raw_bytes for manifest in manifests),
        pressing_ns={stage: seconds / rows * 1e9 for stage, seconds in pressing.items()},
        proving_ns={stage: seconds / rows * 1e9 for stage, seconds in proving.items()},
        restoring_ns={stage: seconds / rows * 1e9 for stage, seconds in restoring.items()},
        floor_ns=floor / rows * 1e9,
    )


def _shares(work: Callable[[], object], watched: Stages) -> dict[str, float]:
    began = time.perf_counter()
    work()
    whole = time.perf_counter() - began
    found = dict(sorted(watched.seconds.items(), key=lambda stage: -stage[1]))
    return found | {REST: whole - sum(found.values())}


def _floor(specs: list[SliceSpec]) -> float:
    """Seconds to read all raw bytes into a buffer, a block at a time, and to hash its lines; the best of three."""
    import numpy as np

    from logpress.hashing.kernels_xxh3 import hash128
    from logpress.kernel.compile import kernel
    from logpress.kernel.words import PADDING
    from logpress.limits import DEFAULT
    from logpress.sources import open_raw

    @kernel
    def hash_all(buffer: Any, size: int, step: int) -> Any:
        found = np.uint64(0)
        for start in range(0, size, step):
            low, _ = hash128(buffer, start, min(start + step, size))
            found ^= low
        return found

    block_bytes = DEFAULT.block_bytes
    buffer = np.zeros(block_bytes + PADDING, dtype=np.uint8)
    hash_all(buffer, 1, 1)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for uri in (uri for spec in specs for uri in spec.inputs):
            with open_raw(uri) as reader:
                while count := reader.readinto(buffer.data[:block_bytes]):
                    hash_all(buffer, count, 870)
        best = min(best, time.perf_counter() - began)
    return best


if __name__ == "__main__":
    typer.run(main)
