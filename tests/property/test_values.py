"""Values of columns, compared with a model in plain Python, for every spelling and every way to store a record."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import DAY, assert_round_trip

from logpress.contract import Contract
from logpress.day.one_machine import run_day
from logpress.day.published import restore_day
from logpress.quality.values import column_values
from logpress.reading import open_lake

CONTRACT = Contract.model_validate(
    {
        "table": "any_log",
        "day": "at",
        "columns": [
            {"name": "at", "path": "at", "codec": "instant", "type": "timestamp[ms]"},
            {"name": "n", "path": "n", "codec": "text"},
            {"name": "i", "path": "i", "codec": "integer"},
            {"name": "s", "path": "s", "codec": "integer", "type": "int16"},
            {"name": "l", "path": "l", "codec": "integer", "type": "int32"},
            {"name": "d", "path": "d", "codec": "decimal"},
            {"name": "b", "path": "b", "codec": "boolean"},
            {"name": "c", "path": "c", "codec": "category"},
            {"name": "t", "path": "t", "codec": "text"},
            {"name": "j", "path": "j", "codec": "json"},
            {"name": "u", "path": ["u", "v"], "codec": "instant", "type": "timestamp[us]"},
            {"name": "e", "path": "e", "codec": "instant", "type": "timestamp[s]", "label_checked_by": "at"},
            {"name": "r", "path": "r", "codec": "instant", "label_checked_by": "u", "residual_of": ["e", "l", "i"]},
            {"name": "q", "path": "q", "codec": "instant", "type": "timestamp[us]", "residual_of": ["r"]},
            {"name": "p", "path": "p", "codec": "instant", "type": "timestamp[s]", "residual_of": ["q", "i"]},
        ],
        "source": {"duplicates": "keep"},
    }
)
SOUND = {
    "at": '"2021-12-26T10:00:00.000Z"', "i": "1", "s": "2", "l": "3", "d": "4.5", "b": "true", "c": '"a"', "t": '"b"',
    "j": '{"k":[1, 2]}', "u": '"2021-12-26T10:00:00.123456Z"', "e": '"2021-12-26T10:00:00+09:00"',
    "r": '"2021-12-26T10:00:00.125Z"', "q": '"2021-12-26T10:00:00.5Z"', "p": '"2021-12-26T10:00:01Z"',
}  # fmt: skip
"""JSON texts by key, of a record that fits every codec."""

MANY = "".join(f',"x{number}":0' for number in range(513))
"""More values than a record with a layout may have."""


# ------------------------------------------------------------------------------------------------------------ the model

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_INSTANT = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[T ]({_CLOCK})(?:\.([0-9]{{1,9}}))?(?:Z|([+-])([0-9]{{2}}):?([0-9]{{2}})|)"
)
_BITS = {"int16": 16, "int32": 32, "int64": 64}
_FIRST_SECOND = (datetime(1, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
_END_SECOND = (datetime(9999, 12, 31, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) + 86_400
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000}


def number_in(text: str) -> str | None:
    """The number that a JSON text is, within quotes or not."""
    inside = text[1:-1] if text.startswith('"') else text
    return inside if _NUMBER.fullmatch(inside) else None


def integer_in(text: str, type_: str) -> int | None:
    number = number_in(text)
    if number is None:
        return None
    value = Fraction(number)
    limit = 2 ** (_BITS[type_] - 1)
    smallest = -limit if type_ == "int16" else 1 - limit
    return int(value) if value.denominator == 1 and smallest <= value < limit else None


def decimal_in(text: str) -> float | None:
    number = number_in(text)
    value = None if number is None else float(number)
    return None if value is None or abs(value) == float("inf") else value


def instant_in(text: str, units: int) -> tuple[int, int] | None:
    """Wall clock in units since 1970, rounded down, and the offset in minutes."""
    match = _INSTANT.fullmatch(text[1:-1]) if text.startswith('"') else None
    if match is None:
        return None
    hours, minutes = int(match[5] or 0), int(match[6] or 0)
    if hours > 23 or minutes > 59:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00")
    except ValueError:
        return None
    second = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    fraction = Fraction(f"0.{match[3] or 0}")
    return (second * units + int(fraction * units)), (hours * 60 + minutes) * (-1 if match[4] == "-" else 1)


def expected(texts: dict[str, str]) -> dict[str, Any]:
    """The expected columns of a record: instants in their units since 1970."""
    found: dict[str, Any] = {}
    instants: dict[str, int | None] = {}
    by_name = CONTRACT.by_name
    for name in ("at", "u", "e", "r", "q", "p"):
        column: Any = by_name[name]
        units = _UNITS[column.unit]
        text = next((texts[path] for path in column.path if texts.get(path, "null") != "null"), "null")
        read = instant_in(text, units)
        instants[name] = None
        if read is None:
            continue
        wall, offset = read
        if column.label_checked_by and (reference := instants[column.label_checked_by]) is not None and offset:
            limit = reference // _UNITS[by_name[column.label_checked_by].unit] + 900
            as_utc, as_labelled = wall // units, wall // units - offset * 60
            fitting = [reading for reading in (as_utc, as_labelled) if reading <= limit]
            if fitting and max(fitting) == as_utc:
                offset = 0
        value = wall - offset * 60 * units
        instants[name] = value if _FIRST_SECOND * units <= value < _END_SECOND * units else None
    for column in CONTRACT.columns:
        text = texts.get(column.name, "null")
        match column.codec:
            case "integer":
                found[column.name] = integer_in(text, column.type)
            case "decimal":
                found[column.name] = decimal_in(text)
            case "boolean":
                found[column.name] = {"true": True, "false": False}.get(text.strip('"'))
            case "instant":
                found[column.name] = instants[column.name]
            case "json":
                found[column.name] = None if text == "null" else text
            case _:
                string = json.loads(text) if text.startswith('"') else None
                is_text = string is not None and not any("\ud800" <= c <= "\udfff" for c in string)
                found[column.name] = string if is_text else None  # a lone surrogate is no text
    return found


# ------------------------------------------------------------------------------------------------------------- pressing


def record_of(texts: dict[str, str], name: str, more: str = "") -> bytes:
    """A record; the order of its keys is that of its name's."""
    members = [f'"{key}":{text}' for key, text in texts.items()]
    members.insert(len(members) // 2, f'"n":"{name}"')
    return f"{{{','.join(members)}{more}}}".encode()


def columns_of(contract: Contract, records: list[bytes], folder: Path) -> dict[str, dict[str, Any]]:
    """Each column's value in each row, by the row's `n`; instants in their units since 1970."""
    pressed = assert_round_trip(contract, records, folder)
    assert pressed.manifest.rejects == 0
    assert pressed.part is not None
    columns: dict[str, list[Any]] = {}
    for column in contract.columns:
        arrays = list(column_values(contract, column.name, str(pressed.part)))
        assert len(arrays) == 1
        found = arrays[0]
        if column.codec == "instant":
            per_unit = {"s": 1, "ms": 1_000, "us": 1_000_000}[found.type.unit] // _UNITS[column.unit]
            found = [None if v is None else v // per_unit for v in found.cast("int64").to_pylist()]
        columns[column.name] = found if isinstance(found, list) else found.to_pylist()
    return {name: {c: columns[c][row] for c in columns} for row, name in enumerate(columns["n"])}


_quoted = st.sampled_from(["{}", '"{}"'])
_numbers = st.one_of(
    st.integers(-(2**64), 2**64).map(str), st.integers(-40_000, 40_000).map(str),
    st.sampled_from(
        ["-0", "7.0", "1e3", "1E+2", "1.5e1", "0.5", "1e400", "1e-400", "0.30000000000000004", "1e-05", "-0.0"]
        + [str(sign * 2**bits + more) for bits in (15, 31, 59, 63) for sign in (-1, 1) for more in (-1, 0, 1)]
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)  # fmt: skip
_dates = st.sampled_from(["0001-01-01", "1969-12-31", "1970-01-01", "2021-12-26", "2262-04-12", "9999-12-31"])
_times = st.builds(
    "{}{}{}{}{}".format,
    _dates | st.dates().map(str),
    st.sampled_from(["T", "t"]),
    st.sampled_from(["00:00:00", "10:00:00", "23:59:59", "24:00:00", "23:59:60"])
    | st.times().map(lambda t: str(t)[:8]),
    st.sampled_from(["", ".0", ".5", ".123", ".123000", ".123456", ".123456789", ".12x", ",123"]),
    st.sampled_from(
        ["Z", "", "+09:00", "-05:00", "+0530", "+23:59", "-23:59", "+24:00", "+25:00", "+09:99", "+09", "z"]
    ),
)
_texts = st.text(max_size=4).map(json.dumps) | st.sampled_from(
    ['"a"', '"\\u0061"', '"\\/"', '"/"', '"true"', '"false"']
)
_any = st.one_of(
    st.sampled_from(["null", "true", "false", "{}", "[ ]", '{"k": 1}', '""', "1640512800123"]),
    st.builds(str.format, _quoted, _numbers), _times.map(json.dumps), _texts,
)  # fmt: skip
_changes = st.dictionaries(st.sampled_from([*SOUND.keys() - {"at"}, "v"]), _any, max_size=4)


@given(st.lists(_changes, min_size=1, max_size=6))
@example([{"i": '"42"', "d": "0.30000000000000004", "s": "7.0"}])
@example([{"i": "-0", "b": '"false"', "l": "-2147483648"}])
@example([{"u": '"2021-12-26T10:00:00.1234567Z"', "e": '"2021-12-26T10:00:00.9Z"', "q": '"2021-12-26T10:00:00+25:00"'}])
@example([{"u": '"0001-01-01T00:00:00+00:01"', "e": '"9999-12-31T23:59:59.5-00:01"', "p": '"9999-12-31T23:59:59.9Z"'}])
@example([{"t": '"\\u0061"', "c": '"\\ud800"', "j": '"\\u0061"'}, {"t": '"a"'}])
def test_columns_hold_what_the_texts_say_however_a_record_is_kept(
    tmp_path: Path, changes: list[dict[str, str]]
) -> None:
    regular = record_of(SOUND, "regular")
    several, alone, whole = [regular], [], [regular]
    for number, change in enumerate(changes):
        texts = SOUND | change
        several.append(record_of(texts, str(number)))
        alone.append(record_of(texts, str(number), more=f',"x{number}":1'))
        whole.append(record_of(texts, str(number), more=MANY))
    for records in (several, alone, whole):
        found = columns_of(CONTRACT, records, tmp_path)
        for number, change in enumerate(changes):
            texts = SOUND | change
            assert found[str(number)] == expected(texts) | {"n": str(number)}


NUMBERS = [
    2**63 - 1, 1 - 2**63, -(2**63), 2**63, 1726275868403174266, 10**18, -(10**18), 999999999999999999, 2**53 + 1, 0, 1,
]  # fmt: skip


@pytest.mark.parametrize("more", ["", MANY])
def test_a_day_of_the_largest_numbers_is_pressed_proven_and_restored_in_order(tmp_path: Path, more: str) -> None:
    contract = CONTRACT.model_copy(update={"order_by": ("i",), "restore_order": ("i",)})
    records = [record_of(SOUND | {"i": str(number), "s": "null"}, str(number), more) for number in NUMBERS]
    records.append(record_of(SOUND | {"i": "null"}, "none", more))
    (tmp_path / "raw.ndjson").write_bytes(b"\n".join(records))
    lake = str(tmp_path / "lake")
    report, checks = run_day(contract, DAY, [str(tmp_path / "raw.ndjson")], lake, threads=1)
    assert (report.rows, report.rejects, [check for check in checks if not check.ok]) == (len(records), 0, [])
    out = io.BytesIO()
    restore_day(contract, DAY, lake, out, threads=1)
    lines = out.getvalue().splitlines()
    known = sorted(number for number in NUMBERS if abs(number) < 2**63 - 1 or number < 0)
    known.remove(-(2**63))  # it stands for no value, and rows without one come last, as the largest does
    assert lines[: len(known)] == [records[NUMBERS.index(number)] for number in known]
    assert sorted(lines) == sorted(records)
    table = open_lake(lake).table("any_log").scan(DAY, DAY, columns=["n", "i"]).to_arrow()
    assert dict(zip(table["n"].to_pylist(), table["i"].to_pylist(), strict=True)) == {
        **{str(number): number if abs(number) < 2**63 else None for number in NUMBERS},
        "none": None,
    }
    where = open_lake(lake).table("any_log").scan(DAY, DAY, columns=["n"], where=[("i", ">", 10**18)]).to_arrow()
    assert set(where["n"].to_pylist()) == {str(2**63 - 1), "1726275868403174266"}


EDGES = [
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+09:00", "1677-09-21T00:00:00Z", "1969-12-31T23:59:59.999Z",
    "2262-04-12T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-09:00",
]  # fmt: skip
OUTSIDE = {"1", "6"}
"""Those that are in no year that catalogs accept."""


@pytest.mark.parametrize("more", ["", MANY])
def test_a_day_with_instants_at_the_ends_of_the_calendar_is_published_and_read(tmp_path: Path, more: str) -> None:
    names = ("u", "r", "q", "p")
    records = [
        record_of(SOUND | dict.fromkeys(names, json.dumps(text)), str(number), more)
        for number, text in enumerate(EDGES)
    ]
    (tmp_path / "raw.ndjson").write_bytes(b"\n".join(records))
    lake = str(tmp_path / "lake")
    report, _ = run_day(CONTRACT, DAY, [str(tmp_path / "raw.ndjson")], lake, threads=1)
    assert (report.rows, report.rejects) == (len(EDGES), 0)
    scan = open_lake(lake).table("any_log").scan(DAY, DAY, columns=["n", *names])
    arrow, polars = scan.to_arrow(), scan.to_polars()
    for name in names:
        by_row = dict(zip(arrow["n"].to_pylist(), arrow[name].to_pylist(), strict=True))
        assert {row for row, value in by_row.items() if value is None} == OUTSIDE
        assert {value.year for value in by_row.values() if value is not None} == {1, 1677, 1969, 2262, 9999}
        assert polars[name].null_count() == len(OUTSIDE)
