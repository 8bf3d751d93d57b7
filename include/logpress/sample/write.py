"""Write a sample as a day of raw objects, with the folders and names of Amazon Data Firehose."""

from __future__ import annotations

import hashlib
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
import zstandard
from isal import isal_zlib

from logpress.errors import LogpressError, UsageError
from logpress.outputs import refuse_output, written
from logpress.sample.draw import draw_hours, draw_sessions
from logpress.sample.kinds import counts
from logpress.sample.lines import Hour, Printer
from logpress.sample.living import LivingDay, World
from logpress.sample.plan import Plan, Shape
from logpress.sample.population import draw_population
from logpress.sample.sequence import Sequencer

Compression = Literal["gzip", "none", "zstd"]

THREADS = 2
OBJECT_BYTES = 28_000_000
"""Average raw size of an object, if an hour has enough records."""
SMALLEST_SPLIT_BYTES = 12_000_000
"""An hour with fewer raw bytes than this is one object."""

_OBJECTS = 5
_SUFFIXES: dict[Compression, str] = {"gzip": ".gz", "none": ".ndjson", "zstd": ".zst"}
_RECORD_BYTES: dict[Shape, int] = {"hit": 868, "document": 494}
_GZIP_WINDOW = 31


@dataclass(frozen=True)
class SampleSummary:
    """Counts of a sample.

    Attributes:
        paths: the objects, in order of arrival.
        records: lines that are not blank, damaged ones included.
        rare: records of a rare layout.
        damaged: lines that are not JSON, or not UTF-8.
        blank_lines: lines without a record.
        raw_bytes: size of all lines, newlines included.
        stored_bytes: size of the (compressed) objects.
    """

    paths: tuple[Path, ...]
    records: int
    rare: int
    damaged: int
    blank_lines: int
    raw_bytes: int
    stored_bytes: int

    @property
    def files(self) -> int:
        """Number of objects."""
        return len(self.paths)


def write_sample(
    output: Path,
    day: date,
    records: int,
    *,
    seed: int = 7,
    hours: tuple[int, int] | None = None,
    shape: Shape = "hit",
    compression: Compression = "gzip",
    progress: Callable[[int], None] | None = None,
    world: World | None = None,
) -> SampleSummary:
    """Write a day of raw logs into `output` as `YYYY/MM/DD/HH/sdk-log-1-YYYY-MM-DD-HH-MM-SS-<uuid>.gz`.

    Records are in order of arrival, in the folder of their hour (UTC) of arrival. The same arguments produce the same
    bytes. Memory: a few megabytes a thread, and 32 bytes a record of the day; of a world, 250 bytes a user who may play
    and 125 bytes a record of an hour.

    Args:
        output: folder; created if missing.
        day: UTC day of every record's `timestamp`.
        records: number of records, damaged lines included.
        seed: seed of all random numbers.
        hours: first and last UTC hour of arrival, inclusive; the whole day if None.
        shape: whole search hits, or bare documents; the documents are the same.
        compression: compression of the objects.
        progress: called with the number of records written so far.
        world: the living population whose day it is; users of this day alone if None.

    Raises:
        UsageError: if an argument is not valid, or the hours' folders have other objects.
        LogpressError: if an object cannot be written.
    """
    plan = _plan(day, records, seed, hours)
    _check(shape, Shape, "shape")
    _check(compression, Compression, "compression")
    of = (plan, shape, compression) if world is None else (plan, world, shape, compression)
    run = hashlib.blake2b(repr(of).encode(), digest_size=4).digest()
    refuse_output(output)
    folders = [output / f"{day:%Y/%m/%d}/{hour:02d}" for hour in range(plan.first_hour, plan.last_hour + 1)]
    _refuse_others(folders, run, compression)

    printer, arrivals = _prepare(plan, shape, world)
    written: list[tuple[Path, int, int]] = []
    pending: deque[Future[tuple[Path, int, int]]] = deque()
    waiting: deque[int] = deque()
    done = 0

    def collect(at_most: int) -> None:
        nonlocal done
        while len(pending) > at_most:
            written.append(pending.popleft().result())
            done += waiting.popleft()
            if progress is not None:
                progress(done)

    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for number, (folder, hour) in enumerate(zip(folders, arrivals, strict=True)):
                edges = _edges(plan, number, len(hour.rows), shape)
                for part, (first, last) in enumerate(pairwise(edges)):
                    name = _name(int(hour.sequences.arrival[first]), run, number, part) + _SUFFIXES[compression]
                    chunks = printer.chunks(hour, first, last)
                    pending.append(pool.submit(_write_object, folder / name, compression, chunks))
                    waiting.append(last - first)
                    collect(2 * THREADS)
            collect(0)
        except BaseException:
            for future in pending:
                future.cancel()
            raise
    paths, raw, stored = zip(*written, strict=True)
    return SampleSummary(paths, records, *counts(records), raw_bytes=sum(raw), stored_bytes=sum(stored))


