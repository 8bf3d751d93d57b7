"""The inputs of a slice in a cluster, as blocks of hits: found by a kernel, counted, their ids hashed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from logpress.contract.source import ClusterSource
from logpress.errors import BrokenOffError, ProofError
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH
from logpress.manifest import OriginStats, SliceSpec
from logpress.records.ids import Ids
from logpress.records.kernels_hits import frame_hits, hash_ids
from logpress.records.raw_blocks import Buffers, RawBlock
from logpress.sources.search.address import Address
from logpress.sources.search.cluster import Cluster
from logpress.sources.search.envelope import Envelope
from logpress.sources.search.scroll import MOST_HITS, Pace, Page, Scroll, page_hits


class Pull:
    """Reads the inputs of a slice, some of them at the same time, one page of each in turn.

    Attributes:
        ids: hashes of the ids of all hits so far.
    """

    def __init__(self, spec: SliceSpec, source: ClusterSource, buffers: Buffers) -> None:
        self.ids = Ids()
        self._spec = spec
        self._source = source
        self._buffers = buffers
        self._addresses = [Address.parse(uri) for uri in spec.inputs]
        self._pace = Pace(spec.documents_per_second or source.documents_per_second)
        self._records = [0] * len(spec.inputs)
        self._scrolls: dict[int, Scroll] = {}
        self._begun: dict[int, Scroll] = {}
        self._cluster = Cluster(self._addresses[0], source)
        self._stack = np.empty(MAX_DEPTH, dtype=np.uint8)

    def __enter__(self) -> Pull:
        return self

    def __exit__(self, *_: object) -> None:
        for scroll in self._scrolls.values():
            scroll.close()
        self._scrolls.clear()
        self._cluster.close()

    def blocks(self) -> Iterator[tuple[int, RawBlock]]:
        """Blocks of hits with the numbers of their inputs; the same pages give the same order.

        Raises:
            SourceError: if the cluster does not give all of an input.
            ProofError: if an input has another number of documents than `plan` counted.
        """
        waiting = list(range(len(self._addresses)))
        turns: list[tuple[int, Iterator[Page]]] = []
        while waiting or turns:
            while waiting and len(turns) < self._source.scrolls_at_a_time:
                number = waiting.pop(0)
                turns.append((number, self._begin(number).pages()))
            number, pages = turns.pop(0)
            page = next(pages, None)
            if page is None:
                self._end(number)
                continue
            turns.append((number, pages))
            yield number, self._frame(number, page)

    def origins(self) -> list[OriginStats]:
        """What each input contained."""
        return [
            OriginStats(
                uri=uri,
                stored_bytes=self._begun[number].received_bytes,
                raw_bytes=self._begun[number].page_bytes,
                compression="gzip" if self._source.compressed else "none",
                records=self._records[number],
                expected=self._spec.expected[number] if self._spec.expected else None,
            )
            for number, uri in enumerate(self._spec.inputs)
        ]

    def _begin(self, number: int) -> Scroll:
        expected = sum(self._spec.expected)
        hit_bytes = self._spec.raw_bytes / expected if self._spec.raw_bytes and expected else None
        size = min(page_hits(self._source, hit_bytes), self._spec.page_hits or MOST_HITS)
        scroll = Scroll(self._cluster, self._addresses[number], self._source, self._pace, size, self._buffers.take_page)
        self._scrolls[number] = self._begun[number] = scroll
        return scroll

    def _end(self, number: int) -> None:
        scroll = self._scrolls.pop(number)
        scroll.close()
        records, expected = self._records[number], self._spec.expected
        if records != scroll.total:
            raise BrokenOffError(f"{scroll.address}: gave {records} of {scroll.total} documents")
        if not expected or records == expected[number]:
            return
        if records > expected[number] and self._source.growing_index == "go_on":
            return
        raise ProofError(
            f"{scroll.address}: has {records} documents, {expected[number]} were planned: the index is still being "
            "written; plan the day again once nothing writes to it any more"
        )

    def _frame(self, number: int, page: Page) -> RawBlock:
        buffer, size = page.buffer, page.size
        buffer[size : size + PADDING] = 0
        starts, ends = np.empty(page.hits, dtype=np.int64), np.empty(page.hits, dtype=np.int64)
        address = self._addresses[number]
        rows, end = frame_hits(buffer, page.begin, size, starts, ends)
        if rows != page.hits:
            what = {-1: f"is no JSON near byte {end}", -2: f"has more than {page.hits} hits"}
            raise BrokenOffError(f"{address}: a page {what.get(rows, f'has {rows} hits in place of {page.hits}')}")
        try:
            envelope = Envelope.parse(bytes(buffer.data[: page.begin]) + b"]" + bytes(buffer.data[end:size]))
        except ValueError as error:
            raise BrokenOffError(f"{address}: a page is not a search response: {error}") from error
        if envelope != page.envelope:
            raise BrokenOffError(f"{address}: a page contradicts itself: {envelope.problem() or envelope}")
        hashes = np.empty((2, rows), dtype=np.uint64)
        without = hash_ids(buffer, starts, ends, rows, hashes, self._stack)
        if without >= 0:
            hit = buffer[starts[without] : ends[without]].tobytes()
            raise BrokenOffError(f"{address}: a hit has no _id: {hit[:80]!r}")
        self.ids.add(hashes)
        self._records[number] += rows
        return RawBlock(buffer, size, spans=(starts, ends))
