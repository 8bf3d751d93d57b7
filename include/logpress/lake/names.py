"""Names that come from files of a lake and become paths: checked, as whoever can write a file may have made them up."""

from __future__ import annotations

import re

from logpress.errors import LakeError

PART, REJECTS = "part", "_rejects"
"""How the names of part files, and of rejects files, begin."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def checked_name(name: str, where: str) -> str:
    """Give back the name of a file in a folder: no path, no URI, nothing that leads out of the folder.

    Args:
        name: as it was read.
        where: the file that it was read from.

    Raises:
        LakeError: if it is none.
    """
    if not _NAME.fullmatch(name):
        raise LakeError(f"{where}: names {name!r}, which cannot be a file beside it; it is damaged, or was made up")
    return name
