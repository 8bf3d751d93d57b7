"""Reads the metadata of part files of format 4, which logpress wrote until November 2026.

All metadata are in the footer's key-value metadata, long ones as zstd and base85. The contract is stored without its
defaults. This module has the defaults of that time, whatever a contract's defaults are now.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from logpress.codecs.counters import Counters, Sequences
from logpress.codecs.spelling import Spelling
from logpress.codecs.texts import Ints
from logpress.contract.model import Contract
from logpress.engine.part.group_metadata import GroupMetadata, texts, unpacked, whole
from logpress.layout.model import Layout

MAJOR = 4

_COLUMN: dict[str, Any] = {"description": "", "nullable": True}
_TYPES = {
    "category": "string", "text": "string", "json": "string", "integer": "int64", "decimal": "float64",
    "boolean": "boolean", "instant": "timestamp[ms]", "lookup": "string", "kinesis_sequence": "string",
}  # fmt: skip
_INSTANT: dict[str, Any] = {"label_checked_by": None, "residual_of": []}
_CONTRACT: dict[str, Any] = {
    "description": "", "copies": [], "literals": [], "order_by": [], "restore_order": [], "storage": {},
}  # fmt: skip
_FILES: dict[str, Any] = {
    "row_group_rows": 1_000_000, "zstd": 9, "slice_bytes": 8 << 30, "merge_bytes": 32 << 20, "readers": [],
}  # fmt: skip


def read(data: dict[str, Any]) -> tuple[Contract, tuple[Layout, ...], tuple[GroupMetadata, ...]]:
    """(contract, layouts, metadata of the row groups).

    Args:
        data: the JSON object of the key `logpress`.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: if it is damaged.
    """
    packed = json.loads(_bytes(data["packed"]))
    layouts = tuple(Layout.from_json(layout) for layout in packed["layouts"])
    contract = Contract.model_validate(resolved(data["contract"]), extra="ignore")
    return contract, layouts, tuple(_group(group) for group in packed["row_groups"])


def resolved(contract: dict[str, Any]) -> dict[str, Any]:
    """A contract of format 4 with the defaults of that time; its source and checks are left out."""
    found = {**_CONTRACT, **contract}
    found.pop("source", None)
    found.pop("checks", None)
    found["files"] = {**_FILES, **contract.get("files", {})}
    columns = []
    for column in contract["columns"]:
        defaults = {**_COLUMN, "type": _TYPES[column["codec"]], **(_INSTANT if column["codec"] == "instant" else {})}
        columns.append({**defaults, **column})
    found["columns"] = columns
    return found


def _group(data: dict[str, Any]) -> GroupMetadata:
    sequences = {}
    for name, of in data["kinesis"].items():
        places = _whole(of["places"])
        bits = np.frombuffer(_bytes(of["filled"]), dtype=np.uint8)
        if not 0 <= places <= 8 * len(bits):
            raise ValueError(f"{len(bits)} bytes have no {places} bits")
        filled = np.unpackbits(bits, count=places).astype(np.bool_)
        first, seconds = _whole(of["first_second"]), _whole(of["seconds"])
        shards = np.array([_whole(shard) for shard in of["shards"]], dtype=np.int64)
        counters = Counters.filled(len(shards), first, 0, seconds, filled, _numbers(of["smallest"]))
        sequences[name] = Sequences(shards, counters)
    sample = _numbers(data["sample"])
    return GroupMetadata(
        _whole(data["rows"]),
        {name: Spelling.from_json(spelling) for name, spelling in data["spellings"].items()},
        {name: texts(pairs) for name, pairs in data["lookups"].items()},
        sequences,
        sample.reshape(1, -1),  # the contract tells the number of words of its keys
    )


def _whole(number: object) -> int:
    return whole(number, -(2**62), 2**62)


def _bytes(text: str) -> bytes:
    return unpacked(base64.b85decode(text))


def _numbers(text: str) -> Ints:
    """Numbers, int64[n], whose differences are stored as eight planes of bytes."""
    planes = np.frombuffer(_bytes(text), dtype=np.uint8).reshape(8, -1)
    return np.cumsum(np.ascontiguousarray(planes.T).view(np.int64).ravel())
