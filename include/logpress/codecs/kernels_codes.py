"""The numbers by which codecs tell kernels what to do with a slot, and with a register that rows are sorted by.

No file holds them: they may change from one version to the next.
"""

from __future__ import annotations

(
    INSTANT, INTEGER, DECIMAL, BOOLEAN, STRING, KINESIS, COPY_INSTANT, COPY_EPOCH, VALUE, ABSENT, CUT_EXTRA, TYPED
) = range(12)  # fmt: skip
"""Operation codes; their operands are listed in `codecs.base.Operation`. ABSENT (a register without a slot) and TYPED
(the value of a slot whose text is extra) only press, CUT_EXTRA (that text) only renders. Below zero: the end of a
record."""

AS_IT_IS, LAST_IF_NULL, HEAD, TEXT = range(4)
"""How a word of a key is made of a register: see `write_keys`."""
