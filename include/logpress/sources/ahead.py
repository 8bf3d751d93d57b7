"""Opens raw objects before their turn comes: many small ones would otherwise wait for a round trip each."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from logpress.sources.reader import RawReader, open_raw
from logpress.sources.stored import is_local

OBJECTS_AHEAD = 4
"""Objects opened ahead; each holds its first range, of 8 MiB at most."""


class Openings:
    """Opens raw objects in their order, remote ones ahead."""

    def __init__(self, uris: Iterable[str], options: Mapping[str, Any] | None = None) -> None:
        self._coming = deque(uris)
        self._options = dict(options or {})
        self._opening: deque[Future[RawReader]] = deque()
        self._pool: ThreadPoolExecutor | None = None

    def open(self, uri: str) -> RawReader:
        """The next of the objects, open.

        Raises:
            SourceError: if it is not there or cannot be read.
        """
        while self._coming and len(self._opening) <= OBJECTS_AHEAD and not is_local(self._coming[0]):
            if self._pool is None:
                self._pool = ThreadPoolExecutor(max_workers=OBJECTS_AHEAD, thread_name_prefix="open")
            self._opening.append(self._pool.submit(open_raw, self._coming.popleft(), self._options))
        if is_local(uri):
            self._coming.popleft()
            return open_raw(uri)
        return self._opening.popleft().result()

    def close(self) -> None:
        """Let go of those that were opened, and whose turn never came."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        for future in self._opening:
            if not future.cancelled():
                with contextlib.suppress(Exception):  # it would have been told when its turn came
                    future.result().close()
        self._opening.clear()
