"""The files that hold the records in which two sides differ; they are there only when they are complete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from logpress.comparing.result import Kind, SideName
from logpress.errors import UsageError
from logpress.outputs import refuse_output, written

NAMES: dict[tuple[Kind, SideName], str] = {
    ("only", "a"): "only-a.ndjson",
    ("only", "b"): "only-b.ndjson",
    ("spelling", "a"): "spelling-a.ndjson",
    ("spelling", "b"): "spelling-b.ndjson",
}


class Outputs:
    """Writes records, each followed by a newline, into the four files of a folder, which is made if missing.

    Raises:
        UsageError: if they cannot be written, or the folder lies in a lake.
    """

    def __init__(self, folder: Path) -> None:
        refuse_output(folder)
        self._folder = folder
        self._files: dict[tuple[Kind, SideName], BinaryIO] = {}
        with ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._refused(error) from error
            for key, name in NAMES.items():
                self._files[key] = stack.enter_context(written(folder / name))
            self._complete = stack.pop_all()

    def refuse_inputs(self, inputs: Sequence[str]) -> None:
        """See that none of the files is one that is to be read.

        Raises:
            UsageError: if one is.
        """
        for name in NAMES.values():
            refuse_output(self._folder / name, inputs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._complete.__exit__(kind, error, trace)

    def write(self, kind: Kind, side: SideName, record: bytes) -> None:
        """Write a record."""
        try:
            self._files[kind, side].write(record + b"\n")
        except OSError as error:
            raise self._refused(error) from error

    def mark(self) -> dict[tuple[Kind, SideName], int]:
        """What `back_to` takes."""
        try:
            return {key: file.tell() for key, file in self._files.items()}
        except OSError as error:  # a pipe
            raise self._refused(error) from error

    def back_to(self, mark: dict[tuple[Kind, SideName], int]) -> None:
        """Take back what was written since a mark."""
        for key, place in mark.items():
            self._files[key].seek(place)
            self._files[key].truncate()

    def _refused(self, error: OSError) -> UsageError:
        return UsageError(f"{self._folder}: cannot be written: {error.strerror or error}")
