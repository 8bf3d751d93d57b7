"""The kernels for sort keys of rows and texts.

Bounds: arrays have the lengths in the docstrings. No byte behind a text is read.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.codecs.kernels_codes import AS_IT_IS, HEAD, TEXT, UNSIGNED, UNSIGNED_LAST_IF_NULL
from logpress.codecs.kernels_kinesis import SHARD_NUMBER_BITS
from logpress.codecs.kernels_text import NULL
from logpress.codecs.nulls import NARROW_NULL
from logpress.engine.registers.kernels_rows import ROWS_AT_A_TIME
from logpress.kernel.compile import inner_kernel, kernel

_WORD = 8
"""Bytes of a word."""

_LAST = (1 << 63) - 1
"""The largest int64, which sorts nulls last."""

_SIGN = np.uint64(1 << 63)
"""Flipping it makes unsigned words compare as signed ones: u < v if and only if (u ^ 2^63) < (v ^ 2^63), signed."""

_DIGIT_BITS = 4
"""Bits of the low digit of a shard's number, which follows the creation second in a sequence number."""


@inner_kernel
def _is_less(texts, offsets, words, one, other):
    """Whether text `one` sorts before text `other`."""
    if words[one] != words[other]:
        return words[one] < words[other]
    size = offsets[one + 1] - offsets[one]
    other_size = offsets[other + 1] - offsets[other]
    for k in range(_WORD, min(size, other_size)):
        left = texts[offsets[one] + k]
        right = texts[offsets[other] + k]
        if left != right:
            return left < right
    return size < other_size


@inner_kernel
def _word_of(texts, start, end):
    """Up to 8 bytes of a text as a word, the first byte on top, with zeros behind the text."""
    word = np.uint64(0)
    for k in range(_WORD):
        word <<= np.uint64(8)
        if start + k < end:
            word |= np.uint64(texts[start + k])
    return word


@kernel
def write_text_words(texts, offsets, words):
    """Write the first bytes of texts as words that compare like the texts.

    Args:
        texts: uint8[m]; text i is texts[offsets[i]:offsets[i + 1]].
        offsets: int64[n + 1].
        words: int64[n, k], filled.
    """
    for i in range(words.shape[0]):
        for k in range(words.shape[1]):
            word = _word_of(texts, offsets[i] + k * _WORD, offsets[i + 1])
            words[i, k] = np.int64(word ^ _SIGN)


@kernel
def write_keys(wide, narrow, rows, is_narrow, places, operations, texts, bases, text_word, keys):
    """Write words of the keys of some rows, each made of one register.

    Args:
        wide: int64[n, wide registers].
        narrow: int32[n, narrow registers].
        rows: int32[m], below n.
        is_narrow: bool[words], whether the register is in `narrow`.
        places: int64[words], its column in `narrow` or `wide`.
        operations: int64[words]: how a register becomes a word, see `kernels_codes`.
        texts: int64[t, k], the words of texts.
        bases: int64[words], begin of the register's rows in `texts`: first the row of null, then one for each text.
        text_word: int64[words], number of the word of the text, below k.
        keys: int64[words, m], filled.

    Returns:
        False if a row has the number of no text.
    """
    for first in range(0, rows.shape[0], ROWS_AT_A_TIME):
        last = min(first + ROWS_AT_A_TIME, rows.shape[0])
        for word in range(keys.shape[0]):
            place = places[word]
            for i in range(first, last):
                if is_narrow[word]:
                    value = np.int64(narrow[rows[i], place])
                    if value == NARROW_NULL:
                        value = NULL
                else:
                    value = wide[rows[i], place]
                if operations[word] == TEXT:
                    at = bases[word] + max(value, -1) + 1
                    if at >= texts.shape[0]:
                        return False
                    value = texts[at, text_word[word]]
                elif operations[word] == UNSIGNED:
                    value = np.int64(np.uint64(value) ^ _SIGN)
                elif operations[word] != AS_IT_IS:
                    if value == NULL:
                        value = _LAST
                    elif operations[word] == UNSIGNED_LAST_IF_NULL:
                        value = np.int64(np.uint64(value) ^ _SIGN)
                    elif operations[word] == HEAD:
                        value = ((value >> SHARD_NUMBER_BITS) << _DIGIT_BITS) | (value & ((1 << _DIGIT_BITS) - 1))
                keys[word, i] = value
    return True


@kernel
def find_ties(keys, order, places, runs):
    """Find the places of an order whose keys equal those of a neighbour.

    Args:
        keys: int64[words, n], by row.
        order: int32[n], the rows sorted by their keys.
        places: int32[n], gets the places, ascending.
        runs: int32[n], gets for each place the number of its run of equal keys.

    Returns:
        Number of places.
    """
    count = 0
    run = 0
    was_equal = False
    for i in range(order.shape[0]):
        is_equal = i + 1 < order.shape[0]
        for word in range(keys.shape[0]):
            is_equal = is_equal and keys[word, order[i]] == keys[word, order[i + 1]]
        if is_equal or was_equal:
            places[count] = i
            runs[count] = run
            count += 1
            run += not is_equal
        was_equal = is_equal
    return count


@kernel
def order_texts(texts, offsets, words, order, spare):
    """Merge sort texts by their bytes: order[0] is the number of the smallest.

    Args:
        texts: uint8[m]; text i is texts[offsets[i]:offsets[i + 1]].
        offsets: int64[n + 1].
        words: uint64[n], filled: the first eight bytes of each, the first one on top.
        order: int32[n], filled.
        spare: int32[n], scratch.
    """
    count = order.shape[0]
    for i in range(count):
        words[i] = _word_of(texts, offsets[i], offsets[i + 1])
        order[i] = i
    width = 1
    while width < count:
        for first in range(0, count, 2 * width):
            middle = min(first + width, count)
            last = min(middle + width, count)
            left = first
            right = middle
            for at in range(first, last):
                takes_right = right < last
                if takes_right and left < middle:
                    takes_right = _is_less(texts, offsets, words, order[right], order[left])
                if takes_right:
                    spare[at] = order[right]
                    right += 1
                else:
                    spare[at] = order[left]
                    left += 1
        for at in range(count):
            order[at] = spare[at]
        width *= 2
