"""The file that marks a lake: how its folders are laid out, which catalog it has, and what else is noted of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from logpress.errors import LakeError
from logpress.lake.layout import Folders
from logpress.outputs import LAKE_MARKER

FORMAT = 2
"""Of lakes that are made today. An older logpress refuses them, so that it does not put days where nobody looks."""

OLDEST_FORMAT = 1
"""Of lakes that can be read: all of a day's files lie in one folder."""


def marker_of(folders: Folders) -> bytes:
    """The content of a new lake's marker.

    Args:
        folders: how the lake's folders are laid out.
    """
    return with_entries({}, {"format": FORMAT, "folders": folders})


def with_entries(said: Mapping[str, Any], entries: Mapping[str, Any]) -> bytes:
    """The content of a marker that says more, or something else.

    Args:
        said: what it has said.
        entries: what it says now, by name; other entries stay.
    """
    return json.dumps({**said, **entries}).encode() + b"\n"


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
