"""The files that hold the records in which two sides differ; they are there only when they are complete."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from logpress.comparing.result import Kind, SideName
from logpress.errors import UsageError
from logpress.outputs import refuse_output

NAMES: dict[tuple[Kind, SideName], str] = {
    ("only", "a"): "only-a.ndjson",
    ("only", "b"): "only-b.ndjson",
    ("spelling", "a"): "spelling-a.ndjson",
    ("spelling", "b"): "spelling-b.ndjson",
}


class Outputs:
    """Writes records, each followed by a newline, into the four files of a folder, which is made if missing.

    Raises:
        UsageError: if they cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        refuse_output(folder)
        self._paths = {key: folder / name for key, name in NAMES.items()}
        self._temporary = {
            key: path.with_name(f".{path.name}.{os.getpid()}.unfinished") for key, path in self._paths.items()
        }
        self._files: dict[tuple[Kind, SideName], BinaryIO] = {}
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for key, path in self._temporary.items():
                self._files[key] = path.open("wb")
        except OSError as error:
            self._discard()
            raise self._refused(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                for key, file in self._files.items():
                    file.close()
                    self._temporary[key].replace(self._paths[key])
        except OSError as found:
            raise self._refused(found) from found
        finally:
            self._discard()

    def write(self, kind: Kind, side: SideName, record: bytes) -> None:
        """Write a record."""
        try:
            self._files[kind, side].write(record + b"\n")
        except OSError as error:
            raise self._refused(error) from error

    def mark(self) -> dict[tuple[Kind, SideName], int]:
        """What `back_to` takes."""
        return {key: file.tell() for key, file in self._files.items()}

    def back_to(self, mark: dict[tuple[Kind, SideName], int]) -> None:
        """Take back what was written since a mark."""
        for key, place in mark.items():
            self._files[key].seek(place)
            self._files[key].truncate()

    def _discard(self) -> None:
        for key, file in self._files.items():
            file.close()
            self._temporary[key].unlink(missing_ok=True)

    def _refused(self, error: OSError) -> UsageError:
        return UsageError(f"{self._folder}: cannot be written: {error.strerror or error}")
