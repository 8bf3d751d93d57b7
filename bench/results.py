"""The results of measurements, which are kept as JSON."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import BaseModel, ConfigDict

from bench.exact import Exactness
from bench.measure import Run, median
from bench.populations import Users


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


T = TypeVar("T", bound=_Kept)


class Machine(_Kept):
    """The machine of a measurement.

    Attributes:
        nice: how low the priority was; above 0, other work went first, and speeds are too low.
    """

    processor: str
    cores: int
    memory_gb: int
    system: str
    python: str
    nice: int = 0

    @classmethod
    def this(cls) -> Machine:
        """This machine."""
        lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return cls(
            processor=names[0] if names else platform.machine(),
            cores=len(os.sched_getaffinity(0)),
            memory_gb=round(psutil.virtual_memory().total / 2**30),
            system=platform.system(),
            python=platform.python_version(),
            nice=os.nice(0),
        )

    def __str__(self) -> str:
        text = f"{self.cores} cores ({self.processor}), {self.memory_gb} GiB, {self.system}, Python {self.python}"
        return text + (f", at low priority (nice {self.nice}): speeds are too low" if self.nice > 0 else "")


class Reading(_Kept):
    """Three columns read into pandas, in a new process each time.

    Attributes:
        seconds: of each run, imports not counted.
        rows: in the frame; more than there are records if a damaged line became a row of nulls.
        elapsed_ms: sum of the elapsed times; the same for all who read the same records.
        characters: of both text columns together, likewise.
    """

    seconds: list[float]
    rows: int
    elapsed_ms: int
    characters: int


class PeerResult(_Kept):
    """The results of a tool.

    Attributes:
        records: lines that it was given.
        raw_bytes: their size.
        left_out: lines that had been taken out for it.
        is_part: whether it was given only a part of the sample.
        stored_bytes: what it made of them.
        presses: each run.
        restores: each run, empty if it cannot restore, or that was not asked for.
        exact: comparison of the restored lines, or None likewise.
        reads: by reader.
    """

    name: str
    title: str
    version: str
    settings: str
    records: int
    raw_bytes: int
    left_out: int
    is_part: bool
    stored_bytes: int
    presses: list[Run]
    restores: list[Run]
    exact: Exactness | None
    reads: dict[str, Reading]

    @property
    def bytes_a_record(self) -> float:
        """Stored bytes a record."""
        return self.stored_bytes / self.records

    @property
    def ratio(self) -> float:
        """Raw bytes divided by stored bytes."""
        return self.raw_bytes / self.stored_bytes

    @property
    def press_mb_s(self) -> float:
        """Raw MB pressed a second, whole command."""
        return self.raw_bytes / median(self.presses) / 1e6

    @property
    def restore_mb_s(self) -> float | None:
        """Raw MB restored a second, whole command."""
        return self.raw_bytes / median(self.restores) / 1e6 if self.restores else None


class EngineResult(_Kept):
    """The engine alone, without a command around it: raw bytes to finished part files, and what feeds it.

    Attributes:
        mb_s: by what was measured, raw megabytes a second of each run.
    """

    mb_s: dict[str, list[float]]


class StartResult(_Kept):
    """Times of starting: seconds of each run, by measurement."""

    seconds: dict[str, list[float]]


class Field(_Kept):
    """A whole comparison of tools.

    Attributes:
        users: of the sample.
        records: of the sample, damaged ones included.
        raw_bytes: of the sample.
        entropy_bytes: of the sample's generator, a record.
        runs: counted runs of each.
        missing: peers that were asked for and not measured, and why.
    """

    machine: Machine
    users: Users
    records: int
    raw_bytes: int
    entropy_bytes: float
    runs: int
    peers: list[PeerResult]
    missing: dict[str, str]
    engine: EngineResult | None
    start: StartResult | None

    def peer(self, name: str) -> PeerResult | None:
        """A tool's results; None if it was not measured."""
        return next((peer for peer in self.peers if peer.name == name), None)

    def times_faster(self, name: str) -> list[float]:
        """Factors by which logpress presses faster than a tool, for each pair of runs, ascending."""
        ours, theirs = self.peer("logpress"), self.peer(name)
        if ours is None or theirs is None:
            return []
        pairs = zip(ours.presses, theirs.presses, strict=False)
        return sorted(peer.seconds / own.seconds for own, peer in pairs)


class Size(_Kept):
    """A day of some size."""

    records: int
    raw_bytes: int
    stored_bytes: int
    hours: int
    presses: list[Run]
    restores: list[Run]


class Growth(_Kept):
    """Growth of pressing and restoring with the size of the day."""

    machine: Machine
    sizes: list[Size]


REST = "all else"
"""The stage of a profile for the remaining time."""


class Profile(_Kept):
    """Time of a core by stage, nanoseconds a record.

    Attributes:
        pressing_ns: raw bytes to finished part files.
        proving_ns: part files to the digest of their records.
        restoring_ns: part files to all records in order.
        floor_ns: to read the raw bytes and hash them, and nothing else.
    """

    machine: Machine
    records: int
    raw_bytes: int
    pressing_ns: dict[str, float]
    proving_ns: dict[str, float]
    restoring_ns: dict[str, float]
    floor_ns: float


class ColumnSize(_Kept):
    """Size of some columns of pressed files, bytes a record.

    Attributes:
        name: the column, or columns.
        entropy: of what the generator draws for them; None where nothing is drawn for them alone.
        of: what that is.
    """

    name: str
    stored: float
    entropy: float | None
    of: str


class Sizes(_Kept):
    """Size of pressed files by column.

    Attributes:
        users: of the sample.
        generator_entropy: of all that is drawn, bytes a record.
    """

    machine: Machine
    users: Users
    records: int
    columns: list[ColumnSize]
    generator_entropy: float


def load(kind: type[T], path: Path) -> T:
    """Read what `save` wrote."""
    return kind.model_validate_json(path.read_text())


def save(result: _Kept, path: Path) -> None:
    """Write JSON with one value a line, for `git diff`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result.model_dump_json(indent=1) + "\n")
