"""The formulas of virtual columns, for contracts of any shape: DuckDB computes what the reader derives."""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import DAY, Pressed, compact, keeping_duplicates, press
from tests.every_type import instant, integer
from tests.integration.lakes import plain, values_of
from tests.property.test_round_trip import small_row_groups

from logpress.contract import Contract
from logpress.lake.lookups import SCHEMA
from logpress.reading.columns import columns_of
from logpress.reading.part import Part, Request
from logpress.views.lookups import lookups_of
from logpress.views.make import folder_source, make_view
from logpress.views.periods import Period

EXAMPLES = 2_000 if os.environ.get("LOGPRESS_FUZZ") == "1" else 25
_MICROS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


def any_contract(rng: random.Random) -> Contract:
    """Instants of all units that follow from each other and from numbers, and strings that follow from a key."""
    columns: list[dict[str, Any]] = [
        {"name": "at", "path": "at", "codec": "instant", "type": f"timestamp[{rng.choice(['s', 'ms', 'us'])}]"}
    ]
    numbers = [f"n{place}" for place in range(rng.randrange(4))]
    columns += [{"name": name, "path": name, "codec": "integer", "type": rng.choice(sorted(_BITS))} for name in numbers]
    instants = ["at"]
    for place in range(rng.randrange(1, 5)):
        name = f"t{place}"
        column: dict[str, Any] = {
            "name": name,
            "path": name,
            "codec": "instant",
            "type": f"timestamp[{rng.choice(['s', 'ms', 'us'])}]",
        }
        if rng.random() < 0.8:
            column["residual_of"] = [rng.choice(instants), *rng.sample(numbers, rng.randrange(len(numbers) + 1))]
        columns.append(column)
        instants.append(name)
    columns.append({"name": "key", "path": "key", "codec": rng.choice(["category", "text"])})
    columns += [
        {"name": f"l{place}", "path": f"l{place}", "codec": "lookup", "key": "key"} for place in range(rng.randrange(3))
    ]
    for column in columns:
        if ("key" in column or "residual_of" in column) and rng.random() < 0.3:
            column["storage"] = "stored"
    rng.shuffle(columns)
    contract = Contract.model_validate({"table": "any", "description": "", "day": "at", "columns": columns})
    return keeping_duplicates(contract)


def any_record(rng: random.Random, contract: Contract, keys: list[str]) -> bytes:
    """A record; some values are missing, are finer than their column, or are none."""
    found: dict[str, Any] = {}
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    found["key"] = rng.choice(keys)
    for column in contract.columns:
        if column.name == "at":
            micros = _MICROS[column.unit]
            at = midnight + timedelta(microseconds=rng.randrange(86_400_000_000) // micros * micros)
            found["at"] = (
                at.isoformat(timespec={1: "microseconds", 1000: "milliseconds"}.get(micros, "seconds"))[:-6] + "Z"
            )
        elif column.codec == "instant":
            found[column.name] = instant(rng, _MICROS[column.unit] if rng.random() < 0.95 else 1)
        elif column.codec == "integer":
            bits = _BITS[column.type]
            found[column.name] = rng.choice(
                [integer(rng, bits), 3 * 10**14 + rng.randrange(-2, 3), 5, 3 * 10**17 // rng.choice([1, 1000])]
            )
        elif column.codec == "lookup":
            found[column.name] = f"{found['key']}{column.name}" if rng.random() < 0.9 else rng.choice(["", "x", "é\n"])
    for name in rng.sample(sorted(found), rng.choice([0, 0, 1, 2])):
        if name != "at":
            found[name] = rng.choice([None, None, "no value", 7, {}])
    return compact(found) if rng.random() < 0.97 else compact(found).replace(b":", b": ", 1)


def scanned(pressed: Pressed, names: list[str]) -> pa.Table:
    """What logpress reads of the part."""
    part = Part.open(str(pressed.part))
    types = pa.schema([pa.field(column.name, column.type) for column in columns_of([part.contract])])
    request = Request(tuple(names), types, None)
    schema = pa.schema([types.field(name) for name in names])
    rows = (part.rows(group, request) for group in part.groups)
    return pa.Table.from_batches([b for found in rows if found for b in found.batches(schema, 1000)], schema)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(rng=st.randoms(use_true_random=False))
def test_duckdb_computes_what_the_reader_derives(tmp_path_factory: pytest.TempPathFactory, rng: random.Random) -> None:
    folder = tmp_path_factory.mktemp("views")
    contract = any_contract(rng)
    keys = [f"k{place}" for place in range(rng.randrange(1, 5))] + ['"\\/']
    records = [any_record(rng, contract, keys) for _ in range(rng.choice([1, 30, 150]))]
    with pytest.MonkeyPatch.context() as patch:
        pressed = press(small_row_groups(contract, patch, rng.choice([7, 40, 1000])), records, folder, threads=1)
    assert pressed.part is not None
    lookups = pa.Table.from_pylist(lookups_of(str(pressed.part), pressed.part.name, DAY), SCHEMA)
    pq.write_table(lookups, folder / "lookups.parquet")
    source = folder_source(str(pressed.part), str(folder / "lookups.parquet"), "duckdb")
    query = make_view([Period(contract)], "duckdb", source, "", is_query=True)
    found = plain(duckdb.sql(query).to_arrow_table())
    wanted = plain(scanned(pressed, found.column_names))
    for name in found.column_names:
        assert Counter(found[name].to_pylist()) == Counter(wanted[name].to_pylist()), name
    assert values_of(found) == values_of(wanted)
