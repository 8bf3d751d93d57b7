"""The memory that a command may take and a process needs, and so the number of processes that run at once."""

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
"""Default share of the available memory that a command takes."""

IMPORTED_BYTES = 200 << 20
"""Python, imported modules and kernels; forked processes share them."""

COMPANION_BYTES = 400 << 20
"""The companion process, which reads files with fastparquet and publishes."""

BLOCKS_BYTES = 110 << 20
"""Blocks of records, layouts, rejects and pages of one process."""

TEXT_COPIES = 3
"""Copies of a row group's texts in memory: as they were read, in its columns, and in pages."""

RECORD_COPIES = 3
"""Copies of a record of the largest size in memory."""

ROW_GROUPS_OF_THREADS = 3
"""With threads, one row group fills while two are written; when proving, each thread may hold one."""


def parse_size(text: str) -> int:
    """Parse a size such as 800M, 1.5GB or 2GiB to bytes; K, M, G are powers of 1000, KiB, MiB, GiB of 1024.

    Raises:
        UsageError: if it is not a size.
    """
    try:
        size = int(TypeAdapter(ByteSize).validate_python(text.strip()))
    except ValidationError:
        size = 0
    if size <= 0:
        raise UsageError(f"--memory, LOGPRESS_MEMORY: {text!r} is not a size; write it as 800M or 2G")
    return size


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that this process could take: the machine's free memory, or its cgroup's limit (v1 or v2) if that is lower.

    Args:
        root: the folder that has /proc and /sys.
    """
    found = [_left_on_machine(root), *_limits_of_cgroups(root)]
    return min(limit for limit in found if limit is not None)


def _left_on_machine(root: Path) -> int:
    text = _read(root / "proc/meminfo")
    left = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(left.group(1)) << 10 if left else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _limits_of_cgroups(root: Path) -> list[int]:
    """The limits of the cgroup of this process, and of its parents."""
    limits = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        folder = top / path.lstrip("/")  # in a container it may be missing, but then `top` is the container's own
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
    """Bytes that a command takes by default: half of the available memory."""
    return int(available_memory() * SHARE)


def press_bytes(contract: Contract, *, threads: int = 0) -> int:
    """Upper bound of the memory of a process that presses and proves slices, beside IMPORTED_BYTES, for any records.

    Args:
        contract: the table; its registers, columns and rows a row group determine the result.
        threads: threads that convert; 0 if the process has one core to itself.
    """
    registers = Registers(contract)
    narrow = int(registers.is_narrow.sum())
    wide = len(registers) - narrow
    # a row: its registers while the row group fills, a sorted copy of the wide ones, and its columns
    row = 8 * wide * 2 + 4 * narrow + 10 * len(stored_columns(contract))
    group = row * contract.files.row_group_rows + TEXT_COPIES * TEXT_BUDGET_BYTES
    seen = TABLE_BYTES if contract.source.duplicates == "reject" else 0
    groups = max(threads, ROW_GROUPS_OF_THREADS) if threads else 1
    return max(1, threads) * BLOCKS_BYTES + groups * group + seen + RECORD_COPIES * LONGEST_RECORD_BYTES


@dataclass(frozen=True)
class Budget:
    """The memory of a command.

    Attributes:
        memory: bytes of all its processes together.
    """

    memory: int

    @classmethod
    def of(cls, memory: int | None) -> Budget:
        """A budget of this many bytes; of the default if None."""
        return cls(default_memory() if memory is None else memory)

    def processes(self, contract: Contract) -> int:
        """The number of pressing processes that fit at once; at least 1."""
        return max(1, (self.memory - IMPORTED_BYTES - COMPANION_BYTES) // press_bytes(contract))

    def threads(self, contract: Contract, most: int) -> int:
        """The number of threads that may press one slice: as many as fit, from 1 to `most`."""
        left = self.memory - IMPORTED_BYTES - COMPANION_BYTES
        return next((count for count in range(most, 1, -1) if press_bytes(contract, threads=count) <= left), 1)

    def warning(self, contract: Contract) -> str | None:
        """A warning if even one process may not fit; else None."""
        need = IMPORTED_BYTES + COMPANION_BYTES + press_bytes(contract)
        if need <= self.memory:
            return None
        rows = f"files.row_group_rows ({contract.files.row_group_rows:,})"
        return (
            f"pressing {contract.table} may take {_size(need)} in one process, more than the {_size(self.memory)} of "
            f"--memory; if it is killed, lower {rows} in the contract"
        )


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count < 10**9 else f"{count / 1e9:,.1f} GB"
