"""The codec `category`: a string with few distinct values, stored through a dictionary.

Kernels: see `strings`.
"""

from __future__ import annotations

from logpress.codecs.base import Example
from logpress.codecs.strings import StringCodec
from logpress.contract.columns import Category


class CategoryCodec(StringCodec[Category]):
    """Strings with few distinct ones."""

    repeats = True
    example = Example({}, (b'"a"', b'"\\u0041"', b'""'), refused=(b"1", b"[]"))
