"""The two sides of a comparison: raw inputs, or a published day; both can be read more than once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date

from logpress.comparing.documents import DocumentReader, Documents
from logpress.comparing.stored_documents import part_documents, rejects_documents
from logpress.contract.model import Contract
from logpress.day.stages import plan
from logpress.lake import Lake
from logpress.manifest import SliceSpec
from logpress.quality.proof import prove_files


@dataclass(frozen=True)
class Named:
    """What a side was named: raw inputs (if there are none, those of the contract), or a lake that holds the day."""

    inputs: tuple[str, ...] = ()
    lake: str | None = None


class OpenSide(ABC):
    """A side that is read slice by slice.

    Attributes:
        named: where its records come from, in words.
        slices: what it consists of.
        raw_bytes: bytes of all slices, as far as they are known.
    """

    named: tuple[str, ...]
    slices: Sequence[SliceSpec]
    raw_bytes: int

    @abstractmethod
    def documents(self, spec: SliceSpec) -> Generator[Documents]:
        """The documents of a slice."""

    def damage(self) -> dict[str, str]:
        """Inputs of the slice that was read last and could be read in part only, and why."""
        return {}

    def close(self) -> None:  # noqa: B027 - most sides hold nothing
        """Let go of what is held."""


class RawSide(OpenSide):
    """Raw inputs, as `press` takes them."""

    def __init__(self, contract: Contract, day: date, inputs: Sequence[str], threads: int) -> None:
        self.slices = plan(contract, day, inputs)
        self.named = tuple(inputs or contract.source.inputs)
        self.raw_bytes = sum(spec.raw_bytes or 0 for spec in self.slices)
        self._reader = DocumentReader(contract, day, threads)

    def documents(self, spec: SliceSpec) -> Generator[Documents]:
        """The documents of a slice."""
        return self._reader.documents(spec)

    def damage(self) -> dict[str, str]:
        """Inputs of the slice that was read last and could be read in part only, and why."""
        return {origin.uri: origin.damage for origin in self._reader.origins if origin.damage}

    def close(self) -> None:
        """End the threads that convert."""
        self._reader.close()


class PublishedSide(OpenSide):
    """A day of a lake; a slice is a file."""

    def __init__(self, contract: Contract, day: date, lake_uri: str) -> None:
        lake = Lake.open(lake_uri)
        manifest = lake.need_day(contract.table, day)
        parts, self._rejects = lake.files(manifest)
        prove_files(manifest.slices, parts, self._rejects)
        self.named = (f"lake {lake_uri}",)
        self.slices = [SliceSpec(name=path, inputs=(path,)) for path in [*parts, *self._rejects]]
        self.raw_bytes = manifest.raw_bytes

    def documents(self, spec: SliceSpec) -> Generator[Documents]:
        """The documents of a file."""
        return rejects_documents(spec.name) if spec.name in self._rejects else part_documents(spec.name)


def open_side(contract: Contract, day: date, named: Named, threads: int) -> OpenSide:
    """Open a side.

    Raises:
        UsageError: if nothing is named, or there is nothing of the day.
        SourceError: if an input is not there, or cannot be read.
    """
    if named.lake is not None:
        return PublishedSide(contract, day, named.lake)
    return RawSide(contract, day, named.inputs, threads)
