"""Part files and rejects files to records, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, wait

import numpy as np
from numpy.typing import NDArray

from logpress.engine.order.keys import splitters
from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import read_rejects
from logpress.engine.registers.row_major import Space
from logpress.engine.restore.buckets import Buckets
from logpress.engine.restore.deal import Packer
from logpress.engine.restore.memory_plan import MemoryPlan
from logpress.engine.restore.meter import Meter
from logpress.engine.restore.sorted_rows import SortedRows
from logpress.engine.restore.wanted import Places, WantedGroup
from logpress.errors import PartError
from logpress.hashing import digest as digests
from logpress.limits import DEFAULT, Limits
from logpress.machine.inline import executor
from logpress.machine.memory import give_back_after, keep_freed_memory
from logpress.progress import Progress


def restore(
    parts: Sequence[str],
    rejects: Sequence[str],
    write: Callable[[memoryview], object],
    *,
    threads: int = 2,
    progress: Progress | None = None,
    spill_folder: str | None = None,
    places: Places | None = None,
    memory: int | None = None,
    digest: NDArray[np.uint64] | None = None,
    limits: Limits = DEFAULT,
) -> int:
    """Write every record of these files, each followed by one newline.

    Rows come in the contract's `restore_order` over all parts, then the rejects in the order in which they were read.
    Memory is bounded: the rest goes through files in a temporary folder, of a sixth of the size of the raw records.

    Args:
        parts: part files, paths or fsspec URIs.
        rejects: rejects files.
        write: gets chunks of some megabytes, which are only valid during the call.
        threads: number of row groups decoded at a time; 0: the calling thread does all work.
        progress: called with bytes and records written so far.
        spill_folder: for the temporary folder; the system's default if None.
        places: gives the wanted row groups of a part, and their wanted rows; all if None.
        memory: approximate bytes that this process may take; as many as are useful if None.
        digest: uint64[2]; the hash of each record is added, taken from the bytes passed to `write`; None for no hashes.
        limits: of memory, within `memory`; they do not change what is written.

    Returns:
        Number of records written.

    Raises:
        PartError: if a file is damaged.
    """
    keep_freed_memory()
    meter = Meter(write, progress, digest)
    groups = [
        WantedGroup(reader, group, rows)
        for reader in (PartReader(path, limits) for path in parts)
        for group, rows in (enumerate([None] * reader.row_groups) if places is None else places(reader.path))
    ]
    if groups:
        plan = MemoryPlan.of(memory, threads, groups, limits)
        with executor(plan.threads if threads else 0, "restore") as pool:
            try:
                _restore_sorted(groups, meter, pool, plan, spill_folder, limits)
            except PartError as error:
                raise _of_its_file(error, groups) from error
    for path in rejects:
        for records in read_rejects(path):
            if digest is not None:
                digests.add(digest, digests.digest_records(record.data for record in records))
            for record in records:
                meter.records += 1
                meter(np.frombuffer(record.data + (b"" if record.continued else b"\n"), dtype=np.uint8))
    return meter.records


def _of_its_file(error: PartError, groups: Sequence[WantedGroup]) -> PartError:
    """An error with the path of its file, because rows of all files are sorted together before they are rendered."""
    if not any(str(error).startswith(group.reader.path) for group in groups):
        for group in groups:
            try:
                for sheet, rows in group.reader.sheets(group.number):
                    for _ in sheet.rendered(rows):
                        pass
            except PartError as found:
                return found
    return error


def _restore_sorted(
    groups: list[WantedGroup],
    meter: Meter,
    pool: Executor,
    plan: MemoryPlan,
    spill_folder: str | None,
    limits: Limits,
) -> None:
    """Restore row groups in one order: deal their rows out to buckets, then render bucket by bucket."""
    packer = Packer([group.reader for group in groups], limits)
    found = splitters(packer.samples(groups), plan.buckets)
    space = Space(packer.registers, most=2)
    with Buckets(packer.keys, found, plan.kept_bytes, spill_folder, space) as buckets:
        waiting: deque[Future[None]] = deque()
        try:
            for number, group in enumerate(groups):
                waiting.append(pool.submit(packer.deal, group, number, buckets))
                if len(waiting) > plan.threads:
                    waiting.popleft().result()
            while waiting:
                waiting.popleft().result()
        finally:
            wait([job for job in waiting if not job.cancel()])
        in_order = _sorted_rows(packer, buckets, plan.bucket_bytes, limits)
        following = pool.submit(next, in_order, None)
        try:
            while (rows := following.result()) is not None:
                following = pool.submit(next, in_order, None)
                rows.write(meter, pool, plan.threads)
                give_back_after(rows.text_bytes)
                space.give_back(rows.packed.wide, rows.packed.narrow)
                del rows
        finally:
            wait([following])
            in_order.close()


def _sorted_rows(
    packer: Packer, buckets: Buckets, bucket_bytes: int, limits: Limits
) -> Generator[SortedRows, None, None]:
    """The rows of all buckets, in order."""
    for bucket in range(len(buckets)):
        again = buckets.dealt_again(bucket, bucket_bytes)
        if again is not None:
            with again:
                yield from _sorted_rows(packer, again, bucket_bytes, limits)
        elif (rows := buckets.rows(bucket)) is not None:
            yield SortedRows(packer, rows, limits)
            del rows
