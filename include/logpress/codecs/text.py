"""The codec `text`: a string with many distinct values, stored row by row.

Kernels: see `strings`.
"""

from __future__ import annotations

from logpress.codecs.base import Example
from logpress.codecs.strings import StringCodec
from logpress.contract.columns import Text


class TextCodec(StringCodec[Text]):
    """Strings with many distinct ones."""

    encoding = "plain"
    example = Example({}, (b'"a b"', b'"\\/"'), refused=(b"true",))
