"""What stands around the hits of a search response: whether it is whole, and of how many documents it speaks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_FIRST_BYTES = 1 << 14


def hits_begin(data: bytes | memoryview) -> int:
    """Where the content of the array `hits.hits` begins, right behind its bracket.

    Raises:
        ValueError: if there is no such array, or what stands before it is no JSON.
    """
    size = _FIRST_BYTES
    while True:
        head = str(data[:size], "latin-1")  # a character a byte; what lies inside strings does not matter here
        try:
            return _array_in(head, _member(head, 0))
        except ValueError:
            if size >= len(data):
                raise
        size *= 8


def _array_in(head: str, at: int) -> int:
    begin = _member(head, at)
    if head[begin : begin + 1] != "[":
        raise ValueError("hits.hits is no array")
    return begin + 1


def _member(head: str, at: int) -> int:
    """Where the value of the member `hits` begins, in the object that begins at `at`."""
    at = _skip(head, at)
    if head[at : at + 1] != "{":
        raise ValueError(f"byte {at} is {head[at : at + 1]!r} where an object should begin")
    while True:
        key, at = _DECODER.raw_decode(head, _skip(head, at + 1))
        at = _skip(head, at)
        if not isinstance(key, str) or head[at : at + 1] != ":":
            raise ValueError(f"byte {at} is {head[at : at + 1]!r} where a colon should be")
        at = _skip(head, at + 1)
        if key == "hits":
            return at
        _, at = _DECODER.raw_decode(head, at)
        at = _skip(head, at)
        if head[at : at + 1] != ",":
            raise ValueError("it has no hits")


def _skip(head: str, at: int) -> int:
    found = _BLANKS.match(head, at)
    return found.end() if found else at


@dataclass(frozen=True, slots=True)
class Envelope:
    """A search response without its hits.

    Attributes:
        scroll_id: how the next page is asked for; None where there is none.
        total: documents that the search found, which must be exact.
        timed_out: whether the server gave up.
        failed_shards: shards that did not answer.
    """

    scroll_id: str | None
    total: int
    timed_out: bool
    failed_shards: int

    @classmethod
    def parse(cls, data: bytes) -> Envelope:
        """Read it.

        Raises:
            ValueError: if it is no JSON, lacks something, or its total is only a bound.
        """
        try:
            found: dict[str, Any] = json.loads(data)
            total = found["hits"]["total"]  # a number until Elasticsearch 6
            if isinstance(total, dict):
                if total["relation"] != "eq":
                    raise ValueError(f"its total is only a bound: {total}")
                total = total["value"]
            return cls(found.get("_scroll_id"), int(total), bool(found["timed_out"]), int(found["_shards"]["failed"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"it lacks {error}") from error

    def problem(self) -> str | None:
        """Why the response is not whole; None if it is."""
        if self.timed_out:
            return "it timed out on the server"
        if self.failed_shards:
            return f"{self.failed_shards} shards did not answer"
        return None
