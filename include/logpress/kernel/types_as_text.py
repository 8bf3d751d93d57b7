"""Types of arguments as words: `int64`; `uint8-1C` for an array, C-contiguous; `uint8-1Cr` for a read-only array.

A tuple's types are in parentheses, separated by commas.
"""

from __future__ import annotations

import re
from typing import Any

from numba.core import types

_ARRAY = re.compile(r"(\w+)-(\d)([ACF])(r?)")
_SCALARS = {
    str(kind): kind
    for kind in (
        types.boolean, types.float64, types.int8, types.int16, types.int32, types.int64,
        types.uint8, types.uint16, types.uint32, types.uint64,
    )
}  # fmt: skip


def written(kind: Any) -> str | None:
    """A type as a word; None for a type that `read` does not know."""
    if isinstance(kind, types.BaseAnonymousTuple):
        words = [written(part) for part in kind.types]
        return f"({','.join(map(str, words))})" if None not in words else None
    if isinstance(kind, types.Array) and str(kind.dtype) in _SCALARS and kind.aligned:
        return f"{kind.dtype}-{kind.ndim}{kind.layout}{'' if kind.mutable else 'r'}"
    return str(kind) if _SCALARS.get(str(kind)) == kind else None


def read(word: str) -> Any:
    """The type of a word.

    Raises:
        ValueError: the word is no type.
    """
    if word.startswith("(") and word.endswith(")"):
        return types.Tuple(tuple(map(read, _parts(word[1:-1]))))
    if word in _SCALARS:
        return _SCALARS[word]
    found = _ARRAY.fullmatch(word)
    if found is None or found[1] not in _SCALARS:
        raise ValueError(f"{word!r} is not the word of a type")
    return types.Array(_SCALARS[found[1]], int(found[2]), found[3], readonly=bool(found[4]))


def _parts(words: str) -> list[str]:
    """Words separated by commas; commas within parentheses do not separate."""
    parts, depth = [""], 0
    for letter in words:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
