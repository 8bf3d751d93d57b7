"""The numbers by which Python code and kernels tell each other what became of a row.

No file holds them: they may change from one version to the next.
"""

from __future__ import annotations

MISSED, FAILED, SUSPECT, DROPPED = -1, -2, -3, -4
"""Row states besides a program's number: no layout fits; a codec does not fit; text is no JSON; taken out."""

IRREGULAR = 1 << 40
"""Row state of a record kept whole."""
