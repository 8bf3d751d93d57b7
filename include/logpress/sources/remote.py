"""Objects of any storage that fsspec knows, read in ranges ahead, gone on with where a connection broke."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from logpress.sources.direct import Direct
from logpress.sources.refusals import answer_of, error_code
from logpress.sources.stored import ChangedError, sentence, version_of

RANGE_BYTES = 8 << 20
"""One request for a part of an object; larger ones are no faster, smaller ones pay more round trips."""

RANGES_AHEAD = 3
REQUESTS_AT_A_TIME = 2

MOST_FAILURES = 4
"""Requests for a range that may fail one after the other without giving a byte."""

MOST_REQUESTS = 50
"""Requests for a range altogether."""

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0

_CHUNK_BYTES = 1 << 20

_room: deque[np.ndarray] = deque(maxlen=RANGES_AHEAD + 1)
"""Memory of ranges that were read, for the next ones: the pages of fresh memory take as long as what is fetched."""


class _Range:
    """A part of an object on its way."""

    def __init__(self, begin: int, end: int) -> None:
        self.begin = begin
        try:
            room = _room.pop()
        except IndexError:
            room = np.empty(RANGE_BYTES, dtype=np.uint8)
        assert len(room) >= end - begin
        self.data = room.data[: end - begin]
        self.done = 0

    def add(self, chunk: bytes) -> None:
        """Bytes that have come."""
        self.data[self.done : self.done + len(chunk)] = chunk
        self.done += len(chunk)


class _Object(Protocol):
    """What differs between kinds of storage."""

    size: int
    version: str

    def read(self, part: _Range) -> None:
        """Read what a range still lacks, or some of it."""

    def check(self) -> None:
        """Raise ChangedError if it is another object than at the beginning."""


class _S3Object:
    """An object of S3: every request asks for the version that the first one met, so that none sees another."""

    def __init__(self, filesystem: Any, path: str) -> None:
        self._filesystem = filesystem
        self._bucket, self._key, version_id = filesystem.split_path(path)
        self._version_id = {"VersionId": version_id} if version_id else {}
        self._etag: str | None = None
        self._parameters = {"Bucket": self._bucket, "Key": self._key, **self._version_id}
        self._direct = Direct(filesystem, self._parameters)
        self.size = -1
        self.version = ""

    def read(self, part: _Range) -> None:
        from fsspec.asyn import sync

        answer = self._direct.get(self._wanted(part), self._etag)
        if answer is None:
            sync(self._filesystem.loop, self._read, part)
            return
        try:
            self._met(part, answer.etag, answer.content_range)
            while part.done < len(part.data) and (count := answer.readinto(part.data[part.done :])):
                part.done += count
        finally:
            answer.close()

    @staticmethod
    def _wanted(part: _Range) -> str:
        return f"bytes={part.begin + part.done}-{part.begin + len(part.data) - 1}"

    def _met(self, part: _Range, etag: str | None, content_range: str) -> None:
        """Keep what the first answer tells of the object."""
        if self._etag is None:
            self._etag = etag
            self.version = version_of({"ETag": etag})
            self.size = int(content_range.rpartition("/")[2])
            part.data = part.data[: self.size - part.begin]

    async def _read(self, part: _Range) -> None:
        same = {} if self._etag is None else {"IfMatch": self._etag}
        response = await self._filesystem._call_s3("get_object", **self._parameters, Range=self._wanted(part), **same)
        body = response["Body"]
        try:
            length = str(response["ContentLength"])
            self._met(part, response.get("ETag"), response.get("ContentRange", length))
            while chunk := await body.read(_CHUNK_BYTES):
                part.add(chunk)
        finally:
            body.close()

    def check(self) -> None:
        """Nothing is left to check."""


class _AnyObject:
    """An object of another kind of storage: compared by what the storage tells of it before and after."""

    def __init__(self, filesystem: Any, path: str) -> None:
        self._filesystem = filesystem
        self._path = path
        info = self._info()
        self.size = int(info["size"])
        self.version = version_of(info)

    def _info(self) -> dict[str, Any]:
        self._filesystem.invalidate_cache()
        info: dict[str, Any] = self._filesystem.info(self._path)
        if info["type"] == "directory":
            raise IsADirectoryError("it is a folder")
        return info

    def read(self, part: _Range) -> None:
        begin = part.begin + part.done
        chunk = self._filesystem.cat_file(self._path, start=begin, end=part.begin + len(part.data))
        if part.done + len(chunk) > len(part.data):
            raise ChangedError
        part.add(chunk)
        if part.done < len(part.data):
            self.check()

    def check(self) -> None:
        """Ask the storage once more."""
        info = self._info()
        if (int(info["size"]), version_of(info)) != (self.size, self.version):
            raise ChangedError


class RemoteObject:
    """An object of any file system of fsspec, fetched in ranges, some of them ahead.

    A range whose connection breaks is gone on with behind the last byte that came, after a pause that grows.

    Attributes:
        size: its stored bytes.
        version: its ETag, or what else tells it from an earlier one.
    """

    def __init__(self, uri: str, options: Mapping[str, Any] | None = None) -> None:
        import fsspec

        options = dict(options or {})
        if uri.startswith(("s3://", "s3a://")):  # what is tried again is tried again here, behind the last byte
            options.setdefault("config_kwargs", {"retries": {"total_max_attempts": 1}})
        filesystem, path = fsspec.core.url_to_fs(uri, **options)
        protocols = (filesystem.protocol,) if isinstance(filesystem.protocol, str) else filesystem.protocol
        self._object: _Object
        self._data = memoryview(b"")
        self._current: memoryview | None = None
        if "s3" in protocols:
            self._object = _S3Object(filesystem, path)
            first = self._first(filesystem, path)
        else:
            self._object = _AnyObject(filesystem, path)
            first = None
        self.size = self._object.size
        self.version = self._object.version
        self._pool = ThreadPoolExecutor(max_workers=REQUESTS_AT_A_TIME, thread_name_prefix="fetch")
        self._ranges: deque[Future[memoryview]] = deque()
        self._first_range = first or None
        self._asked = 0  # where the next range to ask for begins
        self.seek(0)

    def _first(self, filesystem: Any, path: str) -> memoryview:
        """The first range of an object of S3, whose answer tells the size too: one request for a small object."""
        try:
            return self._fetch(0, RANGE_BYTES)
        except OSError as error:
            if error_code(error) != "InvalidRange":  # as of an object without a byte
                raise
        filesystem.invalidate_cache(filesystem._parent(path))
        self._object = _AnyObject(filesystem, path)
        return memoryview(b"")

    def readinto(self, view: memoryview, /) -> int:
        """Fill a part of a buffer; 0 at the end."""
        if len(self._data) < RANGE_BYTES // 2:  # an object that is only opened, ahead of its turn, asks for no more
            self._ask()
        if not self._data:
            if not self._ranges:
                return 0
            self._data = self._current = self._ranges.popleft().result()
        count = min(len(view), len(self._data))
        np.copyto(np.frombuffer(view, dtype=np.uint8)[:count], self._data[:count])  # lets other threads run
        self._data = self._data[count:]
        if not self._data:
            self._give_back()
        return count

    def _give_back(self) -> None:
        """Let the next range have the memory of the one that was read; the first one's stays for seek."""
        if self._current is not None:
            _room.append(self._current.obj)  # type: ignore[arg-type]  # the array of a range
            self._current = None

    def _ask(self) -> None:
        while len(self._ranges) < RANGES_AHEAD and self._asked < self.size:
            end = min(self._asked + RANGE_BYTES, self.size)
            self._ranges.append(self._pool.submit(self._fetch, self._asked, end))
            self._asked = end

    def _fetch(self, begin: int, end: int) -> memoryview:
        part = _Range(begin, end)
        failures = 0
        for _ in range(MOST_REQUESTS):
            before = part.done
            try:
                self._object.read(part)
                if part.done == len(part.data):
                    return part.data
                error: Exception = OSError("the connection ended early")
            except Exception as found:  # fsspec's file systems raise what their own clients do
                if error_code(found) == "PreconditionFailed":
                    raise ChangedError from found
                if not is_passing(found):
                    raise
                error = found
            failures = 0 if part.done > before else failures + 1
            if failures > MOST_FAILURES:
                break
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures)
            time.sleep(pause * random.uniform(0.5, 1.0))  # many tasks that failed together do not come back together
        raise OSError(f"bytes {begin} to {end} did not come in {MOST_FAILURES + 1} tries: {sentence(error)}") from error

    def seek(self, offset: int, /) -> None:
        """Go on reading from another place."""
        for future in self._ranges:
            future.cancel()
        self._ranges.clear()
        self._data, self._current = memoryview(b""), None
        self._asked = offset
        if self._first_range is not None and offset < len(self._first_range):
            self._data = self._first_range[offset:]
            self._asked = len(self._first_range)

    def check(self) -> None:
        """Raise ChangedError if what was read may be of two versions."""
        self._object.check()

    def close(self) -> None:
        """Let go of it."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._data, self._current = memoryview(b""), self._first_range
        self._give_back()
        self._first_range = None


def is_passing(error: Exception) -> bool:
    """Whether the same request may succeed a little later: broken connections, and servers that are busy or ill."""
    import asyncio

    if isinstance(error, (ChangedError, FileNotFoundError, PermissionError, IsADirectoryError)):
        return False
    answer = answer_of(error)
    if answer:
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return status >= 500 or status == 429 or error_code(error) in ("SlowDown", "RequestTimeout")
    if isinstance(error, (OSError, EOFError, TimeoutError, asyncio.TimeoutError)):
        return True
    names = {kind.__name__ for kind in type(error).__mro__}  # of clients that may not be installed
    return bool(names & {"HTTPClientError", "ClientError", "IncompleteRead", "ResponseParserError"})
