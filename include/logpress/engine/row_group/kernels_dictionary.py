"""The kernels of a dictionary: texts to numbers.

Bounds: entries of a block are indexed below its counts, texts of a row group below `known`, tables by hashes modulo
their size. Texts have `PADDING` bytes behind their last used byte. Callers make room for all new texts.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.hashing.kernels_hash import find_text, hash64
from logpress.kernel.compile import kernel


@kernel
def sizes_of_entries(starts, ends, counts, sizes):
    """Bytes of all texts of each of a block's dictionaries.

    Args:
        starts: int64[d, c].
        ends: int64[d, c].
        counts: int64[d], number of texts of each.
        sizes: int64[d], filled.
    """
    for number in range(counts.shape[0]):
        size = 0
        for entry in range(counts[number]):
            size += ends[number, entry] - starts[number, entry]
        sizes[number] = size


@kernel
def merge_entries(
    buffer, starts, ends, hashes, kinds, count, table, texts, offsets, all_hashes, all_kinds, known, numbers
):
    """Number a block's dictionary entries in the row group's dictionary; new texts are added.

    Args:
        buffer: uint8[n], holds the block's entries.
        starts: int64[>= count].
        ends: int64[>= count].
        hashes: uint64[>= count].
        kinds: uint8[>= count], see `string_kind`.
        count: number of the block's entries.
        table: int32[2^k], open addressing; large enough to stay at most half full.
        texts: uint8[m], the row group's texts, with room for the new ones.
        offsets: int64[c + 1]; text i is texts[offsets[i]:offsets[i + 1]].
        all_hashes: uint64[c].
        all_kinds: uint8[c].
        known: number of texts of the row group.
        numbers: int64[>= count], filled.

    Returns:
        New number of texts of the row group.
    """
    for entry in range(count):
        start = starts[entry]
        length = ends[entry] - start
        at = find_text(buffer, start, length, hashes[entry], table, texts, offsets, offsets[1:], all_hashes)
        if table[at] < 0:
            table[at] = known
            all_hashes[known] = hashes[entry]
            all_kinds[known] = kinds[entry]
            begin = offsets[known]
            for i in range(length):
                texts[begin + i] = buffer[start + i]
            offsets[known + 1] = begin + length
            known += 1
        numbers[entry] = table[at]
    return known


@kernel
def find_number(buffer, length, table, texts, offsets, all_hashes):
    """The number of the text buffer[:length] in a row group's dictionary, or -1; see `merge_entries`."""
    word = hash64(buffer, 0, length)
    return table[find_text(buffer, 0, length, word, table, texts, offsets, offsets[1:], all_hashes)]
