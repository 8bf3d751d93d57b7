"""A second reader of part files, written from docs/format.md alone: it shares no code with logpress, and is slow.

    python -m logpress.reference part.parquet > records
    python -m logpress.reference --rejects _rejects.parquet > records

It is one module, because a copy of this file needs pyarrow and nothing of logpress. Records are written in the order of
rows, each followed by a newline. Files are untrusted: a value that does not fit raises a `FormatError` that names its
place. The digest of records is not checked, because the standard library has no XXH3; `xxhsum` and the `xxhash`
packages have it.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from graphlib import TopologicalSorter
from hashlib import sha256
from itertools import accumulate
from math import gcd, isfinite
from typing import Any, NamedTuple
from uuid import UUID
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

MOST_UNPACKED_BYTES = 256 << 20  # limit for a text of the metadata; usual ones are a few megabytes
MOST_ROWS, BATCH_ROWS = 4_000_000, 1024  # of a row group; at a time
_LONGEST_US, _EPOCH = 3 * 10**17, date(1970, 1, 1).toordinal()
_UNITS = {"timestamp[s]": 1, "timestamp[ms]": 1_000, "timestamp[us]": 1_000_000}
_STORED_UNITS = {"ms": 1_000, "us": 1_000_000}
_BITS = {"bits": 1, "int64": 64}
_UUIDS = ("extension<arrow.uuid>", "fixed_size_binary[16]")
_LABEL = re.compile(r"|Z|[+-][0-9]{2}:?[0-9]{2}")
Group = tuple[Any, Any, Any]  # metadata of a row group: the last fields of a Row


class FormatError(Exception):
    """A file that does not conform to docs/format.md; the message names the file and the place in it."""


def member(data: Any, name: str, kind: type) -> Any:
    """The value of an object's member, checked for its type."""
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise FormatError(f"the metadata has no valid {name!r}")
    return value


def strings(values: Any, what: str) -> Any:
    """The same values, checked to be strings."""
    if not all(isinstance(value, str) for value in values):
        raise FormatError(f"{what} are not strings")
    return values


def unpacked(text: str, decode: Callable[[str], bytes] = base64.b64decode) -> bytes:
    """Decode base64, or base85, and zstd."""
    found: bytes = pa.CompressedInputStream(pa.BufferReader(decode(text)), "zstd").read(MOST_UNPACKED_BYTES + 1)
    if len(found) > MOST_UNPACKED_BYTES:
        raise FormatError(f"a text of the metadata becomes more than {MOST_UNPACKED_BYTES} bytes")
    return found


def numbers(planes: bytes) -> list[int]:
    """Numbers from their differences, which are stored in 8 planes of bytes."""
    count = len(planes) // 8
    if len(planes) % 8:
        raise FormatError("the metadata has a list of numbers that is not valid")
    differences = (int.from_bytes(planes[i::count], "little") for i in range(count))
    return [(number + 2**63) % 2**64 - 2**63 for number in accumulate(differences)]


_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(value: str, style: str = "plain") -> bytes:
    """The text of a string between its quotes."""
    last = "~" if style.startswith("ascii") else chr(sys.maxunicode)
    found = []
    for character in value:
        if character in _SHORT:
            found.append(_SHORT[character])
        elif " " <= character <= last:
            found.append("\\/" if character == "/" and style.endswith("slashes") else character)
        else:
            digits = character.encode("utf-16-be").hex()
            found += [f"\\u{digits[k : k + 4]}" for k in range(0, len(digits), 4)]
    return "".join(found).encode()


class Slot(NamedTuple):
    """One value's place in a layout; the last three are the format of an instant."""

    kind: int
    role: str
    name: str
    path: str
    separator: str = ""
    digits: int = 0
    label: str | None = None

    @classmethod
    def read(cls, data: Any) -> Slot:
        """From the metadata: a list of 4 items, or 7."""
        types = (int, str, str, str, str, int, str)[: len(data)] if isinstance(data, list) else ()
        is_list = len(types) in (4, 7) and types == tuple(map(type, data))
        slot = cls(*data) if is_list else cls(-1, "", "", "")
        is_instant = slot.separator in ("T", " ") and 0 <= slot.digits <= 9 and _LABEL.fullmatch(slot.label or "")
        is_known = 0 <= slot.kind <= 5 and slot.role in ("column", "copy", "extra")
        if not is_known or (slot.label is not None and not is_instant):
            raise FormatError(f"a layout has the slot {data!r}")
        return slot


