"""Check paths that users give for output: never inside a lake, never a file that is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from logpress.errors import UsageError

LAKE_MARKER = "_logpress.json"


def lake_above(path: Path) -> Path | None:
    """The lake that a path is, or is in; None if there is none."""
    return next((folder for folder in (path, *path.parents) if (folder / LAKE_MARKER).is_file()), None)


def refuse_output(path: Path, inputs: Iterable[str] = ()) -> None:
    """Check that writing a file or folder overwrites neither a lake nor an input.

    Args:
        path: the output.
        inputs: paths or URIs that were read, or may be read again.

    Raises:
        UsageError: if it is inside a lake, or one of the inputs.
    """
    path = path.resolve()
    lake = lake_above(path)
    if lake is not None:
        raise UsageError(
            f"{path}: is inside the lake {lake}, where only publishing may write; give a path outside of it"
        )
    local = (Path(uri.removeprefix("file://")) for uri in inputs if "://" not in uri or uri.startswith("file://"))
    if any(one.resolve() == path for one in local):
        raise UsageError(f"{path}: is raw input of the day, and would be overwritten; give another file")
