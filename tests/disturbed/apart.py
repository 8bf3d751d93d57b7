"""Functions called in processes of their own, forked from one that has imported all that they need."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logpress.errors import LogpressError

_SECONDS = 300
CRASHED = 99
"""The exit code of a process that ended with an exception that is no error of logpress's."""


@dataclass
class Outcome:
    """How a process ended.

    Attributes:
        code: exit code; -9 if it was killed.
        text: what it has printed.
        seconds: how long it took.
        value: what its function gave, as JSON has it; None if it did not end well.
    """

    code: int
    text: str
    seconds: float
    value: Any = None


class Apart:
    """A function in a process of its own, which has begun; it leads a group of its own.

    Args:
        function: gives what JSON can say.
        log: where its output goes.
        seconds: after which it is killed.
    """

    def __init__(self, function: Callable[[], Any], log: Path, seconds: float = _SECONDS) -> None:
        self._log, self._begin = log, time.monotonic()
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _be(function, log, write)
        os.close(write)
        self._timer = threading.Timer(seconds, os.killpg, (self.pid, signal.SIGKILL))
        self._timer.start()

    def end(self) -> Outcome:
        """Wait until it has ended."""
        with os.fdopen(self._read, "rb") as pipe:
            data = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        self._timer.cancel()
        self._timer.join()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        text = self._log.read_text(errors="replace")
        seconds = time.monotonic() - self._begin
        return Outcome(os.waitstatus_to_exitcode(status), text, seconds, json.loads(data) if data else None)


def apart(function: Callable[[], Any], log: Path) -> Outcome:
    """Call a function in a process of its own; it can end in any way."""
    return Apart(function, log).end()


def _be(function: Callable[[], Any], log: Path, write: int) -> None:
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    code = 0
    try:
        value = function()
        os.write(write, json.dumps(value).encode())
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except LogpressError as error:
        print(f"logpress: error: {error}")
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
        code = CRASHED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
