"""One scroll over a part of an index: pages as the server sent them, fetched ahead of the one that is used.

A page that was served but not received is gone: the next request gives the page after it. So no request of a scroll is
ever sent twice; whatever goes wrong ends the scroll, and the slice begins again.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from logpress.contract.source import ClusterSource
from logpress.errors import BrokenOffError, RefusedError, SourceError, TooLargeError
from logpress.sources.search.address import Address
from logpress.sources.search.cluster import Cluster, EndlessError, Room
from logpress.sources.search.envelope import Envelope, hits_begin

MOST_HITS = 10_000
"""Hits of a page that a server allows unless it is told otherwise (`index.max_result_window`)."""

FIRST_HITS = 500
"""Hits of a page where nothing says how large they are."""

_TOO_LARGE = 8
"""By how much a page may be larger than wanted. No more is read of it: fewer hits are asked for, from the beginning."""

_WINDOW = re.compile(r"size must be less than or equal to: \[([0-9]+)\]")
_SCROLL_ID = re.compile(rb'"_scroll_id" ?: ?"([^"]+)"')

_PATIENCE_SECONDS = 5.0
"""How long the end of a scroll waits for an answer that no one wants any more."""


class Pace:
    """Holds back requests so that no more documents a second are asked for; shared by scrolls."""

    def __init__(self, documents_per_second: float | None) -> None:
        self._rate = documents_per_second
        self._lock = threading.Lock()
        self._free_at = 0.0

    def wait(self, documents: int, stopped: threading.Event) -> None:
        """Wait for the turn of a request for so many documents, or until it is not wanted any more."""
        if self._rate is None:
            return
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._free_at)
            self._free_at = begin + documents / self._rate
        if begin > now:
            stopped.wait(begin - now)


@dataclass(frozen=True, slots=True)
class Page:
    """One response.

    Attributes:
        buffer: uint8[n], its bytes and some more.
        size: how many bytes it has.
        begin: where the first hit begins, if there is one.
        envelope: what stands around the hits.
        hits: how many there must be.
    """

    buffer: NDArray[np.uint8]
    size: int
    begin: int
    envelope: Envelope
    hits: int


def page_hits(source: ClusterSource, hit_bytes: float | None) -> int:
    """How many hits make a page of about the size that is wanted.

    Args:
        source: says which size.
        hit_bytes: mean size of a hit, if it is known.
    """
    if not hit_bytes:
        return FIRST_HITS
    return max(1, min(MOST_HITS, int(source.page_bytes / hit_bytes)))


class Scroll:
    """A scroll; its pages are fetched by a thread of its own, two of them ahead at the most.

    Attributes:
        total: documents it goes over, as the first page says; None before it came.
        received_bytes: bytes that came over the network.
        page_bytes: bytes of the pages so far, decompressed.
    """

    def __init__(
        self, cluster: Cluster, address: Address, source: ClusterSource, pace: Pace, size: int, room: Room
    ) -> None:
        self.address = address
        self.total: int | None = None
        self.received_bytes = 0
        self.page_bytes = 0
        self._cluster = cluster
        self._source = source
        self._pace = pace
        self._size = size
        self._room = room
        self._scroll_id: str | None = None
        self._stopped = threading.Event()
        self._ready: queue.Queue[Page | BaseException | None] = queue.Queue(maxsize=1)
        self._thread = threading.Thread(target=self._run, name="scroll", daemon=True)
        self._thread.start()

    def pages(self) -> Iterator[Page]:
        """The pages, in the order of the index.

        Raises:
            SourceError: if the cluster does not give them all.
        """
        while (page := self._ready.get()) is not None:
            if isinstance(page, BaseException):
                raise page
            yield page

    def close(self) -> None:
        """Stop fetching, and let the cluster forget the scroll."""
        self._stopped.set()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._thread.is_alive() and time.monotonic() < deadline:
            try:
                self._ready.get(timeout=0.05)  # make room, should the thread wait to hand over a page
            except queue.Empty:
                self._thread.join(timeout=0.05)
        if not self._thread.is_alive():
            self._forget()  # else the thread does it, when its answer has come

    def _forget(self) -> None:
        scroll_id, self._scroll_id = self._scroll_id, None
        if scroll_id is not None:
            with contextlib.suppress(SourceError):  # the cluster forgets it by itself once `keep_alive` is over
                self._cluster.fetch("DELETE", "/_search/scroll", {"scroll_id": [scroll_id]})

    def _run(self) -> None:
        result: Page | BaseException | None = None
        try:
            page = self._first()
            left = page.envelope.total
            while left:
                self._hand(page)
                left -= page.hits
                if not left or self._stopped.is_set():
                    break
                self._pace.wait(min(left, self._size), self._stopped)
                if self._stopped.is_set():
                    break
                page = self._next(min(left, self._size))
        except BaseException as error:  # handed to the thread that asks for pages
            result = error
        self._hand(result)
        if self._stopped.is_set():
            self._forget()

    def _hand(self, page: Page | BaseException | None) -> None:
        """Hand over a page, once there is room for it, unless no one wants it any more."""
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._ready.put(page, timeout=0.1)
                return

    def _first(self) -> Page:
        """The first page; of as many hits as the index allows, and as are not too large together."""
        while True:
            try:
                return self._begin()
            except EndlessError as error:  # nothing was taken of it yet
                self._scroll_id = found[1].decode() if (found := _SCROLL_ID.search(error.begin)) else None
                self._forget()
                self._size = self._fewer(error.begin)
            except RefusedError as error:
                window = _WINDOW.search(str(error))
                if window is None or not 0 < int(window[1]) < self._size:
                    raise
                self._size = int(window[1])

    def _fewer(self, begin: bytes) -> int:
        """How many hits would make a page of the size wanted, as the beginning of one that is too large tells."""
        hits = max(1, begin.count(b'"_index":'))
        return min(self._size // 2, page_hits(self._source, len(begin) / hits))

    @property
    def _most_bytes(self) -> int | None:
        return None if self._size == 1 else _TOO_LARGE * self._source.page_bytes

    def _begin(self) -> Page:
        address, source = self.address, self._source
        body: dict[str, object] = {
            "size": self._size,
            "query": address.query(source.time_field),
            "track_total_hits": True,
        }
        if source.hit_version:
            body["version"] = True
        if source.hit_fields:
            body["docvalue_fields"] = list(source.hit_fields)
        self._pace.wait(self._size, self._stopped)
        shard = "" if address.shard is None else f"&preference=_shards:{address.shard}"
        path = search_path(address, f"scroll={source.keep_alive}{shard}")
        page = self._page(self._cluster.fetch_into(self._room, "POST", path, body, self._most_bytes), None)
        self.total = page.envelope.total
        return page

    def _next(self, hits: int) -> Page:
        body = {"scroll": self._source.keep_alive, "scroll_id": self._scroll_id}
        try:
            answer = self._cluster.fetch_into(self._room, "POST", "/_search/scroll", body, self._most_bytes)
        except EndlessError as error:
            raise TooLargeError(
                f"{self.address}: a page of {hits} hits is larger than {self._most_bytes:,} bytes, as those before it "
                "were not; hits are asked for in smaller pages from now on",
                self._fewer(error.begin),
            ) from error
        return self._page(answer, hits)

    def _page(self, answer: tuple[NDArray[np.uint8], int, int], hits: int | None) -> Page:
        buffer, size, received = answer
        self.received_bytes += received
        self.page_bytes += size
        try:
            begin = hits_begin(buffer.data[:size])
            envelope = Envelope.parse(bytes(buffer.data[:begin]) + b"]}}")
        except ValueError as error:
            raise BrokenOffError(f"{self.address}: an answer is no search response: {error}") from error
        self._scroll_id = envelope.scroll_id or self._scroll_id
        problem = envelope.problem()
        if problem is None and not self._scroll_id:
            problem = "it has no _scroll_id before its hits"
        if problem is None and self.total not in (None, envelope.total):
            problem = f"it speaks of {envelope.total} documents, the first page spoke of {self.total}"
        if problem is not None:
            raise BrokenOffError(f"{self.address}: a page is not to be trusted: {problem}")
        return Page(buffer, size, begin, envelope, min(envelope.total, self._size) if hits is None else hits)


def search_path(address: Address, parameters: str = "") -> str:
    """The path of a search that fails rather than leave a shard or an index out."""
    index = quote(address.index, safe="*,")
    strict = "allow_partial_search_results=false&ignore_unavailable=false&allow_no_indices=false"
    return f"/{index}/_search?{strict}{'&' if parameters else ''}{parameters}"


def hits_of(data: bytes) -> list[object]:
    """The hits of a small response, as Python objects."""
    found: list[object] = json.loads(data)["hits"]["hits"]
    return found
