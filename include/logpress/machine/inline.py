"""An executor without threads: the caller runs what it submits, at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Inline(Executor):
    """For a process that has one core to itself: it waits for no other thread, and a block stays in the cache."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function; the future is done when this returns."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def executor(threads: int, name: str) -> Executor:
    """An executor of so many threads; an `Inline` for 0."""
    return ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name) if threads else Inline()
