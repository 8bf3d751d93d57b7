"""Values and records of logs as text that a terminal, a log or a page can show."""

from __future__ import annotations

import re

MOST_TEXT = 200
"""Characters of a record that are shown."""


def printable(value: bytes | str, most: int = MOST_TEXT) -> str:
    """The beginning of a value, at most this many characters, with escapes for what would not be shown as it is.

    Bytes that are not UTF-8, control characters, and characters that change the direction of others are escaped as in
    Python: a backslash, then `x1b` or `u202e`. A backslash of the value stays one.

    Args:
        value: a record's bytes, or a text.
        most: characters; the last is an ellipsis if there are more.
    """
    text = value[: 4 * most].decode("utf-8", errors="backslashreplace") if isinstance(value, bytes) else value
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:most])
    if len(shown) > most or len(text) > most:
        shown = re.sub(r"\\[xuU]?[0-9a-f]{0,8}$", "", shown[: most - 1]) + "\u2026"
    return shown
