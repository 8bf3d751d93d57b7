"""Words of vocabularies that only erased records had."""

from __future__ import annotations

import pyarrow as pa

from logpress.errors import UsageError
from logpress.lake import Lake, vocabularies
from logpress.reading.lake import TableReader
from logpress.reading.vocabulary import Vocabularies


def forget_words(lake: Lake, table: str, threads: int) -> int:
    """Erase words that no row of a published day has any more from the vocabularies; their codes stay reserved.

    Args:
        lake: the lake.
        table: the table.
        threads: row groups that are read at a time.

    Returns:
        How many words were erased.

    Raises:
        LakeError: if the lake cannot be read or written.
        PartError: if a file is gone or damaged.
    """
    erased = 0
    for column in vocabularies.columns(lake, table):
        try:
            scan = TableReader(lake, table).scan(columns=[column])
            days, types = scan.day_files(), scan.schema
        except UsageError:  # no published day has the column
            days, types = [], pa.schema([])
        erased += Vocabularies(lake, table).forget(column, days, types, threads)
    return erased
