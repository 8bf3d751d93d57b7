"""Rewrite the files of a slice without some of its records, and prove that all others are there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logpress.day.erasing.matches import Matches
from logpress.engine.part.part_reader import PartReader
from logpress.engine.part.rejects import open_rejects
from logpress.engine.press.files import rejects_output
from logpress.engine.registers.registers import RAW
from logpress.engine.restore.chosen import digest_rows
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.part_input import press_part
from logpress.errors import ProofError
from logpress.hashing import digest as digests
from logpress.lake import Lake
from logpress.lake.storage import lake_errors
from logpress.manifest import PartStats, SliceManifest
from logpress.progress import Summed
from logpress.quality.proof import prove_file
from logpress.quality.readable import prove_readable

Total = tuple[int, int, str]
"""Records, their bytes, and the digest of their multiset."""


@dataclass(frozen=True)
class SliceFiles:
    """The published files of a slice.

    Attributes:
        part: its part, a path or fsspec URI; None if it has no rows.
        rejects: its rejects file; None if it has none.
    """

    part: str | None
    rejects: str | None


def rewrite_slice(
    lake: Lake,
    day: date,
    run: str,
    entry: SliceManifest,
    files: SliceFiles,
    matches: Matches,
    *,
    threads: int,
    summed: Summed,
) -> SliceManifest:
    """Write a slice's files again into a run's staging, without the records that match.

    The part is pressed with the contract that it was pressed with. The proof: the digests of the records that are left
    and of those that are erased, each rendered from the files, add up to that of the slice's manifest.

    Args:
        lake: the lake.
        day: the UTC day.
        run: the run whose staging is used.
        entry: the published slice.
        files: its published files.
        matches: the records to leave out.
        threads: threads that press and render; 0: all is done in the calling thread.
        summed: receives bytes and records done.

    Returns:
        The slice's new manifest; a file that has no matches stays the published one.

    Raises:
        PartError: if a file is damaged.
        ProofError: if the records that are left are not exactly the others.
    """
    for path, stats in ((files.part, entry.part), (files.rejects, entry.rejects_part)):
        if path is not None and stats is not None:
            prove_file(path, stats)
    staged = lake.staging_folder(entry.table, day, run, entry.slice)
    changed: dict[str, Any] = {}
    erased: list[Total] = []
    if matches.rows and files.part is not None:
        reader = PartReader(files.part)
        erased.append(digest_rows(reader, matches.rows))
        changed |= _without_rows(day, entry, files.part, matches, reader, staged, threads, summed)
    if matches.rejects is not None and files.rejects is not None:
        with lake_errors(staged):
            part, total, reasons = _without_rejects(files.rejects, entry.slice, matches.rejects, staged)
        erased.append(total)
        left = Counter(entry.reject_reasons)
        left.subtract(reasons)
        rejects = 0 if part is None else part.rows
        changed |= {"rejects_part": part, "rejects": rejects, "reject_reasons": {k: n for k, n in left.items() if n}}
    records, size = sum(total[0] for total in erased), sum(total[1] for total in erased)
    new = entry.model_copy(
        update={
            **changed,
            "raw_bytes": entry.raw_bytes - size,
            "digest": less(entry.digest, digests.combine(total[2] for total in erased)),
            "erased": entry.erased + records,
            "distinct_ids": None,  # not counted again
        }
    )
    _prove(entry, new, files, staged, erased, threads, summed)
    return new


def less(digest: str, other: str) -> str:
    """The digest of a multiset less that of a part of it."""
    return f"{(int(digest, 16) - int(other, 16)) % (1 << 128):032x}"


def _without_rows(
    day: date,
    entry: SliceManifest,
    path: str,
    matches: Matches,
    reader: PartReader,
    staged: str,
    threads: int,
    summed: Summed,
) -> dict[str, Any]:
    """Press a part again without some rows; what changes in its slice's manifest."""
    # `keep`, because each row must stay a row: equal rows in the old part were kept on purpose
    contract = reader.metadata.contract
    source = contract.source.model_copy(update={"duplicates": "keep"})
    keeping = contract.model_copy(update={"source": source})
    whole = _kept_whole(reader) if entry.kept_whole else None
    with lake_errors(staged):
        found = press_part(
            keeping, day, entry.slice, path, staged,
            threads=threads, progress=summed.part(), without=matches.rows, keep_whole=whole,
        )  # fmt: skip
    return {
        "part": found.part,
        "rows": found.rows,
        "irregular_rows": found.irregular_rows,
        "layouts": found.layouts,
        "unknown_paths": found.unknown_paths,
        "kept_whole": min(entry.kept_whole, found.kept_whole),
        "kept_whole_first": (),  # positions in the raw input, of which some may be those of erased records
    }


