"""The operations of slots: each number of an operation, by the name of its field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import SEED, compact

from logpress.codecs import kernels_codes as codes
from logpress.codecs.kernels_dispatch import UUID
from logpress.codecs.own_kernels import OwnKernelsCodec
from logpress.contract import Contract, load_contract
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Boolean, Decimal, Instant, Integer, Json, KinesisSequence, Uuid
from logpress.engine.registers.operations import operation
from logpress.engine.registers.operations import operations as operations_of
from logpress.engine.registers.registers import Registers
from logpress.layout.mine import Miner
from logpress.layout.model import InstantFormat, Kind, Layout, Slot

EVERY_CODEC = str(Path(__file__).parents[3] / "contracts" / "every_codec.yaml")
RECORD = {
    "at": "2021-12-26T00:00:00.123+09:00", "kind": "a", "name": "b", "label": "c", "title": "d", "tiny": 1, "small": 2,
    "middle": 3, "large": 4, "price": 1.5, "open": True, "free": [1], "number": SEED["_id"],
    "seen": "2021-12-26 00:00:00Z", "seen_again": "2021-12-26T00:00:00",
    "more": {"share": 2.5, "also": {"x": 1}, "number": SEED["_id"]},
}  # fmt: skip


def operations(contract: Contract, record: bytes) -> list[tuple[Slot, list[int]]]:
    registers = Registers(contract)
    slots = enumerate(Miner(contract).mine(record).layout.slots)
    return [(slot, operation(slot, registers).row(index)) for index, slot in slots if slot.role != "extra"]


def cases() -> list[tuple[Contract, bytes]]:
    return [(load_contract("sdk_log"), compact(SEED)), (load_contract(EVERY_CODEC), json.dumps(RECORD).encode())]


@pytest.mark.parametrize("case", [0, 1])
def test_operations_say_what_their_names_say(case: int) -> None:
    contract, record = cases()[case]
    registers = Registers(contract)
    found = operations(contract, record)
    assert {len(op) for _, op in found} == {codes.OPERATION_FIELDS}
    seen = set()
    for slot, op in found:
        assert Miner(contract).mine(record).layout.slots[op[codes.SLOT]] == slot
        seen.add(op[codes.CODE])
        if slot.role == "copy":
            copy = next(copy for copy in contract.copies if copy.path == slot.path)
            units = UNITS_PER_SECOND[registers.columns[copy.of].unit]
            assert op[codes.TARGET] == registers[copy.of]
            if slot.instant is None:
                assert op[codes.CODE] == codes.COPY_EPOCH
                assert (op[codes.COLUMN_UNITS], op[codes.COPY_UNITS]) == (units, 1000 if "ms" in copy.form else 1)
            else:
                assert op[codes.CODE] == codes.COPY_INSTANT
                assert_instant(op, slot.instant, units)
                assert op[codes.REFERENCE] == -1
            continue
        column = registers.columns[slot.name]
        if isinstance(column, KinesisSequence):
            names = registers.of_column(column.name)
            numbers = [op[field] for field in (codes.TARGET, codes.ARRIVAL, codes.COUNTER, codes.SUB)]
            assert (op[codes.CODE], numbers) == (codes.KINESIS, [registers[name] for name in names])
            continue
        assert op[codes.TARGET] == registers[column.name]
        if isinstance(column, Instant):
            assert slot.instant is not None
            assert op[codes.CODE] == codes.INSTANT
            assert_instant(op, slot.instant, UNITS_PER_SECOND[column.unit])
            assert op[codes.SECOND] == registers.numbers.get(f"{column.name}#shift_min", -1)
            if column.label_checked_by:
                checked_by = registers.columns[column.label_checked_by]
                assert op[codes.REFERENCE] == registers[checked_by.name]
                assert op[codes.REFERENCE_UNITS] == UNITS_PER_SECOND[checked_by.unit]
            else:
                assert op[codes.REFERENCE] == -1
        elif isinstance(column, Integer):
            bits = int(column.type[3:])
            assert (op[codes.CODE], op[codes.LARGEST]) == (codes.INTEGER, 2 ** (bits - 1) - 1)
            assert op[codes.SMALLEST] + op[codes.LARGEST] == (-1 if bits < 32 else 0)
        elif isinstance(column, Decimal):
            assert (op[codes.CODE], op[codes.SECOND]) == (codes.DECIMAL, registers[f"{column.name}#scale"])
        elif isinstance(column, Boolean):
            assert op[codes.CODE] == codes.BOOLEAN
        elif isinstance(codec := registers.codecs[column.name], OwnKernelsCodec):
            second = [registers[register.name] for register in codec.registers[1:]] or [-1]
            assert (op[codes.CODE], [op[codes.SECOND]], op[codes.OPTION]) == (codec.code, second, codec.option)
            if isinstance(column, Uuid):
                assert (op[codes.CODE], op[codes.SECOND]) == (UUID, registers[f"{column.name}#low"])
                assert op[codes.OPTION] == (column.letters == "upper")
        else:
            assert op[codes.CODE] == (codes.VALUE if isinstance(column, Json) else codes.STRING)
            assert op[codes.DICTIONARY] == registers.dictionaries[column.name]
    expected = {codes.INSTANT, codes.STRING, codes.KINESIS, codes.COPY_INSTANT}
    more = {codes.INTEGER, codes.DECIMAL, codes.BOOLEAN, codes.VALUE}
    assert seen >= expected | (more if case else {codes.COPY_EPOCH})


def assert_instant(op: list[int], written: InstantFormat, units: int) -> None:
    assert (op[codes.SEPARATOR], op[codes.DIGITS]) == (ord(written.separator), written.digits)
    assert (op[codes.UNITS], op[codes.OFFSET_MIN]) == (units, written.offset_min)


def test_a_typed_operation_says_what_its_names_say() -> None:
    contract = load_contract(EVERY_CODEC)
    registers = Registers(contract)
    own = {"tiny": codes.INTEGER, "price": codes.DECIMAL, "open": codes.BOOLEAN}
    for name, code in own.items():
        slots = (Slot(Kind.STRING, "extra", "", "other"), Slot(Kind.STRING, "extra", "", name, fills=name))
        layout = Layout((b"", b"", b""), slots)
        (op,) = operations_of(layout, registers, fills_all=True)[-1:]
        assert (op[codes.SLOT], op[codes.CODE], op[codes.OWN_CODE]) == (1, codes.TYPED, code)
        assert op[codes.TARGET] == registers[name]
        assert op[codes.SECOND] == registers.numbers.get(f"{name}#scale", -1)
        if code == codes.INTEGER:
            assert (op[codes.OWN_SMALLEST], op[codes.OWN_LARGEST]) == (-128, 127)


def test_what_no_operation_fills_is_absent() -> None:
    contract, record = cases()[1]
    registers = Registers(contract)
    slots = Miner(contract).mine(record).layout.slots
    some = tuple(slot for slot in slots if slot.role == "column" and slot.name in ("number", "price", "kind"))
    layout = Layout((b"",) * (len(some) + 1), some)
    filled = {"_layout", "kind", "price", "price#scale", *registers.of_column("number")}
    found = {
        op[codes.TARGET] for op in operations_of(layout, registers, fills_all=True) if op[codes.CODE] == codes.ABSENT
    }
    assert found == {number for name, number in registers.numbers.items() if name not in filled}
