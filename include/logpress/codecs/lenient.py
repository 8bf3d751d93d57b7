"""Column values of a record that no layout or codec fits, as far as they can be told; its bytes are kept anyway."""

from __future__ import annotations

import json
import re
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from logpress.codecs.kernels_text import read_kinesis
from logpress.contract.model import (
    UNITS_PER_SECOND,
    Boolean,
    Column,
    Contract,
    Decimal,
    Instant,
    Integer,
    Json,
    KinesisSequence,
)
from logpress.jit import PADDING
from logpress.layout.mine import Miner
from logpress.layout.tokens import NotAnObjectError, read_leaves

Value = int | tuple[int, int]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOM = b"\xef\xbb\xbf"
_DIGITS = re.compile(r"\s*-?[0-9]{1,18}\s*")
_MOST_PARSED_BYTES = 4 << 20
"""Records that are made Python objects of: those may take twenty times the bytes."""

_LONGEST_SCALAR = 1 << 10
_INT_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 60}


def corrected_shift_min(wall_s: int, offset_min: int, reference_s: int | None) -> int:
    """Minutes by which an instant's label lies: its whole offset, or 0 if the label may be true.

    Of the two readings, the wall clock as labelled or as UTC, the later one that does not lie more than a quarter
    of an hour after the reference is taken as true: records come late, but they do not come before they are made.
    """
    if reference_s is None or offset_min == 0:
        return 0
    limit = reference_s + 900
    labelled = wall_s - offset_min * 60
    if offset_min > 0:
        return offset_min if wall_s <= limit else 0
    return offset_min if labelled > limit and wall_s <= limit else 0


def parse_path(path: str) -> tuple[str | int, ...]:
    """`a.b[0]` as ("a", "b", 0)."""
    steps: list[str | int] = []
    for part in path.split("."):
        name, *indices = part.split("[")
        steps.append(name)
        steps += [int(index.rstrip("]")) for index in indices]
    return tuple(steps)


def value_at(document: Any, steps: tuple[str | int, ...]) -> Any:
    """The value at a path, or None."""
    for step in steps:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.get(step)
        elif isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        else:
            return None
    return document


class LenientReader:
    """Reads what it can of a record's columns; never raises."""

    def __init__(self, contract: Contract) -> None:
        order = sorted(
            contract.columns, key=lambda column: isinstance(column, Instant) and bool(column.label_checked_by)
        )
        self._columns: list[tuple[Column, list[tuple[str | int, ...]]]] = [
            (column, [parse_path(path) for path in column.path]) for column in order
        ]
        self._by_name = contract.by_name
        self._miner = Miner(contract)

    def registers(self, record: bytes) -> list[tuple[str, Value]]:
        """(register, value) pairs; for a text, the value is the span of its JSON text in the record."""
        if len(record) > _MOST_PARSED_BYTES:
            return self._registers_of_long(record)
        try:
            document = json.loads(record.removeprefix(_BOM))
        except (ValueError, RecursionError):
            return []
        found: dict[str, Value] = {}
        for column, paths in self._columns:
            value = next((v for v in (value_at(document, steps) for steps in paths) if v is not None), None)
            if value is not None:
                self._fill(column, value, record, found)
        return list(found.items())

    def _registers_of_long(self, record: bytes) -> list[tuple[str, Value]]:
        """The same of a record of which no objects are made but the values that columns name."""
        try:
            leaves = read_leaves(record, self._miner.descend, self._miner.named.__contains__)
        except NotAnObjectError:
            return []
        by_path = {leaf.path: leaf for leaf in leaves}
        found: dict[str, Value] = {}
        for column, _ in self._columns:
            leaf = next(
                (by_path[path] for path in column.path if path in by_path and by_path[path].kind != "null"), None
            )
            if leaf is None:
                continue
            if isinstance(column, Json):
                found[column.name] = (leaf.start, leaf.end)
            elif column.codec in ("category", "text", "lookup"):
                if leaf.kind == "string":
                    found[column.name] = (leaf.start + 1, leaf.end - 1)
            elif leaf.kind != "container" and leaf.end - leaf.start <= _LONGEST_SCALAR:
                self._fill(column, json.loads(record[leaf.start : leaf.end]), record, found)
        return list(found.items())

    def _fill(self, column: Column, value: Any, record: bytes, found: dict[str, Value]) -> None:
        name = column.name
        if isinstance(column, Instant):
            self._fill_instant(column, value, found)
        elif isinstance(column, Integer):
            number, limit = _integer(value), 2 ** (_INT_BITS[column.type] - 1)
            if number is not None and -limit <= number < limit:
                found[name] = number
        elif isinstance(column, Decimal):
            if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e308:
                found[name] = struct.unpack("<q", struct.pack("<d", float(value)))[0]
        elif isinstance(column, Boolean):
            if isinstance(value, bool):
                found[name] = int(value)
        elif isinstance(column, KinesisSequence):
            self._fill_kinesis(name, value, found)
        elif isinstance(column, Json) or isinstance(value, str):
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
            text = text if isinstance(column, Json) else text[1:-1]
            at = record.find(text)
            if at >= 0:
                found[name] = (at, at + len(text))

    def _fill_instant(self, column: Instant, value: Any, found: dict[str, Value]) -> None:
        if not isinstance(value, str):
            return
        try:
            moment = datetime.fromisoformat(value)
            offset = moment.utcoffset() or timedelta()
            wall = moment.replace(tzinfo=UTC) - _EPOCH
        except (ValueError, OverflowError):
            return
        units = UNITS_PER_SECOND[column.unit]
        offset_min = offset // timedelta(minutes=1)
        shift = 0
        if column.label_checked_by:
            reference = found.get(column.label_checked_by)
            checked_by = self._by_name[column.label_checked_by]
            assert isinstance(checked_by, Instant)
            reference_s = reference // UNITS_PER_SECOND[checked_by.unit] if isinstance(reference, int) else None
            shift = corrected_shift_min(wall // timedelta(seconds=1), offset_min, reference_s)
            found[f"{column.name}#shift_min"] = shift
        found[column.name] = wall // timedelta(microseconds=1_000_000 // units) - (offset_min - shift) * 60 * units

    def _fill_kinesis(self, name: str, value: Any, found: dict[str, Value]) -> None:
        if not isinstance(value, str) or not value.isascii():
            return
        parts = np.zeros(4, dtype=np.int64)
        text = np.frombuffer(value.encode() + bytes(PADDING), dtype=np.uint8)
        if read_kinesis(text, 0, len(value), parts):
            found.update(zip(KinesisSequence.registers_of(name), parts.tolist(), strict=True))


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return None
