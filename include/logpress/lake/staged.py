"""Notes in a run's staging: what verify found, and that files stay to be looked into."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

from pydantic import ValidationError

from logpress.errors import LakeError
from logpress.lake.lake import Lake
from logpress.lake.storage import lake_errors
from logpress.results import Verification

_VERIFIED = "_verified.json"
_KEPT = "_kept.json"


def write_verified(lake: Lake, table: str, day: date, run: str, verification: Verification) -> None:
    """Note what verify found of a run, for its publication.

    Raises:
        LakeError: if it cannot be written.
    """
    path = f"{lake.staging_folder(table, day, run)}/{_VERIFIED}"
    with lake_errors(path):
        lake.write(path, verification.model_dump_json(indent=1).encode())


def read_verified(lake: Lake, table: str, day: date, run: str) -> Verification | None:
    """What verify found of a run; None if it noted nothing, or the run is published already.

    Raises:
        LakeError: if the note cannot be read, or is damaged.
    """
    path = f"{lake.staging_folder(table, day, run)}/{_VERIFIED}"
    with lake_errors(path):
        data = lake.storage.read(path)
    if data is None:
        return None
    try:
        return Verification.model_validate_json(data)
    except ValidationError as error:
        raise LakeError(f"{path}: is damaged: {error.errors()[0]['msg']}; verify the run again") from error


def keep_staging(lake: Lake, table: str, day: date, run: str, because: str) -> str:
    """Keep a run's staging for a time (`refused_stay`), whoever cleans up: its files show what is wrong.

    Returns:
        The folder.

    Raises:
        LakeError: if that cannot be noted.
    """
    folder = lake.staging_folder(table, day, run)
    path = f"{folder}/{_KEPT}"
    with lake_errors(path):
        told = {"since": datetime.now(UTC).isoformat(timespec="seconds"), "because": because}
        lake.write(path, json.dumps(told, indent=1).encode())
    return folder


def kept_since(lake: Lake, folder: str) -> datetime | None:
    """Since when the staging of a run is kept, UTC; None if it is not, or the note is damaged."""
    data = lake.storage.read(f"{folder}/{_KEPT}")
    try:
        since = datetime.fromisoformat(json.loads(data)["since"]) if data else None
    except (ValueError, KeyError, TypeError):
        return None
    return since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
