"""Which logpress this is."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

__version__ = "0.1.0"

_HASH = re.compile(r"[0-9a-f]{7,64}")


@cache
def commit() -> str:
    """The commit it was built from, 12 hexadecimal digits, as files say it; empty where nothing tells.

    `LOGPRESS_COMMIT` (set in images), the checkout that it lies in, or what the installer noted of its source tells.
    """
    found = os.environ.get("LOGPRESS_COMMIT") or _of_checkout(Path(__file__).parents[2] / ".git") or _of_installation()
    return found[:12] if _HASH.fullmatch(found) else ""


def _of_checkout(folder: Path) -> str:
    """The commit that a checkout is at, without running git."""
    try:
        if folder.is_file():  # of a worktree
            folder = Path(folder.read_text().removeprefix("gitdir:").strip())
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        common = folder / "commondir"
        folders = [folder, (folder / common.read_text().strip())] if common.is_file() else [folder]
        for place in folders:
            if (place / name).is_file():
                return (place / name).read_text().strip()
        for place in folders:
            if (place / "packed-refs").is_file():
                for line in (place / "packed-refs").read_text().splitlines():
                    if line.endswith(f" {name}"):
                        return line.split()[0]
    except OSError:
        pass
    return ""


def _of_installation() -> str:
    from importlib import metadata  # takes longer to import than all else that `logpress --help` has of logpress

    try:
        text = metadata.distribution("logpress").read_text("direct_url.json")
        return str(json.loads(text)["vcs_info"]["commit_id"]) if text else ""
    except (metadata.PackageNotFoundError, LookupError, TypeError, ValueError):
        return ""
