"""Raw objects as streams of decompressed bytes: plain, gzip (any number of members) and zstd, told by their content."""

from __future__ import annotations

from types import TracebackType
from typing import IO, Any, Literal, Self

import fsspec
import zstandard
from isal import isal_zlib

from logpress.errors import SourceError

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_READ_BYTES = 1 << 18
_GZIP_WINDOW = 31  # zlib's wbits for a gzip container

Compression = Literal["none", "gzip", "zstd"]


_ERRORS = (isal_zlib.error, zstandard.ZstdError, EOFError)


def _decompressor(compression: Compression) -> Any:
    if compression == "gzip":
        return isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
    return zstandard.ZstdDecompressor().decompressobj()


class RawReader:
    """One raw object, read once from its beginning.

    Attributes:
        uri: what is read.
        compression: told by the first bytes.
        stored_bytes: bytes read so far, as they lie there.
        raw_bytes: bytes handed out so far.
        damage: why reading stopped early (a cut or corrupt member), once it has; all that could be decompressed before
            has been handed out.
    """

    def __init__(self, uri: str, file: IO[bytes]) -> None:
        self.uri = uri
        self.compression: Compression = "none"
        self.stored_bytes = 0
        self.raw_bytes = 0
        self.damage: str | None = None
        self._file = file
        self._pending = memoryview(b"")  # stored bytes that are not decompressed yet
        self._ready = memoryview(b"")  # decompressed bytes that are not handed out yet
        self._decompressor: Any = None
        self._members = 0
        self._member_at = 0  # where the current member begins, in stored bytes
        self._member_raw = 0  # bytes decompressed of it so far
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer with the next decompressed bytes.

        Returns:
            How many; 0 only at the end (or if the buffer is empty).
        """
        if not len(buffer):
            return 0
        if self.compression == "none":
            count = self._read_plain(buffer)
        else:
            while not len(self._ready):
                if not self._decompress(len(buffer)):
                    return 0
            count = min(len(buffer), len(self._ready))
            buffer[:count] = self._ready[:count]
            self._ready = self._ready[count:]
        self.raw_bytes += count
        return count

    def _begin(self) -> None:
        head = b""
        while len(head) < 4 and (more := self._file.read(4 - len(head))):
            head += more
        self.stored_bytes = len(head)
        self._pending = memoryview(head)
        if head.startswith(_GZIP):
            self.compression = "gzip"
        elif head == _ZSTD:
            self.compression = "zstd"

    def _read_plain(self, buffer: memoryview) -> int:
        if len(self._pending):
            count = min(len(buffer), len(self._pending))
            buffer[:count] = self._pending[:count]
            self._pending = self._pending[count:]
            return count
        count = self._file.readinto(buffer) or 0  # type: ignore[attr-defined]
        self.stored_bytes += count
        return int(count)

    def _more(self) -> bool:
        """Have stored bytes at hand; False at the end of the object."""
        if not len(self._pending):
            data = self._file.read(_READ_BYTES)
            self.stored_bytes += len(data)
            self._pending = memoryview(data)
        return len(self._pending) > 0

    def _decompress(self, wanted: int) -> bool:
        """Decompress some more into `_ready`, which may stay empty; False at the end, or at damage."""
        if self.damage is not None:
            return False
        if self._decompressor is None:
            if not self._more():
                return False
            if self._members and not self._at_member():
                return False
            self._members += 1
            self._member_at = self.stored_bytes - len(self._pending)
            self._member_raw = 0
            self._decompressor = _decompressor(self.compression)
        if not self._more():
            self.damage = f"{self.compression} member {self._members} is cut: the object ends inside it"
            return False
        try:
            self._feed(wanted)
        except _ERRORS as error:
            self.damage = f"{self.compression} member {self._members} is corrupt: {error}"
            self._salvage()
        return len(self._ready) > 0 or self.damage is None

    def _salvage(self) -> None:
        """Hand out what a corrupt member gave before the corrupt place; the call that met it gave nothing at all."""
        good = 1 << 62
        for _ in range(2):  # first find the corrupt chunk, then go through it byte by byte
            self._file.seek(self._member_at)
            decompressor = _decompressor(self.compression)
            given = bytearray()
            skip = self._member_raw
            done = 0
            while data := self._file.read(_READ_BYTES if done < good else 1):
                try:
                    piece = decompressor.decompress(data)
                except _ERRORS:
                    break
                done += len(data)
                given += piece[skip:]
                skip = max(0, skip - len(piece))
            good = done
        self._ready = memoryview(bytes(given))

    def _feed(self, wanted: int) -> None:
        decompressor = self._decompressor
        if self.compression == "gzip":
            self._ready = memoryview(decompressor.decompress(self._pending, max_length=wanted))
            ended = decompressor.eof
            self._pending = memoryview(decompressor.unused_data if ended else decompressor.unconsumed_tail)
        else:
            self._ready = memoryview(decompressor.decompress(self._pending))
            ended = decompressor.eof
            self._pending = memoryview(decompressor.unused_data if ended else b"")
        self._member_raw += len(self._ready)
        if ended:
            self._decompressor = None

    def _at_member(self) -> bool:
        """Whether another member follows; zeros after the last are padding, as gzip(1) has it, all else is damage."""
        while len(self._pending) < 4:
            data = self._file.read(_READ_BYTES)
            if not data:
                break
            self.stored_bytes += len(data)
            self._pending = memoryview(bytes(self._pending) + data)
        magic = _GZIP if self.compression == "gzip" else _ZSTD
        if bytes(self._pending[: len(magic)]) == magic:
            return True
        while self._more():
            if any(self._pending):
                self.damage = f"after {self.compression} member {self._members} follow bytes that are no {self.compression}"
                return False
            self._pending = memoryview(b"")
        return False


def open_raw(uri: str) -> RawReader:
    """Open a raw object, a local path or an fsspec URI.

    Raises:
        SourceError: if it is not there or cannot be read.
    """
    try:
        if "://" not in uri:
            return RawReader(uri, open(uri, "rb", buffering=0))
        return RawReader(uri, fsspec.open(uri, "rb").open())
    except (OSError, ValueError, ImportError) as error:
        raise SourceError(f"{uri}: cannot be read: {error}") from error