class Layout(NamedTuple):
    """The bytes of a record around its values."""

    literals: Sequence[bytes]
    slots: Sequence[Slot]

    @classmethod
    def read(cls, data: Any) -> Layout:
        """From the metadata."""
        literals = [text.encode() for text in strings(member(data, "literals", list), "literals")]
        slots = [Slot.read(slot) for slot in member(data, "slots", list)]
        if len(literals) != len(slots) + 1:
            raise FormatError(f"a layout has {len(literals)} literals and {len(slots)} slots")
        return cls(literals, slots)


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # which finds the end of a value


def cut_extra(layout: Layout, text: str) -> list[bytes]:
    """The texts of a row's extra slots, in their order; strings without their quotes."""
    found, at = [], 0
    for slot in (slot for slot in layout.slots if slot.role == "extra"):
        before = f'{"," if at else "{"}"{escaped(slot.path).decode()}":'
        begin = at + len(before)
        is_string = slot.kind == 0
        if not text.startswith(before, at) or (slot.kind != 5 and (text[begin : begin + 1] == '"') != is_string):
            raise FormatError(f"`_extra` has no such value at {slot.path!r} as its layout")
        at = _DECODER.raw_decode(text, begin)[1]
        found.append(text[begin + is_string : at - is_string].encode())
    if text[at:] != ("}" if found else ""):
        raise FormatError("`_extra` has more values than its layout")
    return found


class Row(NamedTuple):
    """The stored values of a row, by column of the file, and the metadata of its row group."""

    stored: Mapping[str, Any]
    spellings: Mapping[str, tuple[str, Mapping[str, str]]]
    lookups: Mapping[str, Mapping[str, str]]
    kinesis: Mapping[str, Numbers]


STORED: dict[str, dict[str, str]] = {
    "category": {"": "string"}, "text": {"": "string"}, "json": {"": "string"}, "lookup": {"other": "string"},
    "integer": {"": "integer"}, "boolean": {"": "boolean"}, "decimal": {"": "double", "scale": "integer"},
    "uuid": {"": "uuid"},
    "kinesis_sequence": dict.fromkeys(("shard", "arrival", "counter", "counter_high", "sub"), "integer"),
}  # fmt: skip
"""Types of the file's columns for each codec, by the end of their names; "": the column's own name."""

FOLLOWS = {"lookup": ("key", ("category", "text")), "kinesis_sequence": ("arrival", ("instant",))}
"""Member of a column that names the column it is relative to, and the codecs allowed for that."""


class Codec:
    """Writes the texts of one column; this class is for integers, booleans, UUIDs and JSON."""

    def __init__(self, data: dict[str, Any], columns: Mapping[str, Codec]) -> None:
        self.columns = columns
        self.codec: str = data["codec"]
        self.name: str = data["name"]
        self.is_upper = self.codec == "uuid" and member(data, "letters", str) == "upper"
        self.stored = {self.named(end): how for end, how in STORED.get(self.codec, {}).items()}
        key, self.followed = FOLLOWS.get(self.codec, ("", ()))
        self.follows: list[str] = [member(data, key, str)] if key else []

    def named(self, end: str) -> str:
        """The name of a column of the file."""
        return f"_{self.name.lstrip('_')}_{end}" if end else self.name

    def need(self, row: Row, end: str = "") -> Any:
        """The stored value, which must not be null."""
        return self.given(row.stored[self.named(end)])

    def given(self, value: Any) -> Any:
        """A value, checked not to be null."""
        if value is None:
            raise FormatError(f"column {self.name!r} has no value, but its layout has a place for one")
        return value

    def text(self, row: Row, slot: Slot) -> bytes:
        """The text of a slot; JSON is stored as its text, and UUIDs are read as texts in small letters."""
        value = self.need(row)
        text = value if isinstance(value, str) else json.dumps(value)
        return (text.upper() if self.is_upper else text).encode()


