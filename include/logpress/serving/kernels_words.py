"""The kernel that gives the rows of a row group a dictionary of their own."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logpress.kernel.compile import kernel


@kernel
def own_words(
    codes: NDArray[np.int32], places: NDArray[np.int32], own: NDArray[np.int32], words: NDArray[np.int32]
) -> int:
    """Number the words that some rows have, in the order of their first use.

    Bounds: a code that is not below the length of `places` counts as none.

    Args:
        codes: int32[n], the numbers of the rows' words in a large dictionary; negative for none.
        places: int32[large dictionary], -1 everywhere; it is so again afterwards.
        own: int32[n], filled: the numbers of the rows' words in their own dictionary; 0 for none.
        words: int32[n], filled: the large dictionary's numbers of the own one's words.

    Returns:
        Words of the own dictionary.
    """
    count = 0
    for i in range(codes.shape[0]):
        code = codes[i]
        if code < 0 or code >= places.shape[0]:
            own[i] = 0
            continue
        if places[code] < 0:
            places[code] = count
            words[count] = code
            count += 1
        own[i] = places[code]
    for i in range(count):
        places[words[i]] = -1
    return count
