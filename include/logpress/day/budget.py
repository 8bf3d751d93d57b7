"""How much memory a command may take, what a process that presses takes, and so how many work at a time."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ByteSize, TypeAdapter, ValidationError

from logpress.contract.model import Contract
from logpress.engine.convert.duplicates import TABLE_BYTES
from logpress.engine.press import TEXT_BUDGET_BYTES
from logpress.engine.registers.registers import Registers
from logpress.engine.registers.stored_columns import stored_columns
from logpress.errors import UsageError
from logpress.records.raw_blocks import LONGEST_RECORD_BYTES

SHARE = 0.5
"""Of the memory that there is, what a command takes without being told."""

IMPORTED_BYTES = 200 << 20
"""Python, what is imported, and kernels; forked processes share it."""

COMPANION_BYTES = 400 << 20
"""The process that reads files with another reader, and publishes."""

BLOCKS_BYTES = 110 << 20
"""Of a process: blocks of records on their way, layouts, rejects, pages being written."""

TEXT_COPIES = 3
"""How often a row group's texts are in memory: as they came, in its columns, and as pages."""

RECORD_COPIES = 3
"""How often a record that is as long as one may be is in memory."""

ROW_GROUPS_OF_THREADS = 3
"""With threads, a row group fills while two are written; and each may prove another one."""


def parse_size(text: str) -> int:
    """A size as 800M, 1.5GB or 2GiB in bytes; K, M and G are powers of a thousand, KiB and so on of 1024.

    Raises:
        UsageError: if it is none.
    """
    try:
        size = int(TypeAdapter(ByteSize).validate_python(text.strip()))
    except ValidationError:
        size = 0
    if size <= 0:
        raise UsageError(f"--memory, LOGPRESS_MEMORY: {text!r} is no size; give one as 800M or 2G")
    return size


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that this process could take: what the machine has left, or less where its cgroup (v1 or v2) ends before.

    Args:
        root: where /proc and /sys are.
    """
    found = [_left_on_machine(root), *_limits_of_cgroups(root)]
    return min(limit for limit in found if limit is not None)


def _left_on_machine(root: Path) -> int:
    text = _read(root / "proc/meminfo")
    left = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(left.group(1)) << 10 if left else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _limits_of_cgroups(root: Path) -> list[int]:
    """The limits of the cgroups that this process is in, and of those around them."""
    limits = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        folder = top / path.lstrip("/")  # in a container it may not be there, but the top is the container's own
        for place in (folder, *folder.parents):
            if place.is_relative_to(top):
                text = _read(place / name).strip()
                limits += [int(text)] if text.isdecimal() else []
    return limits


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def default_memory() -> int:
    """Bytes that a command takes without being told: half of what there is."""
    return int(available_memory() * SHARE)


def press_bytes(contract: Contract, *, threads: int = 0) -> int:
    """What a process that presses and proves slices may take besides IMPORTED_BYTES, whatever the records are.

    Args:
        contract: its registers, columns and rows a row group count.
        threads: threads that convert; 0 for none, as where each core has a process.
    """
    registers = Registers(contract)
    narrow = int(registers.is_narrow.sum())
    wide = len(registers) - narrow
    # a row: its registers while the row group fills, the wide ones once more in order, and its columns
    row = 8 * wide * 2 + 4 * narrow + 10 * len(stored_columns(contract))
    group = row * contract.files.row_group_rows + TEXT_COPIES * TEXT_BUDGET_BYTES
    seen = TABLE_BYTES if contract.source.duplicates == "reject" else 0
    groups = max(threads, ROW_GROUPS_OF_THREADS) if threads else 1
    return max(1, threads) * BLOCKS_BYTES + groups * group + seen + RECORD_COPIES * LONGEST_RECORD_BYTES


@dataclass(frozen=True)
class Budget:
    """What a command may take, all its processes together.

    Attributes:
        memory: in bytes.
    """

    memory: int

    @classmethod
    def of(cls, memory: int | None) -> Budget:
        """So many bytes; the default if None."""
        return cls(default_memory() if memory is None else memory)

    def processes(self, contract: Contract) -> int:
        """How many processes that press may work at a time: one at least."""
        return max(1, (self.memory - IMPORTED_BYTES - COMPANION_BYTES) // press_bytes(contract))

    def threads(self, contract: Contract, most: int) -> int:
        """How many threads may press one slice: `most`, or as many as their row groups fit, one at least."""
        left = self.memory - IMPORTED_BYTES - COMPANION_BYTES
        return next((count for count in range(most, 1, -1) if press_bytes(contract, threads=count) <= left), 1)

    def warning(self, contract: Contract) -> str | None:
        """What to say where not even one process is sure to fit."""
        need = IMPORTED_BYTES + COMPANION_BYTES + press_bytes(contract)
        if need <= self.memory:
            return None
        rows = f"files.row_group_rows ({contract.files.row_group_rows:,})"
        return (
            f"one process that presses {contract.table} may take {_size(need)}, and it has {_size(self.memory)} "
            f"(--memory): if it is killed, lower {rows} in the contract"
        )


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count < 10**9 else f"{count / 1e9:,.1f} GB"
