"""The kernel that writes sequence numbers for readers, against the format's hexadecimal digits."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from logpress.codecs.kernels_kinesis_texts import SEQUENCE_BYTES, write_sequence_texts
from logpress.codecs.kernels_text import NULL

ROWS = st.tuples(
    st.one_of(st.just(int(NULL)), st.integers(0, 2**56 - 1), st.sampled_from([2, 3, 1 << 20])),
    st.integers(0, 2**36 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 999_999_999) | st.sampled_from([0, 2**63 - 1]),
)


def plain(shard: int, arrival: int, counter: int, sub: int) -> bytes:
    if shard == NULL:
        return b""
    number, creation = shard & 0xFFFFF, shard >> 20
    digits = f"2{creation:09x}{number & 15:x}{counter:016x}00{arrival:09x}{number:08x}2"
    return f"{int(digits, 16)}.{sub}".encode()


@given(st.lists(ROWS, max_size=20))
@example([(1, 2, 3, 2**63 - 1)])
def test_write_sequence_texts(rows: list[tuple[int, int, int, int]]) -> None:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T.copy()
    out = np.full(len(rows) * SEQUENCE_BYTES + 64, 0xEE, dtype=np.uint8)
    offsets = np.full(len(rows) + 2, -5, dtype=np.int32)
    shards_met = np.full((64, 8), NULL, dtype=np.int64)
    used = write_sequence_texts(*columns, out, offsets[:-1], shards_met)
    texts = [plain(*row) for row in rows]
    assert out[:used].tobytes() == b"".join(texts)
    assert offsets.tolist() == [*np.cumsum([0, *map(len, texts)]).tolist(), -5]
