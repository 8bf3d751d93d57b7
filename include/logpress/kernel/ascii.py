"""ASCII codes by name, for kernels that read and write text; Numba freezes module integers into machine code."""

from __future__ import annotations

import numpy as np

BACKSPACE = 0x08
TAB = 0x09
NEWLINE = 0x0A
FORM_FEED = 0x0C
CARRIAGE_RETURN = 0x0D
SPACE = 0x20
QUOTE = 0x22
PLUS = 0x2B
COMMA = 0x2C
MINUS = 0x2D
POINT = 0x2E
SLASH = 0x2F
DIGIT_0 = 0x30
DIGIT_9 = 0x39
COLON = 0x3A
UPPER_A = 0x41
UPPER_E = 0x45
UPPER_F = 0x46
BRACKET_OPEN = 0x5B
BACKSLASH = 0x5C
BRACKET_CLOSE = 0x5D
LOWER_A = 0x61
LOWER_B = 0x62
LOWER_E = 0x65
LOWER_F = 0x66
LOWER_N = 0x6E
LOWER_R = 0x72
LOWER_T = 0x74
LOWER_U = 0x75
BRACE_OPEN = 0x7B
BRACE_CLOSE = 0x7D

FIRST_WIDE = 0x80
"""First byte value that is not ASCII: such bytes belong to UTF-8 sequences of 2 to 4 bytes."""


def word_of(text: bytes) -> np.uint64:
    """A text of at most 8 bytes as `load64` reads it: little-endian, with zeros behind the text."""
    return np.uint64(int.from_bytes(text, "little"))


WORD_TRUE = np.uint32(word_of(b"true"))
"""`true`, as `load32` reads it."""

WORD_FALS = np.uint32(word_of(b"fals"))
"""The first four bytes of `false`, as `load32` reads them."""

WORD_NULL = np.uint32(word_of(b"null"))
"""`null`, as `load32` reads it."""
