"""The kernels of texts that registers number.

Bounds: arrays are indexed by row, or by the number of a text in another array of the same call; callers give numbers
below the entries of the dictionary. Texts are copied byte by byte, and nothing is read behind them.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.kernel.compile import kernel


@kernel
def size_of_texts(codes, offsets):
    """Sum of the bytes of the rows' texts; a text that several rows have counts for each.

    Args:
        codes: integers[rows], the number of each row's text, negative for none.
        offsets: integers[texts + 1]; text i is at offsets[i]:offsets[i + 1].
    """
    size = 0
    for i in range(codes.shape[0]):
        if codes[i] >= 0:
            size += offsets[codes[i] + 1] - offsets[codes[i]]
    return size


@kernel
def mark_used(codes, used):
    """Set used[code] to True for each code that is not null.

    Args:
        codes: int32[n], below `entries`, or negative for none.
        used: bool[entries].
    """
    for i in range(codes.shape[0]):
        if codes[i] >= 0:
            used[codes[i]] = True


@kernel
def renumber(codes, numbers, used, count, null):
    """Number dictionary entries in the order in which rows use them.

    Args:
        codes: int32[n], entry of each row, below `entries`, or null (negative); replaced by the new number, or `null`.
        numbers: int64[entries], filled with -1 by the caller; gets each entry's new number.
        used: int64[entries], gets the entries in their new order.
        count: number of entries that were numbered before, for other rows.
        null: replaces the null of `codes`.

    Returns:
        Number of used entries.
    """
    for i in range(codes.shape[0]):
        code = codes[i]
        if code < 0:
            codes[i] = null
            continue
        number = numbers[code]
        if number < 0:
            number = count
            numbers[code] = number
            used[number] = code
            count += 1
        codes[i] = number
    return count


@kernel
def collect_texts(texts, offsets, used, out, out_offsets):
    """Copy texts one after the other; returns the number of bytes written.

    Args:
        texts: uint8[m].
        offsets: integers[entries + 1]; entry i is texts[offsets[i]:offsets[i + 1]].
        used: integers[count], entries; negative for no text, which takes no bytes.
        out: uint8[>= bytes of these texts, see `size_of_texts`].
        out_offsets: integers[count + 1], gets the begin of each text, and the end of the last one.
    """
    at = 0
    out_offsets[0] = 0
    for k in range(used.shape[0]):
        if used[k] >= 0:
            start = offsets[used[k]]
            end = offsets[used[k] + 1]
            for i in range(end - start):
                out[at + i] = texts[start + i]
            at += end - start
        out_offsets[k + 1] = at
    return at
