"""Registers to columns: texts of which a file keeps no dictionary."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from logpress.codecs.arrow_arrays import array_of, texts_array
from logpress.engine.part.encode_texts import plain_texts
from logpress.engine.row_group.dictionary import Dictionary


@given(
    st.lists(st.binary(max_size=9), max_size=5).flatmap(
        lambda entries: st.tuples(
            st.just(entries), st.lists(st.none() | st.sampled_from(range(len(entries))) if entries else st.none())
        )
    )
)
def test_plain_texts_are_those_of_the_dictionary(drawn: tuple[list[bytes], list[int | None]]) -> None:
    entries, codes = drawn
    missing = np.array([code is None for code in codes], dtype=bool)
    indices = array_of(np.array([code or 0 for code in codes], dtype=np.int32), pa.int32(), missing)
    array = pa.DictionaryArray.from_arrays(indices, texts_array(entries, pa.binary()), safe=False)
    found = plain_texts(array)
    found.validate(full=True)
    assert found.to_pylist() == [None if code is None else entries[code] for code in codes]


@given(st.sets(st.binary(max_size=20) | st.binary(max_size=3).map(lambda end: b"the same 16 bytes" + end), max_size=60))
def test_texts_are_put_in_the_order_of_their_bytes(drawn: set[bytes]) -> None:
    texts = list(drawn)
    dictionary = Dictionary()
    dictionary.make_room(len(texts), sum(map(len, texts)))
    for number, text in enumerate(texts):
        begin = int(dictionary.offsets[number])
        dictionary.texts[begin : begin + len(text)] = np.frombuffer(text, dtype=np.uint8)
        dictionary.offsets[number + 1] = begin + len(text)
    dictionary.known = len(texts)
    assert [texts[number] for number in np.argsort(dictionary.ranks())] == sorted(texts)
