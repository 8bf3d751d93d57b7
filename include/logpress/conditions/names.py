"""Errors for names that do not exist, with suggestions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from logpress.errors import UsageError


def no_column(name: str, names: Iterable[str]) -> UsageError:
    """The error for a column that does not exist."""
    return no_such("column", name, names)


def no_such(what: str, name: str, names: Iterable[str]) -> UsageError:
    """The error for a name that does not exist; suggests similar names, or lists all."""
    known = list(names)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return UsageError(f"there is no {what} {name!r}; did you mean {' or '.join(map(repr, close))}?")
    return UsageError(f"there is no {what} {name!r}; there are {', '.join(known) or 'none'}")
