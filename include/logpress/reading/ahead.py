"""Work that is done ahead of its reader."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def ahead_of(pool: ThreadPoolExecutor, function: Callable[[In], Out], items: Iterable[In], ahead: int) -> Iterator[Out]:
    """Apply a function in a pool and yield the results in order, computing at most `ahead` of them in advance."""
    waiting: deque[Future[Out]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
