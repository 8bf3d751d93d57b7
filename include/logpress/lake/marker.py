"""The file that marks a lake, and says how its folders are laid out."""

from __future__ import annotations

import json
from typing import Any

from logpress.errors import LakeError
from logpress.lake.layout import Folders
from logpress.outputs import LAKE_MARKER

FORMAT = 2
"""Of lakes that are made today. An older logpress refuses them, so that it does not put days where nobody looks."""

OLDEST_FORMAT = 1
"""Of lakes that can be read: all of a day's files lie in one folder."""


def marker_of(folders: Folders, others: dict[str, Any] | None = None) -> bytes:
    """The content of a marker.

    Args:
        folders: how the lake's folders are laid out.
        others: what the marker that it replaces says besides.
    """
    said = {**(others or {}), "format": FORMAT, "folders": folders}
    return json.dumps(said).encode() + b"\n"


def read_marker(marker: bytes, uri: str) -> dict[str, Any]:
    """What a marker says, once it is clear that this logpress reads such a lake.

    Args:
        marker: the file's bytes.
        uri: the lake.

    Raises:
        LakeError: if it is damaged, or the lake is of a later logpress.
    """
    example = marker_of("shared").decode().strip()
    try:
        said = json.loads(marker)
        found = said["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise LakeError(f"{uri}/{LAKE_MARKER}: is damaged; it should be like {example}") from error
    if found not in (OLDEST_FORMAT, FORMAT):
        raise LakeError(f"{uri}: is a lake of format {found}; this logpress reads formats {OLDEST_FORMAT} and {FORMAT}")
    if found == FORMAT and said.get("folders") not in ("linked", "shared"):
        raise LakeError(f"{uri}/{LAKE_MARKER}: is damaged; it should be like {example}")
    return dict(said)


def folders_of(said: dict[str, Any]) -> Folders:
    """How the folders of a lake are laid out, by its marker."""
    found: Folders = "together" if said["format"] == OLDEST_FORMAT else said["folders"]
    return found
