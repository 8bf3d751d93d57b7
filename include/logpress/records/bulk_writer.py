"""Restored records as a body for `_bulk` of OpenSearch and Elasticsearch: an action line, then the document."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from logpress.errors import PartError
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH
from logpress.records.kernels_bulk import ACTION_BYTES, spans_of_objects, write_pairs

_NAMES = tuple(
    np.frombuffer(text, dtype=np.uint8).copy() for text in (b"_index", b"_id", b"_routing", b"_source", b'{"index":{')
)


class BulkWriter:
    """Takes the chunks that `restore` writes, and passes them on as pairs.

    Line breaks of a document become spaces, because a line of `_bulk` must not contain any. This changes no value,
    because JSON strings cannot contain line breaks.
    """

    def __init__(self, write: Callable[[memoryview], object]) -> None:
        self._write = write
        self._values = np.empty((4, 2), dtype=np.int64)
        self._stack = np.empty(MAX_DEPTH, dtype=np.uint8)

    def write(self, chunk: memoryview) -> None:
        """Take a chunk of whole records, each followed by a newline.

        Raises:
            PartError: if they are not JSON objects.
        """
        size = len(chunk)
        buffer = np.zeros(size + PADDING, dtype=np.uint8)
        buffer[:size] = np.frombuffer(chunk, dtype=np.uint8)
        most = size // 3 + 1  # the shortest record is `{}` and a newline
        starts, ends = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
        rows = int(spans_of_objects(buffer, size, starts, ends))
        if rows < 0:
            raise PartError("a restored record is not a JSON object")
        out = np.empty(size + (ACTION_BYTES + 8) * rows, dtype=np.uint8)
        used = write_pairs(buffer, starts, ends, rows, _NAMES, out, self._values, self._stack)
        self._write(out[:used].data)
