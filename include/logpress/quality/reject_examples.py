"""Examples of a day's rejects, by reason, read from its rejects files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from logpress.engine.part.rejects import open_rejects
from logpress.quality.printable import printable
from logpress.results import RejectExample

_READ_ROWS = 1_024
_COLUMNS = ["origin", "record_number", "reason", "record"]


def reject_examples(
    files: Iterable[tuple[str, Mapping[str, int]]], limit: int, reason: str | None = None
) -> Iterator[RejectExample]:
    """The first rejects of each reason, in the order of the files.

    Args:
        files: rejects files, paths or fsspec URIs; with each, how many of its rejects have which reason.
        limit: examples of a reason at most.
        reason: the only one that is wanted; all if None.

    Raises:
        PartError: if a file is missing or damaged.
    """
    shown: Counter[str] = Counter()
    for path, reasons in files:
        left = {why: min(count, limit - shown[why]) for why, count in reasons.items() if reason in (None, why)}
        for example in _of_file(path, {why: count for why, count in left.items() if count > 0}):
            shown[example.reason] += 1
            yield example


def _of_file(path: str, left: dict[str, int]) -> Iterator[RejectExample]:
    """So many rejects of each reason."""
    if not left:
        return
    with open_rejects(path) as file:
        for batch in file.iter_batches(_READ_ROWS, columns=_COLUMNS, use_threads=False):
            origins, numbers, reasons, records = map(batch.column, _COLUMNS)
            for row, reason in enumerate(reasons.to_pylist()):
                if left.get(reason, 0) <= 0:
                    continue
                left[reason] -= 1
                origin, number, record = (column[row].as_py() for column in (origins, numbers, records))
                yield RejectExample(reason=reason, origin=origin, record=number, text=printable(record))
            if not any(count > 0 for count in left.values()):
                return