class Decimal(Codec):
    """Numbers with a fraction, as doubles, with the number of digits after the point."""

    def text(self, row: Row, slot: Slot) -> bytes:
        """The digits of the nearest whole number of units of the last digit."""
        value, scale = self.need(row), self.need(row, "scale")
        if not isfinite(value) or not 0 <= scale <= 14:
            raise FormatError(f"column {self.name!r} has the value {value} with {scale} digits after the point")
        top, bottom = abs(value).as_integer_ratio()
        digits = f"{(2 * top * 10**scale + bottom) // (2 * bottom):0{scale + 1}d}"
        if len(digits) > 15:
            raise FormatError(f"column {self.name!r} has the value {value}, which has more than 15 digits")
        before, behind = digits[: len(digits) - scale], digits[len(digits) - scale :]
        return f"{'-' if value < 0 else ''}{before}{'.' if scale else ''}{behind}".encode()


class String(Codec):
    """Categories and texts: the value is stored, its escapes are in the metadata."""

    def value(self, row: Row) -> bytes | None:
        """The text of a row, as between quotes."""
        value = row.stored[next(iter(self.stored))]
        style, odd = row.spellings.get(self.name, ("plain", {}))
        return None if value is None else odd[value].encode() if value in odd else escaped(value, style)

    def text(self, row: Row, slot: Slot) -> bytes:
        """The text, which must not be null."""
        return bytes(self.given(self.value(row)))


class Lookup(String):
    """Strings that another column mostly determines; only the exceptions are stored."""

    def value(self, row: Row) -> bytes | None:
        """The stored value, or the most frequent one of its key."""
        own = super().value(row)
        key: Any = self.columns[self.follows[0]]
        if own is not None or (text := key.value(row)) is None:
            return own
        found = row.lookups.get(self.name, {}).get(text.decode())
        return None if found is None else found.encode()


