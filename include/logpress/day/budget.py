"""The memory that a command may take and a process needs, and so the number of processes that run at once."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pydantic import ByteSize, TypeAdapter, ValidationError

from logpress.codecs.registry import codecs_of
from logpress.contract.columns import is_stored_too
from logpress.contract.model import Contract
from logpress.engine.convert.duplicates import table_bytes
from logpress.engine.registers.registers import Registers
from logpress.engine.registers.stored_columns import stored_columns
from logpress.errors import UsageError
from logpress.limits import DEFAULT, Limits
from logpress.quality.repeats import HASH_BYTES

SHARE = 0.5
"""Default share of the available memory that a command takes."""


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


def default_threads() -> int:
    """The number of cores that this process may use."""
    return max(1, len(os.sched_getaffinity(0)))


def default_memory() -> int:
    """Bytes that a command takes by default: half of the available memory."""
    return int(available_memory() * SHARE)


def press_bytes(contract: Contract, *, threads: int = 0, limits: Limits = DEFAULT) -> int:
    """Bytes that a process which presses and proves slices may take, whatever the records are.

    What all processes share, `limits.imported_bytes`, comes on top.

    Args:
        contract: its registers, columns and rows a row group count.
        threads: threads that convert; 0 for none, as where each core has a process.
        limits: of pressing.
    """
    registers = Registers(contract)
    narrow = int(registers.is_narrow.sum())
    wide = len(registers) - narrow
    # a row: its registers while the row group fills, a sorted copy of the wide ones, and its columns
    columns = sum(16 if column.type == pa.uuid() else 10 for column in stored_columns(contract))
    # of virtual columns that are stored, too, those whose registers number no texts have a text of its own in each row
    too = [codec for codec in codecs_of(contract).values() if is_stored_too(codec.column)]
    columns += sum(_SEQUENCE_BYTES for codec in too if pa.types.is_string(codec.type) and not codec.is_text)
    row = 8 * wide * 2 + 4 * narrow + columns
    group = row * contract.files.row_group_rows + limits.pressed_text_copies * limits.row_group_text_bytes
    seen = table_bytes(limits) if contract.source.duplicates == "reject" else 0
    groups = max(threads, limits.row_groups_of_threads) if threads else 1
    record = limits.record_copies * limits.longest_record_bytes
    return max(1, threads) * limits.converting_bytes + groups * group + seen + record


_SEQUENCE_BYTES = 128
"""Bytes of the text of a sequence number in a row group's table: twice, while its pieces become one."""


def check_bytes(contract: Contract, limits: Limits = DEFAULT) -> int:
    """Bytes that checks of kind `unique` may take while processes prove, whatever the records are; 0 if there are none.

    Other checks read one column of a row group, and are not counted.

    Args:
        contract: its checks, registers and rows a row group count.
        limits: how many hashes are in memory.
    """
    if all(check.kind != "unique" for check in contract.checks):
        return 0
    # registers of a row group, as they are decoded and as arrays; its texts, as they came and as a dictionary
    group = 2 * 8 * len(Registers(contract)) * contract.files.row_group_rows + 2 * limits.row_group_text_bytes
    return group + _SORTED_COPIES * HASH_BYTES * limits.unique_hashes


_SORTED_COPIES = 4
"""How often a run of hashes is in memory while it is sorted: as it came, joined, in order, and what orders it."""


@dataclass(frozen=True)
class Budget:
    """The memory of a command.

    Attributes:
        memory: in bytes.
        limits: of pressing.
    """

    memory: int
    limits: Limits = DEFAULT

    @classmethod
    def of(cls, memory: int | None) -> Budget:
        """A budget of this many bytes; of the default if None."""
        return cls(default_memory() if memory is None else memory)

    def _shared_bytes(self, contract: Contract) -> int:
        """What a command takes whatever the number of its processes."""
        return self.limits.imported_bytes + self.limits.companion_bytes + check_bytes(contract, self.limits)

    def processes(self, contract: Contract) -> int:
        """How many processes that press may work at a time: one at least."""
        return max(1, (self.memory - self._shared_bytes(contract)) // press_bytes(contract, limits=self.limits))

    def threads(self, contract: Contract, most: int) -> int:
        """How many threads may press one slice: `most`, or as many as their row groups fit, one at least."""
        left = self.memory - self._shared_bytes(contract)
        fits = (n for n in range(most, 1, -1) if press_bytes(contract, threads=n, limits=self.limits) <= left)
        return next(fits, 1)

    def warning(self, contract: Contract) -> str | None:
        """What to say where not even one process is sure to fit."""
        need = self._shared_bytes(contract) + press_bytes(contract, limits=self.limits)
        if need <= self.memory:
            return None
        rows = f"files.row_group_rows ({contract.files.row_group_rows:,})"
        return (
            f"pressing {contract.table} may take {_size(need)} in one process, more than the {_size(self.memory)} of "
            f"--memory; if it is killed, lower {rows} in the contract"
        )


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count < 10**9 else f"{count / 1e9:,.1f} GB"
