"""Tells the C library to keep memory that is freed: fresh pages cost more than what is computed in them.

Pressing and restoring use the same few megabytes over and over. By default glibc gives arrays of that size back to the
kernel when they are freed, and takes zeroed pages for the next; that was a quarter of the whole time.
"""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
_LARGEST_KEPT_BYTES = 32 << 20  # the most that glibc takes for M_MMAP_THRESHOLD

MUCH_BYTES = 48 << 20
"""Texts of a row group beyond which what they leave behind is worth giving back: pieces of it fit nothing later."""


@cache
def keep_freed_memory() -> None:
    """Set glibc's thresholds for this process, once; does nothing with another C library (see mallopt(3))."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's arrays then come from the same memory
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, 512 << 20)
    mallopt(_M_TOP_PAD, 16 << 20)
    mallopt(_M_ARENA_MAX, 1)  # a thread's own arena gives its memory back whatever the thresholds say


def give_back_after(text_bytes: int) -> None:
    """Give freed memory back to the machine, once a row group with so many bytes of texts is done, if they are many.

    Long texts come in arrays of all sizes; the holes that they leave in the heap would add up, group by group.
    """
    if text_bytes > MUCH_BYTES:
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
