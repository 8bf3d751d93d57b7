"""Hashes of byte strings, and tables that give equal strings equal numbers.

The hash follows wyhash (Wang Yi, github.com/wangyi-fudan/wyhash) in its multiply-and-fold step. It guards against
accidents, not against an adversary. It decides where the search in a table begins, and changes no byte that is written.

Bounds: a text is read at start:end or start:start + length, and up to 31 bytes behind it; callers guarantee these bytes
(`PADDING`). A table has at least one free place, and its numbers are below the length of the arrays of texts.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from logpress.kernel.compile import inner_kernel, kernel
from logpress.kernel.words import differing32, load64, mul128

SECRET_0 = np.uint64(0xA0761D6478BD642F)
"""First word of wyhash's default secret, up to its final version 3."""

SECRET_1 = np.uint64(0xE7037ED1A0B428DB)
"""Second word of that secret."""

SECRET_2 = np.uint64(0x8EBC6AF09C88C6E3)
"""Third word of that secret."""

SECRET_3 = np.uint64(0x589965CC75374CC3)
"""Fourth word of that secret."""

_EIGHT = np.uint64(8)
_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@inner_kernel
def fold(a, b):
    """Both halves of the product of two words, xored."""
    low, high = mul128(a, b)
    return low ^ high


@inner_kernel
def tail_word(buffer, at, count):
    """The last `count` (0 to 8) bytes at `at` as a word, with zeros above; reads 8 bytes."""
    if count <= 0:
        return np.uint64(0)
    word = load64(buffer, at)
    if count >= 8:
        return word
    return word & (_ALL >> (np.uint64(64) - _EIGHT * np.uint64(count)))


@inner_kernel
def hash64(buffer, start, end):
    """A 64-bit hash of buffer[start:end]."""
    length = np.uint64(end - start)
    state = SECRET_0 ^ length
    at = start
    while at + 16 < end:
        state = fold(load64(buffer, at) ^ SECRET_1, load64(buffer, at + 8) ^ state)
        at += 16
    a = tail_word(buffer, at, end - at)
    b = tail_word(buffer, at + 8, end - at - 8)
    return fold(SECRET_1 ^ length, fold(a ^ SECRET_2, b ^ state))


@inner_kernel
def find_text(buffer, start, length, word, table, texts, starts, ends, hashes):
    """Find buffer[start:start + length], whose hash is `word`, in an open-addressed table.

    Args:
        buffer: uint8[n], holds the text to look up.
        start: its first byte.
        length: its length.
        word: its `hash64`.
        table: int32[2^k], numbers of known texts, -1 where free; at most half full.
        texts: uint8[m], holds the known texts.
        starts: int64[c], start of each known text in `texts`.
        ends: int64[c].
        hashes: uint64[c].

    Returns:
        Place in `table` that holds the text's number, or a free place if the text is new.
    """
    mask = table.shape[0] - 1
    at = np.int64(word & np.uint64(mask))
    while True:
        found = table[at]
        if found < 0:
            return at
        if hashes[found] == word and ends[found] - starts[found] == length:
            if same_bytes(buffer, start, texts, starts[found], length):
                return at
        at = (at + 1) & mask


@kernel
def find_or_add(buffer, start, end, table, texts, starts, ends, hashes, count):
    """The number of buffer[start:end] among known texts, or count[0] if it is new.

    A new text's number and hash are recorded; the caller records its start and end, and raises count: int64[1].
    The other arguments are those of `find_text`.
    """
    word = hash64(buffer, start, end)
    at = find_text(buffer, start, end - start, word, table, texts, starts, ends, hashes)
    if table[at] < 0:
        table[at] = count[0]
        hashes[count[0]] = word
    return np.int64(table[at])


@inner_kernel
def same_bytes(left, i, right, j, length):
    """Whether left[i:i+length] == right[j:j+length]; reads up to 31 bytes behind both."""
    k = 0
    while k + 32 <= length:
        if differing32(left, i + k, right, j + k) != 0:
            return False
        k += 32
    rest = np.uint64(length - k)
    return differing32(left, i + k, right, j + k) & ((_ONE << rest) - _ONE) == 0
