"""The metadata of a row group: the data besides columns that decoding needs, in the row group's own hidden column.

docs/format.md, "Row group metadata", describes the bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from logpress.codecs.counters import Counters, Sequences
from logpress.codecs.spelling import Spelling
from logpress.codecs.texts import Ints

_LENGTH = struct.Struct("<I")

_MOST_PACKED_BYTES = 256 << 20
"""[format] Largest metadata of a row group, in bytes; more is treated as damage."""


@dataclass(frozen=True)
class GroupMetadata:
    """The data besides columns that decoding a row group needs.

    Attributes:
        rows: number of rows of the row group.
        spellings: escapes of strings, for columns with escapes.
        lookups: by lookup column, the usual text for each text of its key.
        sequences: by Kinesis column.
        sample: int64[words + 1, keys]: keys of some rows and their positions, see `Keys.sample`; not required.
    """

    rows: int
    spellings: Mapping[str, Spelling] = field(default_factory=dict)
    lookups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sequences: Mapping[str, Sequences] = field(default_factory=dict)
    sample: Ints = field(default_factory=lambda: np.zeros((1, 0), dtype=np.int64))

    def check_rows(self, rows: int) -> None:
        """Compare with the number of rows that the file has of the row group.

        Raises:
            ValueError: if the numbers differ.
        """
        if self.rows != rows:
            raise ValueError(f"it is of {self.rows} rows, the row group has {rows}")

    def to_bytes(self) -> bytes:
        """The form in the file: the length of a JSON object, the object, and the arrays that it lists."""
        arrays: list[tuple[str, str, NDArray[Any]]] = [("sample", "int64", self.sample.ravel())]
        kinesis = {}
        for name, found in self.sequences.items():
            counters = found.counters
            filled = counters.is_filled
            kinesis[name] = {
                "first_second": counters.first,
                "window_seconds": 1 << counters.shift,
                "windows": counters.windows,
            }
            arrays += [
                (f"kinesis.{name}.shards", "int64", found.shards),
                (f"kinesis.{name}.filled", "bits", filled),
                (f"kinesis.{name}.smallest", "int64", counters.smallest[filled]),
            ]
        head = {
            "rows": self.rows,
            "spellings": {name: spelling.to_json() for name, spelling in self.spellings.items()},
            "lookups": self.lookups,
            "kinesis": kinesis,
            "sample_words": len(self.sample),
            "arrays": [[name, kind, len(array)] for name, kind, array in arrays],
        }
        text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
        packed = [np.packbits(array).tobytes() if kind == "bits" else _planes(array) for _, kind, array in arrays]
        return b"".join([_LENGTH.pack(len(text)), text, *packed])

    @classmethod
    def from_bytes(cls, data: bytes) -> GroupMetadata:
        """The reverse of `to_bytes`. Unknown members are ignored, because a later minor version may add some.

        Raises:
            ValueError: if the bytes do not have that form.
        """
        if len(data) < _LENGTH.size:
            raise ValueError("the row group's metadata is cut")
        end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
        head = _object(json.loads(data[_LENGTH.size : end].decode()), "row group's metadata")
        arrays: dict[str, NDArray[Any]] = {}
        for name, kind, count in head["arrays"]:
            size = _size(kind, count)
            if end + size > len(data):
                raise ValueError(f"the row group's metadata ends within {name}")
            arrays[str(name)] = _array(kind, count, data[end : end + size])
            end += size
        words = whole(head["sample_words"], 1, 64)
        sample = _of_kind(arrays, "sample", np.int64)
        if len(sample) % words:
            raise ValueError(f"a sample of {len(sample)} numbers has no {words} rows")
        sequences = {}
        for name, of in _object(head["kinesis"], "kinesis").items():
            shards, smallest = (_of_kind(arrays, f"kinesis.{name}.{part}", np.int64) for part in ("shards", "smallest"))
            filled = _of_kind(arrays, f"kinesis.{name}.filled", np.bool_)
            seconds = whole(of["window_seconds"], 1, 2**40)
            if seconds & (seconds - 1):
                raise ValueError(f"a window of {seconds} seconds is not a power of two")
            first, windows = whole(of["first_second"], -(2**62), 2**62), whole(of["windows"], 0, 2**40)
            counters = Counters.filled(len(shards), first, seconds.bit_length() - 1, windows, filled, smallest)
            sequences[name] = Sequences(shards, counters)
        return cls(
            whole(head["rows"], 0, 2**31),
            {name: Spelling.from_json(how) for name, how in _object(head["spellings"], "spellings").items()},
            {name: texts(pairs) for name, pairs in _object(head["lookups"], "lookups").items()},
            sequences,
            sample.reshape(words, -1),
        )


def _planes(numbers: Ints) -> bytes:
    """Numbers, int64[n], as planes: the lowest bytes of all differences modulo 2^64, the second ones, and so on."""
    differences = np.diff(numbers.view(np.uint64), prepend=np.uint64(0))
    return np.ascontiguousarray(differences.astype("<u8").view(np.uint8).reshape(-1, 8).T).tobytes()


def _size(kind: object, count: object) -> int:
    number = whole(count, 0, 2**40)
    if kind == "bits":
        return (number + 7) // 8
    if kind == "int64":
        return 8 * number
    raise ValueError(f"arrays of kind {kind!r} are unknown")


def _array(kind: str, count: int, data: bytes) -> NDArray[Any]:
    if kind == "bits":
        return np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=count).astype(np.bool_)
    planes = np.frombuffer(data, dtype=np.uint8).reshape(8, count)
    differences = np.ascontiguousarray(planes.T).view("<u8").ravel()
    return np.cumsum(differences, dtype=np.uint64).view(np.int64)


def _of_kind(arrays: Mapping[str, NDArray[Any]], name: str, kind: type) -> NDArray[Any]:
    if arrays[name].dtype != kind:
        raise ValueError(f"{name} is an array of another kind")
    return arrays[name]


def whole(number: object, least: int, most: int) -> int:
    """An integer of a JSON document.

    Raises:
        ValueError: if it is not an integer, or outside these bounds.
    """
    if type(number) is not int or not least <= number <= most:
        raise ValueError(f"{number!r} is not a number from {least} to {most}")
    return number


def _object(data: object, what: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{what} is not a JSON object")
    return data


def texts(pairs: object) -> dict[str, str]:
    """The usual text for each text of a lookup's key.

    Raises:
        ValueError: if it is not an object of texts.
    """
    found = _object(pairs, "a lookup")
    if not all(isinstance(text, str) for text in found.values()):
        raise ValueError("a lookup holds a value that is not text")
    "".join(found.values()).encode()  # lone surrogates are not text
    return found


def unpacked(frame: bytes) -> bytes:
    """The content of a zstd frame.

    Raises:
        ValueError: if it is damaged, or its content is too large.
    """
    try:
        if zstandard.frame_content_size(frame) > _MOST_PACKED_BYTES:
            raise ValueError(f"more than {_MOST_PACKED_BYTES} bytes are packed in it")
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=_MOST_PACKED_BYTES)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
