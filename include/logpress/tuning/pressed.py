"""The sample, pressed with a contract, and its proof."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from logpress.contract.model import Contract
from logpress.engine.press import press_slice
from logpress.engine.restore.digest_parts import digest_files
from logpress.manifest import SliceManifest, SliceSpec
from logpress.quality.proof import compare
from logpress.quality.readable import prove_readable


@dataclass(frozen=True)
class Pressed:
    """The sample, pressed with a contract.

    Attributes:
        contract: the contract.
        manifest: manifest of the slice.
        folder: folder of its files.
        seconds: time that pressing took.
    """

    contract: Contract
    manifest: SliceManifest
    folder: Path
    seconds: float

    @property
    def path(self) -> str:
        """The part; there is one if the sample has rows of the day."""
        assert self.manifest.part is not None
        return str(self.folder / self.manifest.part.path)

    @property
    def stored_bytes(self) -> int:
        """Size of the part."""
        return self.manifest.part.stored_bytes if self.manifest.part else 0

    @property
    def bytes_a_record(self) -> float:
        """Bytes of the part a row."""
        return self.stored_bytes / max(1, self.manifest.rows)

    def remove(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder)


def press_sample(contract: Contract, files: Sequence[str], day: date, folder: Path, threads: int) -> Pressed:
    """Press files as one slice into a folder."""
    spec = SliceSpec(name="sample", inputs=tuple(files), named_after=dict.fromkeys(files, day))
    began = time.monotonic()
    manifest = press_slice(contract, day, spec, str(folder), threads=threads)
    return Pressed(contract, manifest, folder, time.monotonic() - began)


def prove(pressed: Pressed, threads: int) -> None:
    """Prove that every record is restored, and that fastparquet reads the same values.

    Raises:
        ProofError: if not.
    """
    rejects = pressed.manifest.rejects_part
    paths = [str(pressed.folder / rejects.path)] if rejects else []
    compare([pressed.manifest], [digest_files([pressed.path], paths, threads=threads)])
    prove_readable(pressed.path)
