"""The kernel that writes sequence numbers for readers: texts one after the other, as in an Arrow array.

Bounds: arrays are indexed by row, below the length of `shards`. `are_sequences` has checked the numbers. A text takes
at most SEQUENCE_BYTES of `out`, and no word is written behind it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_kinesis import write_kinesis
from logpress.codecs.kernels_text import NULL
from logpress.kernel.compile import kernel

SEQUENCE_BYTES = 76
"""Longest text: 56 digits, a point, and a number of at most 19 digits."""


@kernel
def write_sequence_texts(
    shards: NDArray[np.int64],
    arrivals: NDArray[np.int64],
    counters: NDArray[np.int64],
    subs: NDArray[np.int64],
    out: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    shards_met: NDArray[np.int64],
) -> int:
    """Write the sequence number of each row; a row without a shard gets no bytes.

    Args:
        shards: int64[n], creation second * 2^20 + number, or NULL.
        arrivals: int64[n], seconds.
        counters: int64[n], below 2^63.
        subs: int64[n].
        out: uint8[n * SEQUENCE_BYTES].
        offsets: int32[n + 1], gets the begin of each text, and the end of the last one.
        shards_met: int64[SHARDS_MET, SHARD_WORDS], scratch, filled with NULL.

    Returns:
        Number of bytes written.
    """
    at = 0
    offsets[0] = 0
    for i in range(shards.shape[0]):
        if shards[i] != NULL:
            at = write_kinesis(out, at, shards[i], arrivals[i], counters[i], subs[i], shards_met)
        offsets[i + 1] = at
    return at
