"""Virtual columns as Arrow arrays: what is derived from stored columns when somebody reads it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from logpress.codecs.kernels_text import NULL
from logpress.contract.model import Column, Instant, KinesisSequence, Lookup
from logpress.engine.columns import arrow_type
from logpress.engine.decode import GroupDecoder
from logpress.engine.kernels_render import render_sequences
from logpress.engine.rows import Ints, Texts
from logpress.engine.spelling import unescape

_LONGEST_SEQUENCE_BYTES = 80


def virtual_array(column: Column, decoder: GroupDecoder, regs: dict[str, Ints]) -> pa.Array:
    """One virtual column.

    Args:
        column: the contract's column.
        decoder: of the row group, or of some of its rows.
        regs: the decoder's registers of the rows.

    Returns:
        Timestamps (UTC) for instants; a dictionary array of strings for lookups; strings for sequence numbers.
    """
    if isinstance(column, Instant):
        values = regs[column.name]
        missing = values == NULL
        factor = 1000 if column.unit == "s" else 1  # Parquet and Arrow readers get milliseconds
        array = pa.array(np.where(missing, 0, values) * factor, mask=missing if missing.any() else None)
        return array.view(arrow_type(column))
    if isinstance(column, Lookup):
        return _text_array(regs[column.name], decoder.texts[column.name])
    if isinstance(column, KinesisSequence):
        return _sequence_array(column.name, regs)
    raise TypeError(f"{column.name} is stored, not virtual")


def _text_array(codes: Ints, texts: Texts) -> pa.DictionaryArray:
    places: dict[str, int] = {}
    shared = [places.setdefault(unescape(texts[number]), len(places)) for number in range(len(texts))]
    missing = codes == NULL
    numbers = np.array([*shared, 0], dtype=np.int32)[np.where(missing, -1, codes)]
    indices = pa.array(numbers, mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(places), pa.string()))


def _sequence_array(name: str, regs: dict[str, Ints]) -> pa.Array:
    shards, arrivals, counters, subs = (regs[f"{name}#{part}"] for part in ("shard", "arrival", "counter", "sub"))
    rows = len(shards)
    out = np.empty(_LONGEST_SEQUENCE_BYTES * rows + 64, dtype=np.uint8)
    offsets = np.empty(rows + 1, dtype=np.int32)
    render_sequences(shards, arrivals, counters, subs, out, offsets, np.empty(6, dtype=np.int64))
    missing = shards == NULL
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    data = pa.py_buffer(out[: offsets[-1]].tobytes())
    return pa.Array.from_buffers(pa.string(), rows, [validity, pa.py_buffer(offsets), data])
