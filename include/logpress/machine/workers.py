"""Processes that work side by side on one machine, one a core.

They are forked from a process that has done the imports, so nothing is imported twice, and they share no interpreter
lock. Two processes press slices in a third less time than two threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from logpress.errors import LogpressError

LOOK_SECONDS = 0.1
"""Interval between two looks at the progress."""

PATIENCE_SECONDS = 8.0
"""Longest time that a cancelled job has to release what it holds elsewhere, such as scrolls of a cluster."""

_PR_SET_PDEATHSIG = 1


@dataclass
class Job:
    """A call for a worker.

    Attributes:
        function: at module level; gets the arguments, and `progress`, which it calls with bytes and records.
        arguments: sent to the worker; must be picklable.
        done: bytes and records done so far.
        result: the function's result, once it has returned.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    done: tuple[int, int] = (0, 0)
    result: Any = None


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    connection: Connection
    done: NDArray[np.int64]
    job: Job | None = None


class Workers:
    """Forked processes with one job each at a time. They end with this process, however it ends.

    Args:
        count: number of processes.
    """

    def __init__(self, count: int) -> None:
        forking = multiprocessing.get_context("fork")
        shared = np.frombuffer(mmap.mmap(-1, 64 * count), dtype=np.int64).reshape(count, 8)  # a cache line each
        self._workers: list[_Worker] = []
        gc.freeze()  # otherwise the first garbage collection would copy every page of the imported modules
        for number in range(count):
            ours, theirs = forking.Pipe()
            others = [worker.connection for worker in self._workers]
            process = forking.Process(
                target=_work, args=(theirs, shared[number], [*others, ours], os.getpid()), daemon=True
            )
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours, shared[number]))
        gc.unfreeze()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.connection.close()
            if worker.job is not None:
                worker.process.terminate()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for worker in self._workers:
            if worker.job is not None:
                worker.process.join(max(0.0, deadline - time.monotonic()))
                worker.process.kill()  # the parent removes its staged files
            worker.process.join()

    @property
    def free(self) -> int:
        """Number of workers without a job."""
        return sum(worker.job is None for worker in self._workers)

    @property
    def is_busy(self) -> bool:
        """Whether any worker has a job."""
        return self.free < len(self._workers)

    def start(self, job: Job) -> None:
        """Give a job to a free worker."""
        worker = next(worker for worker in self._workers if worker.job is None)
        worker.done[:] = 0
        worker.job = job
        with contextlib.suppress(BrokenPipeError):  # `wait` finds that it has ended
            worker.connection.send((job.function, job.arguments, {}))

    def wait(self) -> list[Job]:
        """Wait for `LOOK_SECONDS` or the next result; returns the finished jobs, and updates `done` of the others.

        Raises:
            LogpressError: if a job has raised one, or a worker was killed.
        """
        busy = [worker for worker in self._workers if worker.job is not None]
        ready = wait([worker.connection for worker in busy], LOOK_SECONDS)
        finished = []
        for worker in busy:
            job = worker.job
            assert job is not None
            job.done = (int(worker.done[0]), int(worker.done[1]))
            if worker.connection in ready:
                worker.job = None
                job.result = _answer(worker)
                finished.append(job)
        return finished


def _answer(worker: _Worker) -> Any:
    try:
        result, error = worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join()
        raise LogpressError(
            f"a worker process was killed (exit code {worker.process.exitcode}); "
            "if the machine ran out of memory, use fewer --threads"
        ) from None
    if error is not None:
        raise error
    return result


def _work(connection: Connection, done: NDArray[np.int64], others: list[Connection], parent: int) -> None:
    """Do jobs one after the other, until the parent closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it, and ends this process
    signal.signal(signal.SIGTERM, _unwind)  # in place of the parent's handler
    end_with(parent)
    for other in others:
        other.close()

    def progress(size: int, records: int) -> None:
        done[:2] = size, records

    serve(connection, progress=progress)


def _unwind(number: int, frame: object) -> None:
    """End a job with an exception, so that it closes the files it has opened."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    sys.exit(128 + number)


def serve(connection: Connection, **always: Any) -> None:
    """Answer calls (function, arguments, named arguments) with (result, error).

    Args:
        connection: calls come from it; this returns when its other end is closed.
        always: named arguments of every call.
    """
    while True:
        try:
            function, arguments, named = connection.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = (function(*arguments, **named, **always), None)
        except Exception as error:
            if not isinstance(error, LogpressError):
                error.add_note(traceback.format_exc())
            answer = (None, error)
        try:
            connection.send(answer)
        except OSError:
            return


def end_with(parent: int) -> None:
    """Have the system kill this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
