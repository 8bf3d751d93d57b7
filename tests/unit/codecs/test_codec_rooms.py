"""Properties of every codec, tried with its own example."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from tests.conftest import Pressed, assert_round_trip

from logpress.codecs.kernels_codes import COPY_EPOCH, COPY_INSTANT, KINESIS
from logpress.codecs.kernels_text import NULL
from logpress.codecs.lenient import LenientReader
from logpress.codecs.registry import CODECS, codecs_of
from logpress.contract.columns import Column
from logpress.contract.model import Contract
from logpress.engine.part.part_reader import PartReader
from logpress.engine.registers.operations import operations
from logpress.engine.registers.registers import Registers
from logpress.engine.registers.stored_columns import physical_columns
from logpress.layout.mine import Miner

EXAMPLES = {name: codec.example for name, codec in CODECS.items()}


def contract_of(codec: str) -> Contract:
    columns = [
        {"name": "at", "path": "at", "codec": "instant"},
        {"name": "kind", "path": "kind", "codec": "category"},
        {"name": "v", "path": "v", "codec": codec, **EXAMPLES[codec].keys},
    ]
    return Contract.model_validate({"table": "t", "day": "at", "columns": columns})


def record_of(text: bytes, rest: bytes = b"") -> bytes:
    return b'{"at":"2021-12-26T05:00:00.500Z","kind":"k","v":' + text + rest + b"}"


TOO_MANY = b"".join(b',"x%d":%d' % (number, number) for number in range(600))
"""With so many values a record is kept whole."""

CASES = [(codec, text) for codec, example in EXAMPLES.items() for text in example.texts]


def values_of(pressed: Pressed, contract: Contract) -> dict[str, int | bytes]:
    """The registers of the only row, with texts in place of their numbers."""
    assert pressed.part is not None
    room = codecs_of(contract)["v"]
    needed = {*physical_columns(contract, ["v"]), *(stored.name for stored in room.stored())}
    rows = PartReader(str(pressed.part)).decoder(0, sorted(needed)).all_rows()
    found: dict[str, int | bytes] = {}
    for register in room.registers:
        value = int(rows.regs[register.name][0])
        found[register.name] = rows.texts[register.name][value] if register.texts and value != NULL else value
    return found


def test_each_codec_of_the_contract_has_a_module_and_an_example() -> None:
    models = get_args(get_args(Column)[0])
    assert set(CODECS) == {get_args(model.model_fields["codec"].annotation)[0] for model in models}
    assert all(example.fits for example in EXAMPLES.values())
    assert all(example.refused for name, example in EXAMPLES.items() if name != "json")  # it takes any value


@pytest.mark.parametrize("codec", EXAMPLES)
def test_what_is_stored_is_the_column_or_its_helpers(codec: str) -> None:
    contract = contract_of(codec)
    room = codecs_of(contract)["v"]
    names = [stored.name for stored in room.stored()]
    assert sorted(names) == sorted(
        {"v"}.difference(["v"] if room.column.dependencies else []).union(room.column.helpers)
    )
    assert all(stored.meaning for stored in room.stored() if stored.name != "v")
    assert all(register.name.partition("#")[0] == "v" for register in room.registers)


@pytest.mark.parametrize(("codec", "text"), CASES)
def test_every_register_is_filled(codec: str, text: bytes) -> None:
    """One that no operation fills would have what was in memory: a number of a text that there is not."""
    registers = Registers(contract_of(codec))
    layout = Miner(registers.contract).mine(record_of(text)).layout
    filled = [0]
    for op in operations(layout, registers, fills_all=True):
        if op[1] not in (COPY_INSTANT, COPY_EPOCH):
            filled += [op[2], *op[4:7]] if op[1] == KINESIS else [number for number in op[2:4] if number >= 0]
    assert sorted(filled) == list(range(len(registers)))


@pytest.mark.parametrize(("codec", "text"), CASES)
def test_a_record_that_is_kept_whole_has_the_same_values(codec: str, text: bytes, tmp_path: Path) -> None:
    contract = contract_of(codec)
    regular = values_of(assert_round_trip(contract, [record_of(text)], tmp_path), contract)
    whole = values_of(assert_round_trip(contract, [record_of(text, TOO_MANY)], tmp_path), contract)
    if codec == "decimal":
        assert whole.pop("v#scale") == NULL
        regular.pop("v#scale")
    assert whole == regular
    has_value = text not in EXAMPLES[codec].refused
    assert (next(iter(whole.values())) != NULL) == has_value
    assert bool(dict(LenientReader(contract).registers(b'{"v":%b}' % text))) == has_value


@pytest.mark.parametrize(("codec", "text"), CASES)
def test_a_text_that_fits_is_no_extra(codec: str, text: bytes, tmp_path: Path) -> None:
    table = assert_round_trip(contract_of(codec), [record_of(text)], tmp_path).table()
    assert (table["_extra"][0].as_py() is None) == (text in EXAMPLES[codec].fits)
