"""A second reader of part files, from docs/format.md alone: it shares no code with logpress, and takes its time.

    python -m logpress.reference part.parquet > records
    python -m logpress.reference --rejects _rejects.parquet > records

It stands alone: a copy of this file needs pyarrow, and nothing of logpress. Records come in the order of rows, each
with a newline behind it. Files are taken to be hostile: what does not fit is a `FormatError` that says where. The
digest of records is left out, because the standard library has no XXH3: `xxhsum` and `xxhash` packages have it.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from math import gcd, isfinite
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

MOST_UNPACKED_BYTES = 256 << 20  # of a text of the metadata: a file's are a few megabytes
MOST_ROWS, BATCH_ROWS = 4_000_000, 1024  # of a row group; at a time
_LONGEST_US, _EPOCH = 3 * 10**17, date(1970, 1, 1).toordinal()
_UNITS = {"timestamp[s]": 1, "timestamp[ms]": 1_000, "timestamp[us]": 1_000_000}
_LABEL = re.compile(r"|Z|[+-][0-9]{2}:?[0-9]{2}")


class FormatError(Exception):
    """A file that is not as docs/format.md says; the message says which one, and where in it."""


def member(data: Any, name: str, kind: type, default: Any = None) -> Any:
    """The value of an object's member, which is of that kind; the default, if there is one, where it is missing."""
    value = data.get(name, default) if isinstance(data, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise FormatError(f"the metadata has no sound {name!r}")
    return value


def strings(values: Any, what: str) -> Any:
    """The same, if all of these values are strings."""
    if not all(isinstance(value, str) for value in values):
        raise FormatError(f"{what} are no strings")
    return values


def utf8(text: str) -> bytes:
    """The bytes of a text."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise FormatError(f"the text {text!r} is no Unicode") from error


def parsed(text: bytes, what: str) -> Any:
    """JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is no JSON: {error}") from error


def unpacked(text: str) -> bytes:
    """Bytes from base85 and zstd."""
    try:
        with pa.CompressedInputStream(pa.BufferReader(base64.b85decode(text)), "zstd") as stream:
            found: bytes = stream.read(MOST_UNPACKED_BYTES + 1)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise FormatError(f"a text of the metadata is no zstd in base85: {error}") from error
    if len(found) > MOST_UNPACKED_BYTES:
        raise FormatError(f"a text of the metadata becomes more than {MOST_UNPACKED_BYTES} bytes")
    return found


def unpacked_numbers(text: str) -> list[int]:
    """Numbers from their differences, which stand in 8 planes of bytes."""
    planes = unpacked(text)
    if len(planes) % 8:
        raise FormatError("a text of the metadata is no list of numbers")
    count, numbers, total = len(planes) // 8, [], 0
    for i in range(count):
        total = (total + int.from_bytes(planes[i::count], "little") + 2**63) % 2**64 - 2**63
        numbers.append(total)
    return numbers


_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(value: str, style: str = "plain") -> bytes:
    """The text of a string between its quotes."""
    utf8(value)
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
    """One value's place in a layout; the last three say how an instant is written."""

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
        if len(types) not in (4, 7) or types != tuple(map(type, data)):
            raise FormatError(f"a layout has the slot {data!r}")
        slot = cls(*data)
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
        literals = [utf8(text) for text in strings(member(data, "literals", list), "literals")]
        slots = [Slot.read(slot) for slot in member(data, "slots", list)]
        if len(literals) != len(slots) + 1:
            raise FormatError(f"a layout has {len(literals)} literals and {len(slots)} slots")
        return cls(literals, slots)


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # which tells where a value ends


def cut_extra(layout: Layout, text: str) -> list[bytes]:
    """The texts of a row's extra slots, in their order; strings without their quotes."""
    found, at = [], 0
    for slot in (slot for slot in layout.slots if slot.role == "extra"):
        before = f'{"," if at else "{"}"{escaped(slot.path).decode()}":'
        begin = at + len(before)
        is_string = slot.kind == 0
        if not text.startswith(before, at) or (slot.kind != 5 and (text[begin : begin + 1] == '"') != is_string):
            raise FormatError(f"`_extra` has no such value at {slot.path!r} as its layout")
        try:
            at = _DECODER.raw_decode(text, begin)[1]
        except (ValueError, RecursionError) as error:
            raise FormatError(f"`_extra` has a value at {slot.path!r} that is no JSON: {error}") from error
        found.append(utf8(text[begin + is_string : at - is_string]))
    if text[at:] != ("}" if found else ""):
        raise FormatError("`_extra` has more values than its layout")
    return found


class Row(NamedTuple):
    """What is stored for a row, by column of the file, and what the metadata says of its row group."""

    stored: Mapping[str, Any]
    group: Group


STORED: dict[str, dict[str, str]] = {
    "category": {"": "string"}, "text": {"": "string"}, "json": {"": "string"}, "lookup": {"other": "string"},
    "integer": {"": "integer"}, "boolean": {"": "boolean"}, "decimal": {"": "double", "scale": "integer"},
    "kinesis_sequence": dict.fromkeys(("shard", "arrival", "counter", "counter_high", "sub"), "integer"),
}  # fmt: skip
"""How the columns of the file are read that a codec needs, by what their names end with; "": the column's own name."""

FOLLOWS = {"lookup": ("key", ("category", "text")), "kinesis_sequence": ("arrival", ("instant",))}
"""Where a column says which other one it is relative to, and the codecs which that may have."""


class Codec:
    """Gives the texts of one column; this one does so for integers, booleans and JSON."""

    def __init__(self, data: dict[str, Any], columns: Mapping[str, Codec]) -> None:
        self.columns = columns
        self.codec: str = data["codec"]
        self.name: str = data["name"]
        self.stored = {self.named(end): how for end, how in STORED.get(self.codec, {}).items()}
        key, self.followed = FOLLOWS.get(self.codec, ("", ()))
        self.follows: list[str] = [member(data, key, str)] if key else []

    def named(self, end: str) -> str:
        """The name of a column of the file."""
        return f"_{self.name.lstrip('_')}_{end}" if end else self.name

    def need(self, row: Row, end: str = "") -> Any:
        """What is stored, where there must be something."""
        return self.given(row.stored[self.named(end)])

    def given(self, value: Any) -> Any:
        """A value that must be there."""
        if value is None:
            raise FormatError(f"column {self.name!r} has no value, but its layout has a place for one")
        return value

    def text(self, row: Row, slot: Slot) -> bytes:
        """The text of a slot; JSON is stored as its text."""
        value = self.need(row)
        return utf8(value) if isinstance(value, str) else json.dumps(value).encode()


class Decimal(Codec):
    """Numbers with a fraction, as doubles, and how many digits stand behind the point."""

    def text(self, row: Row, slot: Slot) -> bytes:
        """The digits of the nearest whole number of units of the last digit."""
        value, scale = self.need(row), self.need(row, "scale")
        if not isfinite(value) or not 0 <= scale <= 14:
            raise FormatError(f"column {self.name!r} has the value {value} with {scale} digits behind the point")
        top, bottom = abs(value).as_integer_ratio()
        digits = f"{(2 * top * 10**scale + bottom) // (2 * bottom):0{scale + 1}d}"
        if len(digits) > 15:
            raise FormatError(f"column {self.name!r} has the value {value}, which has more than 15 digits")
        before, behind = digits[: len(digits) - scale], digits[len(digits) - scale :]
        return f"{'-' if value < 0 else ''}{before}{'.' if scale else ''}{behind}".encode()


class String(Codec):
    """Categories and texts: the value is stored, its escapes are in the metadata."""

    def value(self, row: Row) -> bytes | None:
        """The text of a row, as it stands between the quotes."""
        (name,) = self.stored
        value = row.stored[name]
        style, odd = row.group.spellings.get(self.name, ("plain", {}))
        return None if value is None else utf8(odd[value]) if value in odd else escaped(value, style)

    def text(self, row: Row, slot: Slot) -> bytes:
        """The text, which must be there."""
        return bytes(self.given(self.value(row)))


class Lookup(String):
    """Strings that mostly follow from those of another column: stored is what does not."""

    def value(self, row: Row) -> bytes | None:
        """What is stored, or what the text of its key mostly has."""
        own = super().value(row)
        key: Any = self.columns[self.follows[0]]
        if own is not None or (text := key.value(row)) is None:
            return own
        found = row.group.lookups.get(self.name, {}).get(text.decode())
        return None if found is None else utf8(found)


class Instant(Codec):
    """Dates and times."""

    def __init__(self, data: dict[str, Any], columns: Mapping[str, Codec]) -> None:
        super().__init__(data, columns)
        kind = member(data, "type", str, "timestamp[ms]")
        self.units = _UNITS.get(kind, 0)
        if not self.units:
            raise FormatError(f"column {self.name!r} has the type {kind!r}")
        self.follows = strings(member(data, "residual_of", list, []), "columns of `residual_of`")
        self.followed = ("instant", "integer")
        self.is_checked = data.get("label_checked_by") is not None
        self.stored = {self.named("residual"): "integer"} if self.follows else {self.name: kind}
        if self.is_checked:
            self.stored[self.named("shift_min")] = "integer"

    def value(self, row: Row) -> int | None:
        """UTC, in units since 1970."""
        if self.follows:
            residual = row.stored[self.named("residual")]
            return None if residual is None else residual + self.predicted(row)
        stored = row.stored[self.name]
        return None if stored is None else stored * self.units // row.group.format.stored_units(self.units)

    def predicted(self, row: Row) -> int:
        """The sum of the columns that predict it, in its units, rounded down."""
        columns = [self.columns[name] for name in dict.fromkeys(self.follows)]
        factors = [1_000_000 // column.units if isinstance(column, Instant) else 1_000 for column in columns]
        divisor = 1_000_000 // self.units
        common = gcd(divisor, *factors)
        total = 0
        for column, factor in zip(columns, factors, strict=True):
            value = column.value(row) if isinstance(column, Instant) else row.stored[column.name]
            if value is not None and abs(value) < _LONGEST_US // (factor // common):  # what is larger is no time
                total += value * (factor // common)
        return total // (divisor // common)

    def text(self, row: Row, slot: Slot, as_labelled: bool = True) -> bytes:
        """The instant as a slot has it: as its label says, or true."""
        if slot.label is None:
            raise FormatError(f"the slot at {slot.path!r} does not say how an instant is written")
        ahead = "+0000" if slot.label in ("", "Z") else slot.label
        minutes = int(ahead[0] + "1") * (int(ahead[1:3]) * 60 + int(ahead[-2:]))
        if as_labelled and self.is_checked:
            minutes -= self.need(row, "shift_min")
        seconds, fraction = divmod(self.given(self.value(row)) + minutes * 60 * self.units, self.units)
        days, second = divmod(seconds, 86_400)
        if not 1 <= _EPOCH + days <= date.max.toordinal():
            raise FormatError(f"column {self.name!r} has an instant of no year from 1 to 9999")
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        behind = f"{fraction * 1_000_000_000 // self.units:09}"[: slot.digits]
        text = f"{date.fromordinal(_EPOCH + days)}{slot.separator}{clock}{'.' if behind else ''}{behind}"
        return text.encode()


class KinesisSequence(Codec):
    """Sequence numbers of Kinesis, and sub-sequence numbers."""

    def text(self, row: Row, slot: Slot) -> bytes:
        """The number, put together from its parts, and the sub-sequence number."""
        place, arrival, low, high, sub = (self.need(row, end) for end in STORED[self.codec])
        told = row.group.kinesis.get(self.name)
        if told is None or not 0 <= place < len(told.shards):
            raise FormatError(f"column {self.name!r} has shard {place}, which the metadata has not")
        creation, shard = divmod(told.shards[place], 1 << 20)
        source: Any = self.columns[self.follows[0]]
        value = source.value(row)
        if value is not None and abs(value) < _LONGEST_US:
            arrival += value // source.units
        counter = low + (high << 8) + told.smallest(place, arrival)
        if not all(0 <= n < 1 << bits for n, bits in ((creation, 36), (arrival, 36), (counter, 63), (sub, 31))):
            raise FormatError(f"column {self.name!r} has a sequence number that is none")
        number = 2 << 184 | creation << 148 | (shard & 15) << 144 | counter << 80 | arrival << 36 | shard << 4 | 2
        return b"%d.%d" % (number, sub)


CODECS: dict[str, type[Codec]] = {
    "category": String, "text": String, "lookup": Lookup, "json": Codec, "integer": Codec, "decimal": Decimal,
    "boolean": Codec, "instant": Instant, "kinesis_sequence": KinesisSequence,
}  # fmt: skip


class Numbers(NamedTuple):
    """What a row group tells of sequence numbers: shards, and the smallest counter of each in each second."""

    shards: Sequence[int]
    first_second: int
    seconds: int
    by_place: Mapping[int, int]

    @classmethod
    def read(cls, data: Any, rows: int) -> Numbers:
        """From a row group's metadata."""
        shards, places, seconds = (
            member(data, "shards", list),
            member(data, "places", int),
            member(data, "seconds", int),
        )
        if not all(isinstance(shard, int) and 0 <= shard < 1 << 56 for shard in shards):
            raise FormatError("a shard is no number of 56 bits")
        filled, smallest = unpacked(member(data, "filled", str)), unpacked_numbers(member(data, "smallest", str))
        if not 0 <= places <= 4 * rows + (1 << 20) or len(filled) != (places + 7) // 8 or seconds < 0:
            raise FormatError(f"the metadata does not have {places} places of counters, as it says")
        found = [place for place in range(places) if filled[place >> 3] >> (7 - (place & 7)) & 1]
        if places not in (0, len(shards) * seconds) or len(found) != len(smallest):
            raise FormatError("the metadata has another number of counters than it says")
        return cls(shards, member(data, "first_second", int), seconds, dict(zip(found, smallest, strict=True)))

    def smallest(self, shard: int, second: int) -> int:
        """What was taken off a counter."""
        behind = second - self.first_second
        place = shard * self.seconds + behind
        if self.seconds and not (0 <= behind < self.seconds and place in self.by_place):
            raise FormatError("a sequence number lies outside the counters that the metadata has")
        return self.by_place.get(place, 0)


class Group(NamedTuple):
    """What the metadata says of a row group."""

    format: Format
    spellings: Mapping[str, tuple[str, Mapping[str, str]]]
    lookups: Mapping[str, Mapping[str, str]]
    kinesis: Mapping[str, Numbers]


class Part(NamedTuple):
    """What the metadata says of a part; what it says of row groups is read when their turn comes."""

    columns: Mapping[str, Codec]
    copies: Mapping[str, tuple[Instant, str]]
    layouts: Sequence[Layout]
    groups: Sequence[Any]


class Format(NamedTuple):
    """What differs between formats; the last one gives the units a second in which instants of so many are stored."""

    read_part: Callable[[Any], Part]
    read_group: Callable[[Format, Any], Group]
    stored_units: Callable[[int], int]


def read_contract(contract: Any) -> tuple[dict[str, Codec], dict[str, tuple[Instant, str]]]:
    """The columns of a contract by name, and its copies by path: of which column, and in which form."""
    columns: dict[str, Codec] = {}
    for data in member(contract, "columns", list):
        codec, name = member(data, "codec", str), member(data, "name", str)
        if codec not in CODECS or name in columns:
            raise FormatError(f"the contract has column {name!r} twice, or with codec {codec!r}, which is none")
        columns[name] = CODECS[codec](data, columns)
    settled: set[str] = set()
    while len(settled) < len(columns):  # circles would never end
        ready = {name for name, column in columns.items() if settled.issuperset(column.follows)}
        if ready == settled:
            raise FormatError("columns of the contract depend on each other in a circle, or on what is no column")
        settled = ready
    for column in columns.values():
        codecs = [columns[name].codec for name in column.follows]
        if not set(codecs) <= set(column.followed) or codecs.count("instant") > 1:
            raise FormatError(f"column {column.name!r} depends on columns whose codecs cannot predict it")
    copies: dict[str, tuple[Instant, str]] = {}
    for data in member(contract, "copies", list, []):
        of, form = columns.get(member(data, "of", str)), member(data, "form", str)
        if not isinstance(of, Instant) or form not in ("instant", "labelled_instant", "epoch_s", "epoch_ms"):
            raise FormatError(f"the contract has the copy {data!r}")
        copies[member(data, "path", str)] = of, form
    return columns, copies


def read_part_4(data: Any) -> Part:
    """The metadata of format 4."""
    columns, copies = read_contract(member(data, "contract", dict))
    packed = parsed(unpacked(member(data, "packed", str)), "what is packed in the metadata")
    layouts = [Layout.read(layout) for layout in member(packed, "layouts", list)]
    return Part(columns, copies, layouts, member(packed, "row_groups", list))


def read_group_4(format_: Format, data: Any) -> Group:
    """A row group's metadata in format 4."""
    spellings = {}
    for name, spelling in member(data, "spellings", dict).items():
        style, odd = member(spelling, "style", str), member(spelling, "odd", dict)
        if style not in ("plain", "ascii", "plain_slashes", "ascii_slashes"):
            raise FormatError(f"there is no style {style!r}")
        strings(odd.values(), "odd spellings")
        spellings[name] = style, odd
    lookups = member(data, "lookups", dict)
    for name in lookups:
        strings(member(lookups, name, dict).values(), "texts of a lookup")
    kinesis = {name: Numbers.read(told, data["rows"]) for name, told in member(data, "kinesis", dict).items()}
    return Group(format_, spellings, lookups, kinesis)


VERSIONS = {4: Format(read_part_4, read_group_4, lambda units: max(units, 1_000))}


def read_part(file: pq.ParquetFile) -> tuple[Format, Part]:
    """The metadata of a part file."""
    text = (file.metadata.metadata or {}).get(b"logpress")
    if text is None:
        raise FormatError("has no key `logpress` in its metadata")
    data = parsed(text, "the metadata")
    number = member(data, "format", int)
    if number not in VERSIONS:
        raise FormatError(f"has format {number}; known are {', '.join(map(str, VERSIONS))}")
    part = VERSIONS[number].read_part(data)
    if len(part.groups) != file.num_row_groups:
        raise FormatError(f"has {file.num_row_groups} row groups, but metadata of {len(part.groups)}")
    for _, role, name, path, *_ in (slot for layout in part.layouts for slot in layout.slots):
        if not (role == "extra" or name in part.columns if role != "copy" else path in part.copies):
            raise FormatError(f"a layout has a {role} at {path!r} that the contract has not")
    return VERSIONS[number], part


def stored_values(array: pa.Array, how: str) -> list[Any]:
    """The values of a column; instants as integers."""
    kind = pa.int64() if how.startswith("timestamp") else pa.binary() if how == "string" else array.type
    values = array.cast(kind).to_pylist()
    try:
        return [value.decode() if how == "string" and value is not None else value for value in values]
    except UnicodeDecodeError as error:
        raise FormatError(f"has text that is no UTF-8: {error}") from error


def check_types(stored: Mapping[str, str], schema: pa.Schema) -> None:
    """Look whether a file has the columns that are needed, once each and of their types."""
    for name, how in stored.items():
        kind = schema.field(name).type if schema.names.count(name) == 1 else pa.null()
        is_time = pa.types.is_timestamp(kind) and kind.tz is not None
        fits = {
            "integer": pa.types.is_signed_integer(kind), "double": pa.types.is_float64(kind),
            "boolean": pa.types.is_boolean(kind), "string": kind in (pa.string(), pa.large_string()),
            "binary": kind in (pa.binary(), pa.large_binary()), "timestamp[us]": is_time and kind.unit == "us",
        }  # fmt: skip
        if not fits.get(how, is_time and kind.unit == "ms"):
            raise FormatError(f"has no column {name!r}, or several, or one of type {kind} that should be {how}")


def slot_text(part: Part, row: Row, slot: Slot) -> bytes:
    """The text of a slot that is no extra."""
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
        raw: bytes | None = row.stored["_raw"]
        if raw is None:
            raise FormatError("has no layout, and is not kept whole")
        return raw
    if not 0 <= number < len(part.layouts):
        raise FormatError(f"has layout {number}; the file has {len(part.layouts)}")
    layout = part.layouts[number]
    extras = iter(cut_extra(layout, row.stored["_extra"] or ""))
    pieces = [layout.literals[0]]
    for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
        pieces += [next(extras) if slot.role == "extra" else slot_text(part, row, slot), literal]
    return b"".join(pieces)


def records(path: str) -> Iterator[bytes]:
    """The records of a part file, in the order of its rows.

    Raises:
        FormatError: if it is none, of a format that is not known, or damaged.
    """
    where = path
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            format_, part = read_part(file)
            stored = {"_layout": "integer", "_extra": "string", "_raw": "binary"}
            for column in part.columns.values():
                stored |= column.stored
            check_types(stored, file.schema_arrow)
            for number, data in enumerate(part.groups):
                where = f"{path}: row group {number}"
                rows = file.metadata.row_group(number).num_rows
                if not 0 <= rows == member(data, "rows", int) <= MOST_ROWS:
                    raise FormatError(f"has {rows} rows, which its metadata contradicts")
                group = format_.read_group(format_, data)
                done = 0
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[number], columns=list(stored)):
                    values = [stored_values(batch.column(name), how) for name, how in stored.items()]
                    for row in zip(*values, strict=True):
                        where = f"{path}: row group {number}: row {done}"
                        yield record_of(part, Row(dict(zip(stored, row, strict=True)), group))
                        done += 1
    except (FormatError, OSError, pa.ArrowException, RecursionError) as error:
        raise FormatError(f"{where}: {error}") from error


def rejected_records(path: str) -> Iterator[bytes]:
    """The records of a rejects file, in their order, pieces of one put together; raises what `records` does."""
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
