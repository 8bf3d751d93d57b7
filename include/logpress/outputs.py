"""Files that commands write where the user says: never into a lake, nor onto what they read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from logpress.errors import UsageError

LAKE_MARKER = "_logpress.json"


def lake_above(path: Path) -> Path | None:
    """The lake that a path lies in, or is; None if it lies in none."""
    return next((folder for folder in (path, *path.parents) if (folder / LAKE_MARKER).is_file()), None)


def refuse_output(path: Path, inputs: Iterable[str] = ()) -> None:
    """See that a file or folder can be written to without harm.

    Args:
        path: where it goes.
        inputs: paths or URIs that were read, or could be read once more.

    Raises:
        UsageError: if it lies in a lake, or is one of the inputs.
    """
    path = path.resolve()
    lake = lake_above(path)
    if lake is not None:
        raise UsageError(f"{path}: lies in the lake {lake}, which only publishing may change; name another place")
    local = (Path(uri.removeprefix("file://")) for uri in inputs if "://" not in uri or uri.startswith("file://"))
    if any(one.resolve() == path for one in local):
        raise UsageError(f"{path}: is raw input of the day; name another file")