def _kept_whole(reader: PartReader) -> NDArray[np.uint64]:
    """The first words of the hashes of rows that are kept whole, ascending: some of them their layouts do not give."""
    raw = reader.metadata.registers[RAW]
    found = [np.empty(0, dtype=np.uint64)]
    for group in range(reader.row_groups):
        for sheet, rows in reader.sheets(group):
            words = np.concatenate([np.empty(0, dtype=np.uint64), *sheet.hashes(rows)])
            found.append(words[rows.regs[raw, : rows.count] >= 0])
    return np.unique(np.concatenate(found))


def _without_rejects(
    path: str, slice_name: str, flags: NDArray[np.bool_], staged: str
) -> tuple[PartStats | None, Total, Counter[str]]:
    """Write a rejects file again without some rows: the new file, and what was left out, with its reasons."""
    filesystem, folder = fsspec.core.url_to_fs(staged)
    filesystem.makedirs(folder, exist_ok=True)
    output = None
    totals: list[Total] = []
    reasons: Counter[str] = Counter()
    at = 0
    try:
        with open_rejects(path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                mask = flags[at : at + table.num_rows]
                at += table.num_rows
                gone = table.filter(pa.array(mask))
                data = gone["record"].to_pylist()
                totals.append((len(data), sum(map(len, data)), digests.digest_records(data)))
                reasons.update(gone["reason"].to_pylist())
                left = table.filter(pc.invert(pa.array(mask)))
                if left.num_rows:
                    output = output or rejects_output(filesystem, folder, slice_name)
                    assert output.writer is not None
                    output.writer.write_table(left)
        stats = None if output is None else output.close()
    except BaseException:
        if output is not None:
            output.discard()
        raise
    count, size = sum(total[0] for total in totals), sum(total[1] for total in totals)
    return stats, (count, size, digests.combine(total[2] for total in totals)), reasons


def _prove(
    old: SliceManifest,
    new: SliceManifest,
    files: SliceFiles,
    staged: str,
    erased: list[Total],
    threads: int,
    summed: Summed,
) -> None:
    """Render what is left of a slice, and compare it with what was there less what is erased."""
    parts = _places(files.part, old.part, new.part, staged)
    rejects = _places(files.rejects, old.rejects_part, new.rejects_part, staged)
    for path, stats in (*((path, new.part) for path in parts), *((path, new.rejects_part) for path in rejects)):
        assert stats is not None
        prove_file(path, stats)
    left = digest_files(parts, rejects, threads=threads or 1, progress=summed.part())
    gone = sum(total[0] for total in erased)
    expected = (old.rows + old.rejects - gone, new.raw_bytes, new.digest)
    if left != expected or left[0] != new.rows + new.rejects:
        raise ProofError(
            f"slice {old.slice} of {old.table} {old.day}: has {old.rows + old.rejects} records, of which {gone} are to "
            f"be erased; written again, {left[0]} are left with digest {left[2]}, but {expected[0]} with digest "
            f"{expected[2]} are the others; the published day is unchanged; keep it, and report this defect of logpress"
        )
    for path in parts:
        if new.part != old.part:
            prove_readable(path)


def _places(path: str | None, old: PartStats | None, new: PartStats | None, staged: str) -> list[str]:
    """Where the file of a slice lies now: in staging if it is a new one."""
    if new is None or path is None:
        return []
    return [path if new == old else f"{staged}/{new.path}"]
