"""The raw blocks of a slice in their order, whether its inputs are files or parts of an index."""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from logpress.contract.model import Contract, Source
from logpress.engine.blocks import Buffers, RawBlock, read_blocks
from logpress.engine.bulk_input import paired
from logpress.engine.ids import Ids
from logpress.errors import SourceError
from logpress.manifest import OriginStats, SliceSpec
from logpress.sources import Openings, RawReader, day_of_path
from logpress.sources.search.address import is_cluster

if TYPE_CHECKING:
    from logpress.engine.pull import Pull


def takes_unknown(contract: Contract, day: date, spec: SliceSpec) -> list[bool]:
    """Whether a record that names no day is the day's, for each input: unless its path says another day."""
    zone = ZoneInfo(contract.source.path_time_zone)
    return [
        is_cluster(uri) or (day_of_path(uri, zone) or spec.named_after.get(uri)) in (None, day) for uri in spec.inputs
    ]


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
            from logpress.engine.pull import Pull  # its client takes a third of a second to import

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
                    for raw in paired(read_blocks(reader, self._buffers)):
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
