"""The raw blocks of a slice in their order, whether its inputs are files or parts of an index."""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from enum import Enum
from types import TracebackType
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
    """What becomes of an input's records that name no day that can be read.

    An input is of one day, or it may be of any; so such a record is a row of one day, or of none.
    """

    ours = "rows of this day, which the input is of"
    others = "left to the day that the input is of"
    nobodys = "rejects, as the input may be of any day"


def undated_in(contract: Contract, day: date, spec: SliceSpec) -> list[Undated]:
    """What becomes of records without a day, for each input of a slice.

    An input is of the day that its folders name, that its name was filled in with, or, of an index, that it was planned
    for: an index whose name holds the day, or documents whose time the cluster has read.
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
    """Gives raw blocks, and tells what they were read from."""

    @property
    def ids(self) -> Ids | None:
        """Hashes of the ids of the hits read so far; None where there are none."""

    def blocks(self) -> Generator[tuple[int, RawBlock]]:
        """Blocks of whole records with the numbers of their inputs."""

    def origins(self) -> list[OriginStats]:
        """What each input held, once all is read."""


class SliceInput:
    """Reads the inputs of a slice.

    Args:
        spec: the slice.
        source: how its inputs are read.
        buffers: where buffers come from; the caller gives back those of blocks it is done with.
    """

    def __init__(self, spec: SliceSpec, source: Source, buffers: Buffers) -> None:
        self._spec = spec
        self._buffers = buffers
        self._origins: list[OriginStats] = []
        self._pull: Pull | None = None
        self._openings: Openings | None = None
        if any(map(is_cluster, spec.inputs)):
            from logpress.records.pulled_hits import Pull  # its client takes a third of a second to import

            self._pull = Pull(spec, source, buffers)
        else:
            self._openings = Openings(spec.inputs, source.storage_options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pull is not None:
            self._pull.__exit__(kind, error, trace)
        if self._openings is not None:
            self._openings.close()

    @property
    def ids(self) -> Ids | None:
        """Hashes of the ids of the hits read so far; None where inputs are files."""
        return None if self._pull is None else self._pull.ids

    def blocks(self) -> Generator[tuple[int, RawBlock]]:
        """Blocks of whole records with the numbers of their inputs.

        Raises:
            SourceError: if an input is not there, cannot be read, or is not given whole.
            ProofError: if an index does not have the documents that were planned.
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
        """What each input held, once all is read; records of files are left to the caller to count."""
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
