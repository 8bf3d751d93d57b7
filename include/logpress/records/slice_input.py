"""The raw blocks of a slice in their order, from files or from parts of an index."""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Protocol, Self
from zoneinfo import ZoneInfo

from logpress.contract.model import Contract
from logpress.contract.source import Source
from logpress.errors import SourceError
from logpress.manifest import OriginStats, SliceSpec
from logpress.records.bulk_pairs import paired
from logpress.records.ids import Ids
from logpress.records.raw_blocks import Buffers, RawBlock, read_blocks
from logpress.sources import Openings, RawReader, day_of_path
from logpress.sources.search.address import Address, Hours, is_cluster

if TYPE_CHECKING:
    from logpress.records.pulled_hits import Pull


class Undated(Enum):
    """How records of an input are treated if their day cannot be read.

    If the input is of one day, they are rows of that day. If it may be of any day, they are rejects.
    """

    ours = "rows of this day, which the input is of"
    others = "left to the day that the input is of"
    nobodys = "rejects, as the input may be of any day"


def undated_in(contract: Contract, day: date, spec: SliceSpec) -> list[Undated]:
    """How records without a readable day are treated, for each input of a slice.

    The day of an input is the one in its folder names, or the one filled into its name. For an index it is the day it
    was planned for, if its name holds the day or the cluster has selected documents by their time.
    """
    zone = ZoneInfo(contract.source.path_time_zone)
    found = []
    for uri in spec.inputs:
        named = _day_of_index(uri, day) if is_cluster(uri) else day_of_path(uri, zone) or spec.named_after.get(uri)
        found.append(Undated.nobodys if named is None else Undated.ours if named == day else Undated.others)
    return found


def _day_of_index(uri: str, day: date) -> date | None:
    """The day of the hours that are pulled; one that is pulled whole is the day's own, as planning sees to."""
    hours = Address.parse(uri).hours
    if hours is None:
        return day
    return hours.begin.date() if hours.end <= Hours.of_day(hours.begin.date()).end else None


class BlockSource(Protocol):
    """A source of raw blocks, which knows the origins of their records."""

    @property
    def ids(self) -> Ids | None:
        """Hashes of the ids of the hits read so far; None if there are no ids."""

    def blocks(self) -> Generator[tuple[int, RawBlock]]:
        """Blocks of whole records with the numbers of their inputs."""

    def origins(self) -> list[OriginStats]:
        """What each input contained; complete after the last block."""


class SliceInput:
    """Reads the inputs of a slice.

    Args:
        spec: the slice.
        source: how its inputs are read.
        buffers: free buffers; the caller returns those of finished blocks.
    """

    def __init__(self, spec: SliceSpec, source: Source, buffers: Buffers) -> None:
        self._spec = spec
        self._buffers = buffers
        self._origins: list[OriginStats] = []
        self._pull: Pull | None = None
        self._openings: Openings | None = None
        if any(map(is_cluster, spec.inputs)):
            from logpress.records.pulled_hits import Pull  # importing its client takes 0.3 s

            self._pull = Pull(spec, source, buffers)
        else:
            self._openings = Openings(spec.inputs, source.storage_options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pull is not None:
            self._pull.__exit__()
        if self._openings is not None:
            self._openings.close()

    @property
    def ids(self) -> Ids | None:
        """Hashes of the ids of the hits read so far; None if the inputs are files."""
        return None if self._pull is None else self._pull.ids

    def blocks(self) -> Generator[tuple[int, RawBlock]]:
        """Blocks of whole records with the numbers of their inputs.

        Raises:
            SourceError: if an input is missing, cannot be read, or is incomplete.
            ProofError: if an index has another number of documents than was planned.
        """
        if self._pull is not None:
            yield from self._pull.blocks()
            return
        assert self._openings is not None
        for number, uri in enumerate(self._spec.inputs):
            try:
                with self._openings.open(uri) as reader:
                    for raw in paired(read_blocks(reader, self._buffers, note_damage=reader.note_damage)):
                        yield number, raw
                    origin = _origin(uri, reader)
            except OSError as error:
                raise SourceError(f"{uri}: cannot be read: {error}") from error
            self._origins.append(origin)

    def origins(self) -> list[OriginStats]:
        """What each input contained; complete after the last block. The caller counts the records of files."""
        return self._origins if self._pull is None else self._pull.origins()


def _origin(uri: str, reader: RawReader) -> OriginStats:
    return OriginStats(
        uri=uri,
        stored_bytes=reader.stored_bytes,
        version=reader.version,
        raw_bytes=reader.raw_bytes,
        compression=reader.compression,
        records=0,
        damage=reader.damage,
    )
