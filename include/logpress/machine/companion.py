"""A second process that does the work that needs slow imports: pandas, fastparquet, pyiceberg.

It imports them while this process imports the modules for pressing, and has its own interpreter lock. If fastparquet
crashes over a file, only the companion ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Lock
from typing import ParamSpec, TypeVar

from logpress.errors import LogpressError

P = ParamSpec("P")
T = TypeVar("T")

_IMPORTS = (
    "fastparquet",
    "logpress.quality.readable",
    "pyiceberg.io.pyarrow",
    "pyiceberg.catalog.sql",
    "logpress.lake.publish",
)
"""Modules that it imports, in the order in which they are needed."""


class Companion:
    """A process that makes calls for this one. It starts at once; any thread may call."""

    def __init__(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        # own process group, so that Ctrl-C reaches this process alone; -P: no imports from the current folder
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            process_group=0,
        )  # fmt: skip
        theirs.close()
        self._lock = Lock()
        self._was_asked = False

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def close(self) -> None:
        """Let the process end, after the call in progress."""
        with self._lock, contextlib.suppress(OSError):
            self._connection.close()
            if not self._was_asked:
                self._process.kill()  # it may still import
        self._process.wait()

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a module-level function in the companion; calls are made one after the other.

        Raises:
            LogpressError: if the process ended; else whatever the function raises.
        """
        with self._lock:
            self._was_asked = True
            try:
                self._connection.send((function, args, kwargs))
                result, error = self._connection.recv()
            except (EOFError, OSError) as broken:
                raise LogpressError(
                    f"the companion process ended ({self._process.poll()}) during "
                    f"{function.__name__.replace('_', ' ')}; press the day again"
                ) from broken
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]


def main() -> None:
    """Answer the calls of the process that started this one, until that closes the pipe."""
    from logpress.machine.memory import keep_freed_memory
    from logpress.machine.workers import end_with, serve

    gc.set_threshold(200_000, 20, 50)  # imports make many objects, none of which is garbage
    end_with(int(sys.argv[2]))
    keep_freed_memory()
    for name in _IMPORTS:
        importlib.import_module(name)
    serve(Connection(int(sys.argv[1])))
    os._exit(0)  # tearing down the imported modules would take as long as publishing


if __name__ == "__main__":
    main()
