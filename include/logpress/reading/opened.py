"""Parts that were opened before, so that a reader that scans again and again parses their metadata once."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict

from logpress.engine.part.opened_part import OpenedPart

MOST_PARTS = 256
"""[memory] Parts whose metadata are kept; those of a part of a million rows take about 100 KB."""

_kept: OrderedDict[tuple[str, int, int, int, int], OpenedPart] = OrderedDict()
_lock = threading.Lock()


def opened_part(path: str) -> OpenedPart:
    """Open a part, or give back what was read of it if the file has not changed since.

    A local file is known by its device, inode, size and time of last change. A remote one is read each time.

    Raises:
        PartError: if it is missing, damaged, or not written by logpress; with the path.
    """
    key = _key(path)
    if key is None:
        return OpenedPart.open(path)
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
            return found
    found = OpenedPart.open(path)
    with _lock:
        _kept[key] = found
        while len(_kept) > MOST_PARTS:
            _kept.popitem(last=False)
    return found


def _key(path: str) -> tuple[str, int, int, int, int] | None:
    if "://" in path:
        return None
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return path, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
