"""The numbers by which Python code and kernels tell each other what to do with a slot, and what became of a row.

No file holds them: they may change from one version to the next.
"""

from __future__ import annotations

(
    INSTANT, INTEGER, DECIMAL, BOOLEAN, STRING, KINESIS, COPY_INSTANT, COPY_EPOCH, VALUE, ABSENT, CUT_EXTRA, TYPED
) = range(12)  # fmt: skip
"""Operation codes; see `program.py` for their operands. ABSENT (a register without a slot) and TYPED (the value of a
slot whose text is extra) only press, CUT_EXTRA (that text) only renders. Below zero: the end of a record."""

MISSED, FAILED, SUSPECT, DROPPED = -1, -2, -3, -4
"""Row states besides a program's number: no layout fits; a codec does not fit; text is no JSON; taken out."""

IRREGULAR = 1 << 40
"""Row state of a record kept whole."""
