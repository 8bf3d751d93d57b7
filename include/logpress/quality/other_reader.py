"""Another process that reads part files with fastparquet, beside the one that presses them.

It imports pandas and fastparquet while the other imports what pressing needs, holds its own interpreter's lock, and if
the foreign reader crashes, it crashes alone. It takes a path a line, and answers each with a line of JSON.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
from threading import Lock

from logpress.errors import ProofError


class OtherReader:
    """A process that compares part files; started at once, asked later, from any thread."""

    def __init__(self) -> None:
        # of a group of its own, so that Ctrl-C reaches this process alone; -P: no module comes from the current folder
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip
        self._lock = Lock()

    def close(self) -> None:
        """Let it end; an answer that is awaited comes first."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock, contextlib.suppress(OSError):
            self._process.stdin.close()
            self._process.stdout.close()
        self._process.wait()

    def prove_readable(self, path: str) -> int:
        """As `readable.prove_readable`.

        Raises:
            ProofError: if fastparquet cannot read the file, or reads other values than pyarrow.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            try:
                self._process.stdin.write(json.dumps(path) + "\n")
                self._process.stdin.flush()
                answer = self._process.stdout.readline()
            except (OSError, ValueError):
                answer = ""
        if not answer:
            raise ProofError(f"{path}: the process that reads it with fastparquet ended ({self._process.poll()})")
        found = json.loads(answer)
        if "error" in found:
            raise ProofError(found["error"])
        return int(found["compared"])


def main() -> None:
    """Answer the process that started this one, until it closes its end."""
    gc.set_threshold(200_000, 20, 50)  # imports leave much behind, and none of it is garbage
    import fastparquet  # noqa: F401  # ahead of the first question

    from logpress.quality.readable import prove_readable

    for line in sys.stdin:
        path = json.loads(line)
        try:
            answer: dict[str, object] = {"compared": prove_readable(path)}
        except ProofError as error:
            answer = {"error": str(error)}
        except Exception as error:  # as of a file that is gone: the other process tells of it
            answer = {"error": f"{path}: cannot be read: {error}"}
        try:
            print(json.dumps(answer), flush=True)
        except BrokenPipeError:  # nobody waits for the answer any more
            os._exit(0)
    gc.freeze()  # nor when the interpreter ends


if __name__ == "__main__":
    main()
