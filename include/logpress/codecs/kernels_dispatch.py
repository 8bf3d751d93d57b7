"""The kernels of codecs that have their own, by code: a new one has a code, and a branch to read and one to write.

Its module, `kernels_<codec>.py`, has two inner kernels:

- `read_<codec>(buffer, start, end, option)` gives (whether the text fits, first register, second register). A text
  fits if `write` gives it back. One that does not may still have a value; where it has none, the first register is
  NULL. It reads nothing outside of the text.
- `write_<codec>(out, at, first, second, option)` gives where it ends: at most `LONGEST_SLOT` bytes behind `at`,
  whatever the registers hold, because files are hostile.

A codec with one register gives 0 as the second, which goes nowhere. `option` is what `OwnKernelsCodec.option` says.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from logpress.codecs.kernels_codes import FIRST_OWN
from logpress.codecs.kernels_text import NULL
from logpress.codecs.kernels_uuid import read_uuid, write_uuid
from logpress.kernel.compile import inner_kernel, kernel

UUID = FIRST_OWN
"""Code: the first and the last 8 bytes of a UUID; the option is 1 if its letters are capitals, else 0."""


@inner_kernel
def read_own(code, buffer, start, end, option):
    """Read a value: (whether its text fits, first register, second register)."""
    if code == UUID:
        return read_uuid(buffer, start, end, option)
    return False, NULL, NULL


@inner_kernel
def write_own(code, out, at, first, second, option):
    """Write a value's text, and return where it ends."""
    if code == UUID:
        return write_uuid(out, at, first, second, option)
    return at


@kernel
def write_own_texts(code, first, second, option, out, offsets):
    """Write the text of each row, one after the other; a row without a value gets no bytes.

    Args:
        code: of the codec.
        first: int64[n], first registers, or NULL.
        second: int64[n], second registers; of a codec with one register anything.
        option: see above.
        out: uint8[n * LONGEST_SLOT].
        offsets: int32[n + 1], gets where each text begins, and the end.

    Returns:
        The bytes written.
    """
    at = 0
    offsets[0] = 0
    for i in range(first.shape[0]):
        if first[i] != NULL:
            at = write_own(code, out, at, first[i], second[i], option)
        offsets[i + 1] = at
    return at
