"""Cases of hostile part files: wrong columns, metadata and footers."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tests.crafted import BINARY, LIST, SIZE_STATISTICS, STRUCT, Change, Sound, columns_of, field, numbers_of, set_field

Write = Callable[[Path], None]

DEEP = 3_000

SOUND = "sound"
"""Name of the case without a fault: the sound part, put together again."""


def cases(sound: Sound) -> Iterator[tuple[str, Write]]:
    """Names, and what writes the file."""
    for name in sound.table.column_names:
        yield from _kinds(sound, name)
        yield from _values(sound, name)
    yield from _said(sound)
    yield from _layouts(sound)
    yield from _footers(sound)


def few(sound: Sound) -> Iterator[tuple[str, Write]]:
    """Cases for an older format, which has no checksums: values, and members that only it has."""
    for name in sound.table.column_names:
        yield from _values(sound, name)
    groups: dict[str, Any] = {
        "seconds": 2**70, "places": -1, "first_second": 2**80, "smallest": "", "filled": "~", "shards": [[1, 2]],
    }  # fmt: skip
    for key, value in groups.items():
        yield f"kinesis-{key}", _packed(sound, _updating(_kinesis, key, value))
    yield "kinesis-no-shards", _packed(sound, lambda packed: _kinesis(packed).update(shards=[], seconds=2**70))
    yield "kinesis-text", _packed(sound, lambda packed: _kinesis(packed).update(shards=["1"]))
    for key, value in {
        "rows": 3,
        "spellings": {"ascii": {"style": "?", "odd": {}}},
        "sample": "~",
        "lookups": 3,
    }.items():
        yield f"group-{key}", _packed(sound, _updating(lambda packed: packed["row_groups"][0], key, value))
    half = {"model": {"w": "\ud800"}}
    yield "group-half-a-pair", _packed(sound, lambda packed: packed["row_groups"][0].update(lookups=half))


def _kinesis(packed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(packed["row_groups"][0]["kinesis"].values()))
    return found


def _packed(sound: Sound, change: Change) -> Write:
    return _written(sound, packed=change)


def _updating(found: Callable[[Any], Any], key: str, value: object) -> Change:
    """A change that sets a key of what `found` finds."""
    return lambda said: found(said).update({key: value})


def _written(sound: Sound, **changed: Any) -> Write:
    return lambda path: sound.write(path, **changed)


def _with(sound: Sound, name: str, column: pa.Array | pa.ChunkedArray, called: str | None = None) -> Write:
    place = sound.table.column_names.index(name)
    return _written(sound, table=sound.table.set_column(place, called or name, column))


# ------------------------------------------------------------------------------------------------------------- columns


def _kinds(sound: Sound, name: str) -> Iterator[tuple[str, Write]]:
    """A column that is missing, there twice, nested, or of another type."""
    column = sound.table.column(name).combine_chunks()
    count = len(column)
    yield f"{name}-missing", _written(sound, table=sound.table.drop_columns(name))
    yield f"{name}-twice", _written(sound, table=sound.table.append_column(name, column))
    offsets = pa.array(np.arange(count + 1, dtype=np.int32))
    yield f"{name}-list", _with(sound, name, pa.ListArray.from_arrays(offsets, column))
    yield f"{name}-struct", _with(sound, name, pa.StructArray.from_arrays([column], ["a"]))
    for type_ in _other_types(column.type):
        yield f"{name}-{type_}", _with(sound, name, _cast(column, type_))


def _other_types(type_: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_timestamp(type_):
        return [pa.timestamp("us"), pa.int64(), pa.timestamp("ns", "UTC"), pa.string()]
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        return [pa.int64(), pa.binary() if pa.types.is_string(type_) else pa.string()]
    if pa.types.is_floating(type_):
        return [pa.float32(), pa.int64(), pa.decimal128(30, 2)]
    others = [pa.int64(), pa.int32(), pa.uint64(), pa.float64(), pa.string(), pa.bool_(), pa.time64("us")]
    return [other for other in others if other != type_]


def _cast(column: pa.Array, type_: pa.DataType) -> pa.Array:
    try:
        return column.cast(type_, safe=False)
    except pa.ArrowException:
        return pa.nulls(len(column), type_)


def _values(sound: Sound, name: str) -> Iterator[tuple[str, Write]]:
    """Values of the right type that no part has."""
    column = sound.table.column(name).combine_chunks()
    type_ = column.type
    if name == "_row_group":
        return
    yield f"{name}-null", _with(sound, name, pa.nulls(len(column), type_))
    yield f"{name}-no-null", _with(sound, name, column.fill_null(_usual(type_)))
    for number, value in enumerate(_extremes(name, type_)):
        yield f"{name}-all-{number}", _with(sound, name, _filled(column, value, every=1))
        yield f"{name}-some-{number}", _with(sound, name, _filled(column, value, every=3))


def _usual(type_: pa.DataType) -> Any:
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        return pa.scalar(b"x", pa.binary()).cast(type_)
    return pa.scalar(0, pa.int64()).cast(pa.int32() if type_ == pa.date32() else type_).cast(type_)


def _filled(column: pa.Array, value: Any, every: int) -> pa.Array:
    values = column.to_pylist() if not pa.types.is_timestamp(column.type) else column.view(pa.int64()).to_pylist()
    for place in range(0, len(values), every):
        if values[place] is not None or every == 1:
            values[place] = value
    if pa.types.is_string(column.type):
        data = [text.encode() if isinstance(text, str) else text for text in values]
        return pa.array(data, pa.binary()).view(pa.string())  # whatever its bytes are
    if pa.types.is_timestamp(column.type):
        return pa.array(values, pa.int64()).view(column.type)
    return pa.array(values, column.type)


TEXTS = [
    b"", b"\xff\xfe", b"\xed\xa0\x80", b'"', b"\\", b"\n", b'\\ud800', b"x" * 70_000,
]  # fmt: skip
EXTRAS = [
    b"", b"{", b"[]", b"{}", b'{"a":', b'{"x":1', b'{"x":"', b"\n", b"[" * DEEP, b'{"a":' * DEEP, b'{"x":1}\n{"x":2}',
    b'{"zz":1,"y":2}', b"null", b"\xff" * 40, b'{"a.very.long.path.longer.than.prefixes.are":1}', b"{" + b'"' * 99,
]  # fmt: skip


def _extremes(name: str, type_: pa.DataType) -> list[Any]:
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        return EXTRAS if name == "_extra" else TEXTS
    if pa.types.is_boolean(type_):
        return [True, False]
    if pa.types.is_floating(type_):
        return [float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 5e-324, -0.0, 9.3e18, 1e15, -1e18]
    if pa.types.is_date(type_):
        return [-(2**20), 2**20]
    bits = type_.bit_width
    top = 2 ** (bits - 1)
    found = [-top, -top + 1, -1, 0, 1, top - 1, 19, 100]
    if bits == 64:
        found += [2**62, -(2**62), 2**36, 2**56, 253_402_300_800_000, -62_135_596_800_001, 10**18 + 7]
    return found


# ---------------------------------------------------------------------------------------- what is said of the group


def _said(sound: Sound) -> Iterator[tuple[str, Write]]:
    assert sound.head is not None
    whole = struct.pack("<I", 2) + b"{}"
    for number, said in enumerate(
        [b"", b"\0\0\0\0", b"\xff\xff\xff\xff{}", whole, b"\x04\0\0\0null", b"\x02\0\0\0[]" + b"1" * 99]
    ):
        yield f"said-{number}", _written(sound, said=said)
    deep = b"[" * 100_000
    yield "said-deep", _written(sound, said=struct.pack("<I", len(deep)) + deep)
    place = sound.table.column_names.index("_row_group")
    nothing = sound.table.set_column(place, "_row_group", pa.nulls(len(sound.table), pa.binary()))
    yield "said-null", _written(sound, table=nothing)
    second = pa.array([None, *sound.table.column("_row_group").to_pylist()[:-1]], pa.binary())
    yield "said-second", _written(sound, table=sound.table.set_column(place, "_row_group", second))
    for key in sound.head:
        for value in (None, -1, 2**70, "x", [], {}, [[1]], {"word": {"k": 1}}, {"ascii": {"style": "no", "odd": {}}}):
            yield (
                f"head-{key}-{json.dumps(value)[:20]}",
                _headed(sound, _updating(lambda head: head, key, value)),
            )
    changes: dict[str, Change] = {
        "style": lambda head: head["spellings"].update(ascii={"style": "loud", "odd": {}}),
        "style-list": lambda head: head["spellings"].update(ascii={"style": [], "odd": {}}),
        "odd": lambda head: head["spellings"].update(ascii={"style": "plain", "odd": []}),
        "odd-number": lambda head: head["spellings"].update(ascii={"style": "plain", "odd": {"a": 1}}),
        "odd-text": lambda head: head["spellings"].update({name: _odd(sound, name) for name in ("ascii", "slashed")}),
        "lookup-half": lambda head: _all_lookups(head, "\ud800"),
        "lookup-escape": lambda head: _all_lookups(head, "\\q"),
        "lookup-pair": lambda head: _all_lookups(head, "\\ud800"),
        "lookup-quote": lambda head: _all_lookups(head, '"'),
        "lookup-newline": lambda head: _all_lookups(head, "\n"),
        "lookup-long": lambda head: _all_lookups(head, "x" * 200_000),
        "lookup-null": lambda head: _all_lookups(head, None),
        "kinds": lambda head: [one.__setitem__(1, "bits" if one[1] == "int64" else "int64") for one in head["arrays"]],
        "sample-bits": lambda head: head["arrays"][0].__setitem__(1, "bits"),
        "names": lambda head: [array.__setitem__(0, "sample") for array in head["arrays"]],
        "counts": lambda head: [array.__setitem__(2, array[2] + 1) for array in head["arrays"]],
        "no-arrays": lambda head: [array.__setitem__(2, 0) for array in head["arrays"]],
        "sample-words": lambda head: head.update(sample_words=1),
    }  # fmt: skip
    windows: dict[str, list[object]] = {
        "first_second": [2**62, -(2**62), 2**70, None, 1.5], "window_seconds": [0, -1, 3, 2**40, 1],
        "windows": [0, 2**40, -1],
    }  # fmt: skip
    for key, values in windows.items():
        for number, inner in enumerate(values):
            changes[f"{key}-{number}"] = _all_kinesis(key, inner)
    for name, change in changes.items():
        yield f"head-{name}", _headed(sound, change)
    rng = np.random.default_rng(7)
    head = json.dumps(sound.head).encode()
    for number in range(40):  # any shards, counters and keys
        noise = bytearray(sound.arrays)
        for at in rng.integers(0, len(noise), 1 + number * 3):
            noise[at] = rng.integers(256)
        said = struct.pack("<I", len(head)) + head + bytes(noise)
        yield f"arrays-{number}", _written(sound, said=said)


def _headed(sound: Sound, change: Change) -> Write:
    return _written(sound, head=change)


def _all_lookups(head: dict[str, Any], text: Any) -> None:
    for pairs in head["lookups"].values():
        pairs.update(dict.fromkeys(pairs, text))


def _all_kinesis(key: str, value: object) -> Change:
    return lambda head: [of.update({key: value}) for of in head["kinesis"].values()]


def _odd(sound: Sound, name: str) -> dict[str, Any]:
    values = {value for value in sound.table.column(name).to_pylist() if value is not None}
    return {"style": "ascii", "odd": dict.fromkeys(values, '\\"\n\\ud800')}


# ------------------------------------------------------------------------------------------------------------- layouts


def _layouts(sound: Sound) -> Iterator[tuple[str, Write]]:
    changes: dict[str, Change] = {
        "none": lambda packed: packed.update(layouts=[]),
        "first-only": lambda packed: packed.update(layouts=packed["layouts"][:1]),
        "reversed": lambda packed: packed["layouts"].reverse(),
        "long-literal": lambda packed: packed["layouts"][0]["literals"].__setitem__(0, "x" * 3_000_000),
        "half-literal": lambda packed: packed["layouts"][0]["literals"].__setitem__(0, "\ud800"),
        "newlines": lambda packed: [one.update(literals=["\n"] * len(one["literals"])) for one in packed["layouts"]],
        "path-list": lambda packed: packed["layouts"][0]["slots"][0].__setitem__(3, []),
        "path-half": lambda packed: _all_slots(packed, 3, "\ud800"),
        "path-null": lambda packed: _all_slots(packed, 3, None),
        "name-list": lambda packed: _all_slots(packed, 2, []),
        "no-slots": lambda packed: [one.update(slots=[], literals=["{}"]) for one in packed["layouts"]],
        "all-extra": lambda packed: [_extra(one) for one in packed["layouts"]],
        "many-slots": lambda packed: [_repeated(one, 400) for one in packed["layouts"]],
        "no-columns": lambda packed: packed["contract"].update(columns=[]),
        "key": lambda packed: _column(packed, "lookup").update(key="nothing"),
        "circle": lambda packed: _column(packed, "instant").update(residual_of=["seen_at"]),
        "order": lambda packed: packed["contract"].update(restore_order=["nothing"]),
        "other-order": lambda packed: packed["contract"].update(restore_order=["word", "_hidden", "flag", "model"]),
        "no-order": lambda packed: packed["contract"].update(restore_order=[]),
        "units": lambda packed: _all_types(packed, "instant", "timestamp[s]"),
        "wide": lambda packed: _all_types(packed, "integer", "int64"),
        "copies": lambda packed: [c.update(of="at_us", form="epoch_ms") for c in packed["contract"]["copies"]],
        "table": lambda packed: packed["contract"].update(table="../x"),
        "crc-text": lambda packed: packed["chunk_crc32"][0].__setitem__(0, "x"),
        "crc-wrong": lambda packed: packed["chunk_crc32"][0].__setitem__(0, 1),
        "deep-contract": lambda packed: packed.update(contract=json.loads("[" * 900 + "]" * 900)),
    }  # fmt: skip
    for name, change in changes.items():
        yield f"layouts-{name}", _packed(sound, change)
    odd: tuple[object, ...] = (None, 3, [], {}, "\n")
    for key in ("table", "day", "slice", "records", "digest", "readers", "packed", "format"):
        for value in odd:
            yield (
                f"data-{key}-{value!r}",
                _written(sound, data=_updating(lambda data: data, key, value)),
            )


def _all_slots(packed: dict[str, Any], place: int, value: Any) -> None:
    for layout in packed["layouts"]:
        for slot in layout["slots"]:
            if slot[1] == "extra":
                slot[place] = value


def _extra(layout: dict[str, Any]) -> None:
    layout["slots"] = [[kind % 3, "extra", "", f"x{kind}"] for kind in range(len(layout["slots"]))]


def _repeated(layout: dict[str, Any], times: int) -> None:
    layout["slots"] *= times
    layout["literals"] = ["x"] * (len(layout["slots"]) + 1)


def _all_types(packed: dict[str, Any], codec: str, type_: str) -> None:
    for column in packed["contract"]["columns"]:
        if column["codec"] == codec:
            column["type"] = type_


def _column(packed: dict[str, Any], codec: str) -> dict[str, Any]:
    found: dict[str, Any] = next(column for column in packed["contract"]["columns"] if column["codec"] == codec)
    return found


# ------------------------------------------------------------------------------------------------------------- footers


def _footers(sound: Sound) -> Iterator[tuple[str, Write]]:
    """Numbers of a footer, too small and too large; names that are none; too many or too few of something."""
    for place in range(0, 150, 3):
        for value in (-1, 0, 7, 2**31 - 1, 2**62):
            yield f"footer-{place}-{value}", _written(sound, footer=_numbered(place, value))
    for place in range(4):
        for name in (b"\xff\xfe", b"a\nb", b"", b"word"):
            yield f"footer-name-{place}-{name!r}", _written(sound, footer=_named(place, name))
    for bound in (b"", b"\xff", b"x" * 100):
        for number in (1, 2, 5, 6):
            yield (
                f"footer-statistics-{number}-{bound!r:.9}",
                _written(sound, footer=_statistics(number, bound)),
            )
    yield "footer-sizes", _written(sound, footer=_sizes)
    yield "footer-secret", _written(sound, footer=_secret)
    yield "footer-by", _written(sound, footer=lambda fields: set_field(fields, 6, BINARY, b"\xff"))
    yield "footer-nobody", _written(sound, footer=_without(6))
    yield "footer-other", _written(sound, footer=lambda fields: set_field(fields, 6, BINARY, b"other"))
    yield "footer-no-groups", _written(sound, footer=lambda fields: field(fields, 4)[1].clear())
    yield (
        "footer-two-groups",
        _written(sound, footer=lambda fields: field(fields, 4)[1].append(field(fields, 4)[1][0])),
    )
    yield (
        "footer-no-chunks",
        _written(sound, footer=lambda fields: field(field(fields, 4)[1][0], 1)[1].clear()),
    )
    yield (
        "footer-few-chunks",
        _written(sound, footer=lambda fields: field(field(fields, 4)[1][0], 1)[1].pop()),
    )


def _statistics(number: int, value: bytes) -> Change:
    """The smallest or largest value of each column chunk that says one."""

    def change(fields: Any) -> None:
        for column in columns_of(fields):
            for found, _, inner in column:
                if found == 12:
                    set_field(inner, number, BINARY, value)

    return change


def _sizes(fields: Any) -> None:
    for column in columns_of(fields):
        set_field(column, SIZE_STATISTICS, STRUCT, [(3, LIST, (6, [1] * 9))])


def _secret(fields: Any) -> None:
    set_field(field(field(fields, 4)[1][0], 1)[1][0], 8, STRUCT, [(1, STRUCT, [])])


def _numbered(place: int, value: int) -> Change:
    def change(fields: Any) -> None:
        found = list(numbers_of(fields))
        _, inside, (number, kind, _) = found[place * len(found) // 150]
        set_field(inside, number, kind, value)

    return change


def _named(place: int, name: bytes) -> Change:
    return lambda fields: set_field(field(fields, 2)[1][1 + place * 9], 4, BINARY, name)


def _without(number: int) -> Change:
    def change(fields: Any) -> None:
        fields[:] = [entry for entry in fields if entry[0] != number]

    return change
