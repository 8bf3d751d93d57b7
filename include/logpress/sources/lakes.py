"""Lakes among raw input: pressed data are never pressed again."""

from __future__ import annotations

import glob
import logging
import os
from functools import cache
from pathlib import Path

from logpress.errors import UsageError
from logpress.outputs import lake_above
from logpress.sources.stored import is_local

log = logging.getLogger(__name__)


def refuse_lake(uri: str) -> None:
    """Check that an input does not lie in a lake; of remote storages that is not known here.

    Raises:
        UsageError: if it does.
    """
    if is_local(uri):
        fixed = uri if not glob.has_magic(uri) or os.path.lexists(uri) else uri[: -len(below_glob(uri, uri))]
        lake = lake_around(fixed)
        if lake is not None:
            raise lake_error(uri, str(lake))


def lake_around(path: str) -> Path | None:
    """The lake that a path, or the target of its links, lies in or is; None if there is none."""
    return lake_above(Path(os.path.abspath(path))) or lake_above(Path(os.path.realpath(path)))


def lake_error(uri: str, lake: str) -> UsageError:
    """The error for an input that is a lake, or lies in one."""
    what = "is a lake" if uri.rstrip("/") == lake.rstrip("/") else f"is inside the lake {lake}"
    return UsageError(f"{uri}: {what}, which has pressed data and no raw input; give the folder of the raw input")


@cache
def tell_of_lake(folder: str) -> None:
    """Warn, once, that a lake among raw input is left out."""
    log.warning("%s is a lake, which has pressed data and no raw input: it is left out", folder)


def below_glob(path: str, pattern: str) -> str:
    """The part of a path that matched the wildcards of a pattern."""
    fixed = next(i for i, name in enumerate(pattern.split("/")) if glob.has_magic(name))
    return "/".join(path.split("/")[fixed:])