class Instant(Codec):
    """Dates and times."""

    def __init__(self, data: dict[str, Any], columns: Mapping[str, Codec]) -> None:
        super().__init__(data, columns)
        kind = member(data, "type", str)
        self.units = _UNITS.get(kind, 0)
        if not self.units:
            raise FormatError(f"column {self.name!r} has the type {kind!r}")
        self.follows = strings(member(data, "residual_of", list), "columns of `residual_of`")
        self.followed = ("instant", "integer")
        self.is_checked = data.get("label_checked_by") is not None
        self.stored = {self.named("residual"): "integer"} if self.follows else {self.name: kind}
        if self.is_checked:
            self.stored[self.named("shift_min")] = "integer"

    def value(self, row: Row) -> int | None:
        """UTC, in units since 1970."""
        stored: int | None = row.stored[next(iter(self.stored))]  # which is the residual, if there is one
        return stored if stored is None or not self.follows else stored + self.predicted(row)

    def predicted(self, row: Row) -> int:
        """The sum of the columns that predict it, in its units, rounded down."""
        columns = [self.columns[name] for name in dict.fromkeys(self.follows)]
        factors = [1_000_000 // column.units if isinstance(column, Instant) else 1_000 for column in columns]
        divisor = 1_000_000 // self.units
        common = gcd(divisor, *factors)
        total = 0
        for column, factor in zip(columns, factors, strict=True):
            value = column.value(row) if isinstance(column, Instant) else row.stored[column.name]
            if value is not None and abs(value) < _LONGEST_US // (factor // common):  # larger values are not times
                total += value * (factor // common)
        return total // (divisor // common)

    def text(self, row: Row, slot: Slot, as_labelled: bool = True) -> bytes:
        """The instant in a slot's format: by its label, or true UTC."""
        if slot.label is None:
            raise FormatError(f"the slot at {slot.path!r} has no format of an instant")
        ahead = "+0000" if slot.label in ("", "Z") else slot.label
        minutes = int(ahead[0] + "1") * (int(ahead[1:3]) * 60 + int(ahead[-2:]))
        if as_labelled and self.is_checked:
            minutes -= self.need(row, "shift_min")
        seconds, fraction = divmod(self.given(self.value(row)) + minutes * 60 * self.units, self.units)
        days, second = divmod(seconds, 86_400)
        if not 1 <= _EPOCH + days <= date.max.toordinal():
            raise FormatError(f"column {self.name!r} has an instant outside the years 1 to 9999")
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        behind = f"{fraction * 1_000_000_000 // self.units:09}"[: slot.digits]
        return f"{date.fromordinal(_EPOCH + days)}{slot.separator}{clock}{'.' if behind else ''}{behind}".encode()


class KinesisSequence(Codec):
    """Sequence numbers of Kinesis, and sub-sequence numbers."""

    def text(self, row: Row, slot: Slot) -> bytes:
        """The number, composed of its parts, and the sub-sequence number."""
        place, arrival, low, high, sub = (self.need(row, end) for end in STORED[self.codec])
        entry = row.kinesis.get(self.name)
        if entry is None or not 0 <= place < len(entry.shards):
            raise FormatError(f"column {self.name!r} has shard {place}, which is not in the metadata")
        creation, shard = divmod(entry.shards[place], 1 << 20)
        source: Any = self.columns[self.follows[0]]
        value = source.value(row)
        if value is not None and abs(value) < _LONGEST_US:
            arrival += value // source.units
        counter = low + (high << 8) + entry.smallest(place, arrival)
        if not all(0 <= n < 1 << bits for n, bits in ((creation, 36), (arrival, 36), (counter, 63), (sub, 31))):
            raise FormatError(f"column {self.name!r} has a sequence number that is not valid")
        number = 2 << 184 | creation << 148 | (shard & 15) << 144 | counter << 80 | arrival << 36 | shard << 4 | 2
        return b"%d.%d" % (number, sub)


CODECS: dict[str, type[Codec]] = {
    "category": String, "text": String, "lookup": Lookup, "json": Codec, "integer": Codec, "decimal": Decimal,
    "boolean": Codec, "uuid": Codec, "instant": Instant, "kinesis_sequence": KinesisSequence,
}  # fmt: skip


class Numbers(NamedTuple):
    """Metadata of sequence numbers: shards, and the smallest counter of each in each window of time."""

    shards: Sequence[int]
    first_second: int
    window_seconds: int
    windows: int
    by_place: Mapping[int, int]

    @classmethod
    def of(cls, entry: Any, window: int, windows: int, shards: Any, filled: bytes, smallest: Any, rows: int) -> Numbers:
        """From the metadata of a row group with this number of rows."""
        places, first = len(shards) * windows, member(entry, "first_second", int)
        found = [k for k in range(min(places, 8 * len(filled))) if filled[k >> 3] >> (7 - (k & 7)) & 1]
        is_sound = all(isinstance(shard, int) and 0 <= shard < 1 << 56 for shard in shards)
        is_sound &= 0 <= places <= 4 * rows + (1 << 20) and len(filled) == (places + 7) // 8
        if not is_sound or len(found) != len(smallest) or window < 1 or window & (window - 1):
            raise FormatError("the metadata has shards, windows or counters of sequence numbers that are not valid")
        return cls(shards, first, window, windows, dict(zip(found, smallest, strict=True)))

    def smallest(self, shard: int, second: int) -> int:
        """The number that was subtracted from a counter."""
        window = (second - self.first_second) // self.window_seconds
        place = shard * self.windows + window
        if self.windows and not (0 <= window < self.windows and place in self.by_place):
            raise FormatError("a sequence number is outside the counters in the metadata")
        return self.by_place.get(place, 0)


class Part(NamedTuple):
    """Metadata of a part's footer, the columns needed, and functions that read the metadata of each row group."""

    columns: Mapping[str, Codec]
    copies: Mapping[str, tuple[Instant, str]]
    layouts: Sequence[Layout]
    stored: Mapping[str, str]
    groups: Sequence[Callable[[Mapping[str, str]], Group]]


def part_of(contract: Any, packed: Any, groups: Sequence[Any], **own: str) -> Part:
    """A part with this contract and packed metadata; `own` are further columns of its format."""
    columns: dict[str, Codec] = {}
    for data in member(contract, "columns", list):
        codec, name = member(data, "codec", str), member(data, "name", str)
        if codec not in CODECS or name in columns:
            raise FormatError(f"the contract has column {name!r} twice, or with codec {codec!r}, which is none")
        columns[name] = CODECS[codec](data, columns)
    TopologicalSorter({name: column.follows for name, column in columns.items()}).prepare()  # circles are a ValueError
    for column in columns.values():
        codecs = [columns[name].codec for name in column.follows if name in columns]
        if len(codecs) < len(column.follows) or not set(codecs) <= set(column.followed) or codecs.count("instant") > 1:
            raise FormatError(f"column {column.name!r} depends on columns whose codecs cannot predict it")
    copies: dict[str, tuple[Instant, str]] = {}
    for data in member(contract, "copies", list):
        of, form = columns.get(member(data, "of", str)), member(data, "form", str)
        if not isinstance(of, Instant) or form not in ("instant", "labelled_instant", "epoch_s", "epoch_ms"):
            raise FormatError(f"the contract has the copy {data!r}")
        copies[member(data, "path", str)] = of, form
    stored = {"_layout": "integer", "_extra": "string", "_raw": "binary"} | own
    for column in columns.values():
        stored |= column.stored
    layouts = [Layout.read(layout) for layout in member(packed, "layouts", list)]
    for _, role, name, path, *_ in (slot for layout in layouts for slot in layout.slots):
        if not (role == "extra" or name in columns if role != "copy" else path in copies):
            raise FormatError(f"a layout has a {role} at {path!r} that is not in the contract")
    return Part(columns, copies, layouts, stored, groups)


def read_group(rows: int, data: Any, kinesis: Mapping[str, Numbers]) -> Group:
    """Metadata of a row group with this number of rows, in any format."""
    if not 0 <= rows == member(data, "rows", int) <= MOST_ROWS:
        raise FormatError(f"has {rows} rows, which its metadata contradicts")
    spellings = {}
    for name, spelling in member(data, "spellings", dict).items():
        style, odd = member(spelling, "style", str), member(spelling, "odd", dict)
        if style not in ("plain", "ascii", "plain_slashes", "ascii_slashes"):
            raise FormatError(f"there is no style {style!r}")
        spellings[name] = style, {value: strings([text], "odd spellings")[0] for value, text in odd.items()}
    lookups = member(data, "lookups", dict)
    for name in lookups:
        strings(member(lookups, name, dict).values(), "texts of a lookup")
    return spellings, lookups, kinesis


def read_part_4(path: str, file: pq.ParquetFile, data: Any) -> Part:
    """The metadata of format 4, which leaves out default values."""
    contract = member(data, "contract", dict)
    defaults = {"type": "timestamp[ms]", "residual_of": []}
    found = [defaults | column for column in member(contract, "columns", list) if isinstance(column, dict)]
    packed = json.loads(unpacked(member(data, "packed", str), base64.b85decode))
    groups = [partial(read_group_4, file, *group) for group in enumerate(member(packed, "row_groups", list))]
    return part_of({"copies": []} | contract | {"columns": found}, packed, groups)


def read_group_4(file: pq.ParquetFile, number: int, data: Any, stored: Any) -> Group:
    """A row group's metadata in format 4."""
    rows, kinesis = file.metadata.row_group(number).num_rows, {}
    for name, entry in member(data, "kinesis", dict).items():
        filled, smallest = (unpacked(member(entry, which, str), base64.b85decode) for which in ("filled", "smallest"))
        shards, seconds = member(entry, "shards", list), member(entry, "seconds", int)
        kinesis[name] = Numbers.of(entry, 1, seconds, shards, filled, numbers(smallest), rows)
    return read_group(rows, data, kinesis)


def read_part_5(path: str, file: pq.ParquetFile, data: Any) -> Part:
    """The metadata of format 5; the footer's bytes are compared with their SHA-256."""
    whole = pa.memory_map(path).read_buffer()
    end = len(whole) - 8
    footer = whole[end - int.from_bytes(whole[end : end + 4], "little") : end].to_pybytes()
    before, key, behind = footer.rpartition(b"logpress.sha256\x18\x40")
    if not key or sha256(before + key + b"0" * 64 + behind[64:]).hexdigest().encode() != behind[:64]:
        raise FormatError("is damaged: the checksum of its footer does not match")
    if member(data, "records", int) != file.metadata.num_rows:
        raise FormatError(f"has {file.metadata.num_rows} rows, but says {data['records']} records")
    packed = json.loads(unpacked(member(data, "packed", str)))
    groups = [partial(read_group_5, whole, file, *group) for group in enumerate(member(packed, "chunk_crc32", list))]
    return part_of(member(packed, "contract", dict), packed, groups, _row_group="binary")


def read_group_5(whole: pa.Buffer, file: pq.ParquetFile, number: int, checksums: Any, stored: Any) -> Group:
    """A row group's metadata in format 5, from its first row; its columns' bytes are compared with their CRC-32."""
    group = file.metadata.row_group(number)
    if not isinstance(checksums, list) or len(checksums) != group.num_columns:
        raise FormatError("does not have a checksum for each column")
    for chunk, checksum in zip(map(group.column, range(group.num_columns)), checksums, strict=True):
        begin = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
        if chunk.path_in_schema in stored and crc32(whole[begin : begin + chunk.total_compressed_size]) != checksum:
            raise FormatError(f"is damaged: column {chunk.path_in_schema!r} does not match its checksum")
    first: Any = next(file.iter_batches(1, row_groups=[number], columns=["_row_group"]), None)
    data = b"" if first is None else first.column(0)[0].as_py() or b""
    end = 4 + int.from_bytes(data[:4], "little")
    head, arrays, kinesis = json.loads(data[4:end]), {}, {}
    for array in member(head, "arrays", list):
        if not isinstance(array, list) or [*map(type, array)] != [str, str, int] or array[1] not in _BITS:
            raise FormatError(f"the metadata has the array {array!r}")
        begin, end = end, end + (array[2] * _BITS[array[1]] + 7) // 8
        if not begin <= end <= len(data):
            raise FormatError("the metadata is truncated")
        arrays[array[0]] = data[begin:end]
    for name, entry in member(head, "kinesis", dict).items():
        shards, filled, smallest = (arrays.get(f"kinesis.{name}.{k}", b"") for k in ("shards", "filled", "smallest"))
        window, windows = member(entry, "window_seconds", int), member(entry, "windows", int)
        kinesis[name] = Numbers.of(entry, window, windows, numbers(shards), filled, numbers(smallest), group.num_rows)
    return read_group(group.num_rows, head, kinesis)


VERSIONS = {4: read_part_4, 5: read_part_5}  # by major version; additions of later minor versions are skipped


def read_part(path: str, file: pq.ParquetFile) -> Part:
    """The metadata of a part file."""
    data = json.loads((file.metadata.metadata or {}).get(b"logpress", b"{}"))
    version = str(data.get("format") if isinstance(data, dict) else None)
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", version) or (major := int(version.split(".")[0])) < min(VERSIONS):
        raise FormatError(f"has no key `logpress` in its metadata, or format {version}; known are {[*VERSIONS]}")
    if major > max(VERSIONS):
        raise FormatError(f"has format {version}: it was written by a newer logpress ({file.metadata.created_by})")
    part = VERSIONS[major](path, file, data)
    if len(part.groups) != file.num_row_groups:
        raise FormatError(f"has {file.num_row_groups} row groups, but metadata for {len(part.groups)}")
    return part


def stored_values(array: pa.Array, how: str) -> list[Any]:
    """The values of a column; instants as integers, in the unit of their type, UUIDs as texts."""
    if how == "uuid":  # older pyarrow reads bytes
        return [value and str(value if isinstance(value, UUID) else UUID(bytes=value)) for value in array.to_pylist()]
    if how not in _UNITS:
        return list(array.to_pylist())
    values, factor = array.cast(pa.int64()).to_pylist(), _STORED_UNITS[array.type.unit] // _UNITS[how]
    if any(value is not None and value % factor for value in values):
        raise FormatError(f"has an instant that is finer than a {how}")
    return [value if value is None else value // factor for value in values]


def check_types(stored: Mapping[str, str], schema: pa.Schema) -> None:
    """Check that a file has the needed columns, once each and of their types."""
    for name, how in stored.items():
        kind = schema.field(name).type if schema.names.count(name) == 1 else pa.null()
        units = _STORED_UNITS.get(kind.unit, 0) if pa.types.is_timestamp(kind) and kind.tz is not None else 0
        fits = {
            "integer": pa.types.is_signed_integer(kind), "double": pa.types.is_float64(kind),
            "boolean": pa.types.is_boolean(kind), "string": kind in (pa.string(), pa.large_string()),
            "binary": kind in (pa.binary(), pa.large_binary()), "uuid": str(kind) in _UUIDS,
        }  # fmt: skip
        if not (fits[how] if how in fits else units >= _UNITS[how]):
            raise FormatError(f"has no column {name!r}, or several, or one of type {kind} that should be {how}")


def slot_text(part: Part, row: Row, slot: Slot) -> bytes:
    """The text of a slot other than an extra one."""
    if slot.role == "column":
        return part.columns[slot.name].text(row, slot)
    column, form = part.copies[slot.path]
    if form.startswith("epoch"):
        return b"%d" % (column.given(column.value(row)) * (1_000 if form == "epoch_ms" else 1) // column.units)
    return column.text(row, slot, form == "labelled_instant")


def record_of(part: Part, row: Row) -> bytes:
    """The record of a row."""
    number = row.stored["_layout"]
    if number is None:
        if row.stored["_raw"] is None:
            raise FormatError("has no layout, and is not kept whole")
        return bytes(row.stored["_raw"])
    if not 0 <= number < len(part.layouts):
        raise FormatError(f"has layout {number}; the file has {len(part.layouts)}")
    layout = part.layouts[number]
    extras = iter(cut_extra(layout, row.stored["_extra"] or ""))
    pieces = [layout.literals[0]]
    for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
        pieces += [next(extras) if slot.role == "extra" else slot_text(part, row, slot), literal]
    return b"".join(pieces)


def records(path: str) -> Iterator[bytes]:
    """The records of a part file in the order of rows; FormatError if it is no part, of another format, or damaged."""
    where = path
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            part = read_part(path, file)
            check_types(part.stored, file.schema_arrow)
            for number, read_group in enumerate(part.groups):
                where = f"{path}: row group {number}"
                group, done = read_group(part.stored), 0
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[number], columns=list(part.stored)):
                    values = [stored_values(batch.column(name), how) for name, how in part.stored.items()]
                    for row in zip(*values, strict=True):
                        where = f"{path}: row group {number}: row {done}"
                        yield record_of(part, Row(dict(zip(part.stored, row, strict=True)), *group))
                        done += 1
    except (FormatError, OSError, ValueError, pa.ArrowException, RecursionError) as error:
        how = "" if isinstance(error, FormatError) else "cannot be read: "
        raise FormatError(f"{where}: {how}{error}") from error


def rejected_records(path: str) -> Iterator[bytes]:
    """The records of a rejects file, in order, with pieces joined; raises the same errors as `records`."""
    pieces: list[bytes] = []
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            stored = {"record": "binary", "continued": "boolean"}
            check_types(stored, file.schema_arrow)
            for batch in file.iter_batches(BATCH_ROWS, columns=list(stored)):
                for piece, continued in zip(*(batch.column(name).to_pylist() for name in stored), strict=True):
                    pieces.append(piece or b"")
                    if not continued:
                        yield b"".join(pieces)
                        pieces = []
        if pieces:
            raise FormatError("ends within a record")
    except (FormatError, OSError, pa.ArrowException) as error:
        raise FormatError(f"{path}: {error}") from error


def main(arguments: Sequence[str]) -> None:
    """The command line."""
    read = rejected_records if arguments[:1] == ["--rejects"] else records
    paths = arguments[read is rejected_records :]
    if not paths or paths[0].startswith("-"):
        sys.exit("usage: python -m logpress.reference [--rejects] FILE... > RECORDS")
    try:
        for record in (record for path in paths for record in read(path)):
            sys.stdout.buffer.write(record + b"\n")
    except FormatError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
