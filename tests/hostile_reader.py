"""Reads files of a folder in every way there is, in a process of its own: what becomes of each, a line of JSON each.

A way that ends in a PartError of one line that names the file, or gives records, is as it should be; all others are
told. What ends the process, or takes for ever, is told by the line that is missing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from logpress.conditions.filters import Where, compile_filter
from logpress.contract import Contract
from logpress.engine.part.part_reader import PartReader
from logpress.engine.restore.digest_parts import digest_files
from logpress.engine.restore.in_order import restore
from logpress.errors import LogpressError, PartError
from logpress.reading.columns import columns_of
from logpress.reading.part import Part, Request
from logpress.reading.scan import Scan
from logpress.records.bulk_writer import BulkWriter

OLDER = str(Path(__file__).parent / "frozen" / "4" / "older.parquet")
"""A sound part of another version of the contract: what is restored together with it is rendered twice."""


def rendered(path: str) -> int:
    reader = PartReader(path)
    count = 0
    for group in range(reader.row_groups):
        for sheet, rows in reader.sheets(group):
            counts = np.zeros(2, dtype=np.int64)
            for _ in sheet.rendered(rows, counts):
                pass
            count += int(counts[0])
    return count


def digested(path: str) -> int:
    return digest_files([path], [], threads=0)[0]


def restored(path: str) -> int:
    return restore([path], [], len, threads=0, memory=300 << 20, digest=np.zeros(2, dtype=np.uint64))


def restored_with_another(path: str) -> int:
    return restore([OLDER, path], [], len, threads=0)


def restored_as_bulk(path: str) -> int:
    return restore([path], [], BulkWriter(len).write, threads=0)


def scan_of(path: str, where: Callable[[Contract], Where | None]) -> Scan:
    contract = Part.open(path).contract
    known = columns_of([contract])
    types = pa.schema([pa.field(column.name, column.type) for column in known])
    virtual = frozenset(column.name for column in known if column.virtual)
    conditions = where(contract)
    wanted = None if conditions is None else compile_filter(conditions, types, virtual)
    return Scan((), (path,), 0, types, (None,), Request(tuple(types.names), types, wanted), frozenset(), 1)


def scanned(path: str) -> int:
    table = scan_of(path, lambda _: None).to_arrow()
    table.validate(full=True)
    return int(table.num_rows)


def places(path: str) -> int:
    """The rows that `restore --where` asks for."""
    stored = scan_of(path, lambda contract: [(contract.day, ">=", "2000-01-01")])
    virtual = scan_of(path, lambda contract: [("model", "!=", "nothing"), ("noted_at", ">=", "2000-01-01")])
    found = restore([path], [], len, threads=0, places=stored.places)
    return found + sum(len(rows) for _, rows in virtual.places(path))


WAYS = (rendered, digested, restored, restored_with_another, restored_as_bulk, scanned, places)


def outcome(way: Callable[[str], int], path: str) -> str:
    """The result for a file: "records" or "error" if all is well; else the fault."""
    try:
        way(path)
    except PartError as error:
        text = str(error)
        is_named = path in text or way is restored_as_bulk  # records of all files are parsed together
        return "error" if is_named and "\n" not in text else f"names no file, or has two lines: {text!r}"
    except LogpressError as error:
        # where records are no bulk body, or there is nothing to scan
        return "error" if way in (restored_as_bulk, places) else f"{error!r}"
    except BaseException as error:
        return f"{type(error).__module__}.{type(error).__name__}: {error}"[:400]
    return "records"


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.parquet")):
        print(json.dumps({"file": path.name, "begun": True}), flush=True)
        print(json.dumps({"file": path.name} | {way.__name__: outcome(way, str(path)) for way in WAYS}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
