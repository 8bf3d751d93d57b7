"""How long earlier publications stay: their files, their manifests, and the snapshots that refer to them."""

from __future__ import annotations

import os
import re
from datetime import timedelta

from logpress.errors import UsageError
from logpress.lake.lake import Lake

RETENTION = "LOGPRESS_RETENTION"
"""The environment's setting: how long files and snapshots of earlier publications stay, as `7d`, `12h` or `0`."""

LOCAL_RETENTION = timedelta(days=7)
REMOTE_RETENTION = timedelta(hours=1)
"""In an object store superseded files stay in the folder that readers of folders take, so they stay less long."""


def retention_of(lake: Lake) -> timedelta:
    """How long superseded files, and the snapshots that refer to them, stay.

    Raises:
        UsageError: if the environment says no time.
    """
    text = os.environ.get(RETENTION, "")
    if not text:
        return LOCAL_RETENTION if lake.is_local else REMOTE_RETENTION
    return parse_retention(text, RETENTION)


def refused_stay(retention: timedelta) -> timedelta:
    """How long what refused runs have left stays: not in the way of readers, and to be seen after a weekend."""
    return max(retention, LOCAL_RETENTION)


def parse_retention(text: str, what: str) -> timedelta:
    """A time such as 7d, 12h, 30m or 0.

    Raises:
        UsageError: if it is none; the message names `what`.
    """
    found = re.fullmatch(r"(\d{1,6})([dhm])|0", text)
    if found is None:
        raise UsageError(f"{what} is {text!r}; it should be a time such as 7d, 12h or 30m, or 0")
    if found[1] is None:
        return timedelta(0)
    return int(found[1]) * {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}[found[2]]
