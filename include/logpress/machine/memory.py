"""Makes the C library keep freed memory, because new pages cost more time than the work on them.

Pressing and restoring use the same few megabytes again and again. By default glibc returns arrays of that size to the
kernel when they are freed, and takes zeroed pages for the next ones, which was 25 % of the whole time.
"""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
_LARGEST_KEPT_BYTES = 32 << 20  # largest M_MMAP_THRESHOLD that glibc accepts

MUCH_BYTES = 48 << 20
"""[memory] Bytes of a row group's texts from which on freed memory is returned, because its pieces fit nothing later.
"""


@cache
def keep_freed_memory() -> None:
    """Set glibc's thresholds for this process, once; no effect with another C library (see mallopt(3))."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow then uses malloc too
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, 512 << 20)
    mallopt(_M_TOP_PAD, 16 << 20)
    mallopt(_M_ARENA_MAX, 1)  # an arena of a thread returns its memory whatever the thresholds are


def give_back_after(text_bytes: int) -> None:
    """Return freed memory to the system after a row group with more than `MUCH_BYTES` of texts.

    Long texts are arrays of all sizes, and the holes that they leave in the heap would add up, row group by row group.
    """
    if text_bytes > MUCH_BYTES:
        give_back()


def give_back() -> None:
    """Return freed memory to the system, as before work that needs other memory; see malloc_trim(3)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


@cache
def give_back_once() -> None:
    """Return freed memory to the system at the first call in a process."""
    give_back()
