"""Read a raw object's decompressed bytes into the caller's buffers."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Protocol

from logpress.errors import SourceError
from logpress.sources.refusals import source_error
from logpress.sources.stored import LocalFile, Stored, is_local, local_path

Compression = Literal["none", "gzip", "zstd"]


class _Decoder(Protocol):
    @property
    def damage(self) -> str | None: ...

    def readinto(self, view: memoryview, /) -> int: ...


class RawReader:
    """A raw object, open for reading front to back. What it is compressed with is told from its first bytes.

    Attributes:
        uri: where it lies.
        stored_bytes: its size as it lies there.
        version: what tells it from an earlier one of the same name: its ETag, or when it was last written.
        raw_bytes: decompressed bytes given so far.
        compression: what it is compressed with.
    """

    def __init__(self, uri: str, stored: Stored) -> None:
        self.uri = uri
        self.stored_bytes = stored.size
        self.version = stored.version
        self.raw_bytes = 0
        self.compression: Compression = "none"
        self._stored = stored
        self._decoder: _Decoder | None = None
        self._noted: list[str] = []
        self._detect()

    @property
    def damage(self) -> str | None:
        """What could not be read, and why, as of a cut or corrupt compressed member; None while all could be."""
        told = [self._decoder.damage if self._decoder is not None else None, *self._noted]
        return "; ".join(filter(None, told)) or None

    def note_damage(self, text: str) -> None:
        """Add what was found to be wrong with the bytes given so far."""
        self._noted.append(text)

    def _detect(self) -> None:
        head = bytearray(4)
        used = 0
        while used < 4 and (count := self._stored.readinto(memoryview(head)[used:])):
            used += count
        self._stored.seek(0)
        if head.startswith(b"\x1f\x8b\x08"):  # RFC 1952 knows no method of compression but 8
            from logpress.sources.gzip import GzipDecoder

            self.compression = "gzip"
            self._decoder = GzipDecoder(self._stored)
        elif used == 4 and head[0] != ord("{"):
            from logpress.sources.zstd import ZstdDecoder, is_zstd

            if is_zstd(bytes(head)):
                self.compression = "zstd"
                self._decoder = ZstdDecoder(self._stored)

    def readinto(self, view: memoryview, /) -> int:
        """Fill the beginning of a buffer with the next decompressed bytes.

        Args:
            view: a writable buffer of bytes, of any size but 0.

        Returns:
            How many bytes were put there: at least 1, and 0 at the end.

        Raises:
            SourceError: if the object cannot be read (any longer). A damaged one can: see `damage`.
        """
        try:
            count = (self._decoder or self._stored).readinto(view)
            if count == 0:
                self._stored.check()
        except Exception as error:  # fsspec's file systems raise what their own clients do
            raise source_error(self.uri, "read", error) from error
        self.raw_bytes += count
        return count

    def close(self) -> None:
        """Let go of the object; the figures stay."""
        self._stored.close()

    def __enter__(self) -> RawReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_raw(uri: str, options: Mapping[str, Any] | None = None) -> RawReader:
    """Open a raw object: plain, gzip (of any number of members) or Zstandard (of any number of frames).

    Args:
        uri: a local path or fsspec URI.
        options: what fsspec's file system takes, as `requester_pays`.

    Raises:
        SourceError: if it is not there or cannot be read.
    """
    try:
        stored = _open_stored(uri, options)
        try:
            return RawReader(uri, stored)
        except BaseException:
            stored.close()
            raise
    except FileNotFoundError as error:
        raise SourceError(f"{uri}: there is no such file") from error
    except SourceError:
        raise
    except Exception as error:
        raise source_error(uri, "read", error) from error


def _open_stored(uri: str, options: Mapping[str, Any] | None) -> Stored:
    """A file or object; raises OSError, and of other kinds of storage what their own clients do."""
    if is_local(uri):
        return LocalFile(local_path(uri))
    from logpress.sources.remote import RemoteObject

    return RemoteObject(uri, options)