def generate_lines(
    day: date,
    records: int,
    seed: int = 7,
    hours: tuple[int, int] | None = None,
    shape: Shape = "hit",
    world: World | None = None,
) -> Iterator[bytes]:
    """The lines that `write_sample` writes, in the same order, in chunks of whole lines of some megabytes.

    Raises:
        UsageError: if an argument is not valid.
    """
    _check(shape, Shape, "shape")
    printer, arrivals = _prepare(_plan(day, records, seed, hours), shape, world)
    for hour in arrivals:
        for chunk in printer.chunks(hour, 0, len(hour.rows)):
            yield bytes(chunk)


def _plan(day: date, records: int, seed: int, hours: tuple[int, int] | None) -> Plan:
    first, last = hours or (0, 23)
    return Plan(day, records, seed, first, last)


def _check(value: str, choices: object, what: str) -> None:
    if value not in get_args(choices):
        raise UsageError(f"{value!r} is not a {what} of a sample; give one of {', '.join(get_args(choices))}")


def _prepare(plan: Plan, shape: Shape, world: World | None) -> tuple[Printer, Iterator[Hour]]:
    if world is None:
        sessions = draw_sessions(plan)
        population = draw_population(plan, sessions.users)
        hours = draw_hours(plan, sessions, THREADS)
    else:
        living = LivingDay.draw(plan, world, THREADS)
        population, hours = living.population, living.hours(THREADS)
    printer = Printer(plan, population, shape)
    sequencer = Sequencer(plan)

    def arrivals() -> Iterator[Hour]:
        for number, rows in enumerate(hours):
            yield printer.hour(rows, sequencer.take(number, rows))

    return printer, arrivals()


def _edges(plan: Plan, number: int, rows: int, shape: Shape) -> list[int]:
    """Begins and ends of an hour's objects: about 12 to 45 MB raw each, if there are enough rows."""
    if rows == 0:
        return []
    size = rows * _RECORD_BYTES[shape]
    parts = 1 if size < SMALLEST_SPLIT_BYTES else max(2, round(size / OBJECT_BYTES))
    shifts = plan.stream(_OBJECTS, number).uniform(-0.3, 0.3, parts - 1)
    inner = ((np.arange(1, parts) + shifts) * rows / parts).astype(np.int64)
    return [0, *inner.tolist(), rows]


def _name(arrival: int, run: bytes, number: int, part: int) -> str:
    """A name as by Firehose: stream, version, arrival of the first record, UUID; `run` is the begin of the UUID."""
    rest = hashlib.blake2b(run + bytes([number]) + part.to_bytes(4, "big"), digest_size=12).digest()
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=arrival)
    return f"sdk-log-1-{moment:%Y-%m-%d-%H-%M-%S}-{uuid.UUID(bytes=run + rest)}"


def _refuse_others(folders: Iterable[Path], run: bytes, compression: Compression) -> None:
    """Raise if a folder has objects of another sample, because a day must not mix two samples."""
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            ours = f"-{run.hex()}-" in path.name and path.name.endswith(_SUFFIXES[compression])
            if not ours and not path.name.startswith("."):
                raise UsageError(
                    f"{folder} already has {path.name}, of another sample; remove it, or give another output"
                )


class _Compressor(Protocol):
    def compress(self, data: memoryview) -> bytes: ...

    def flush(self) -> bytes: ...


class _Verbatim:
    """Compresses nothing."""

    def compress(self, data: memoryview) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""


def _compressor(compression: Compression) -> _Compressor:
    if compression == "gzip":
        # This module writes no time into the gzip header, so the same lines produce the same bytes.
        gzip: _Compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP_WINDOW)
        return gzip
    if compression == "zstd":
        zstd: _Compressor = zstandard.ZstdCompressor(level=3).compressobj()
        return zstd
    return _Verbatim()


def _write_object(path: Path, compression: Compression, chunks: Iterable[memoryview]) -> tuple[Path, int, int]:
    """Write an object, whole or not at all; gives its path, raw bytes and stored bytes."""
    compressor = _compressor(compression)
    raw = stored = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogpressError(f"{path}: cannot be written: {error.strerror}; choose another output") from error
    with written(path, LogpressError) as file:
        for chunk in chunks:
            raw += len(chunk)
            stored += file.write(compressor.compress(chunk))
        stored += file.write(compressor.flush())
    return path, raw, stored
