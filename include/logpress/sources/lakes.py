"""Lakes that stand where raw input is listed: what was pressed is never pressed again."""

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
    """See that an input does not lie in a lake; of other storages than the local one that is not known here.

    Raises:
        UsageError: if it does.
    """
    if is_local(uri):
        fixed = uri if not glob.has_magic(uri) or os.path.lexists(uri) else uri[: -len(below_glob(uri, uri))]
        lake = lake_around(fixed)
        if lake is not None:
            raise lake_error(uri, str(lake))


def lake_around(path: str) -> Path | None:
    """The lake that a path lies in, or is, by its name or where links lead; None if it lies in none."""
    return lake_above(Path(os.path.abspath(path))) or lake_above(Path(os.path.realpath(path)))


def lake_error(uri: str, lake: str) -> UsageError:
    """What is said of an input that is a lake, or lies in one."""
    what = "is a lake" if uri.rstrip("/") == lake.rstrip("/") else f"lies in the lake {lake}"
    return UsageError(f"{uri}: {what}, which holds what was pressed and no raw input; name the folder of the raw input")


@cache
def tell_of_lake(folder: str) -> None:
    """Say, once, that a lake among raw input is left out."""
    log.warning("%s is a lake, which holds what was pressed and no raw input: it is left out", folder)


def below_glob(path: str, pattern: str) -> str:
    """The part of a path that a glob has found."""
    fixed = next(i for i, name in enumerate(pattern.split("/")) if glob.has_magic(name))
    return "/".join(path.split("/")[fixed:])
