"""What follows from a contract is computed once, shared, and forgotten with it."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from logpress.codecs.registry import codecs_of
from logpress.contract import load_contract
from logpress.contract.once import once_per_contract
from logpress.engine.registers.stored_columns import stored_columns


def test_it_is_computed_once_for_each_contract_even_if_they_are_equal():
    calls: list[int] = []

    @once_per_contract
    def names(contract):
        """What it says."""
        calls.append(1)
        return tuple(contract.by_name)

    one, other = load_contract("sdk_log"), load_contract("sdk_log").model_copy(deep=True)
    assert names(one) is names(one)
    assert len(calls) == 1
    assert names(other) == names(one)
    assert len(calls) == 2
    assert names.__doc__ == "What it says."


def test_a_changed_copy_has_its_own():
    contract = load_contract("sdk_log")
    fewer = contract.model_copy(update={"columns": contract.columns[:3]})
    assert len(codecs_of(contract)) > 3
    assert list(codecs_of(fewer)) == [column.name for column in contract.columns[:3]]
    assert len(stored_columns(fewer)) < len(stored_columns(contract))


@pytest.mark.parametrize("function", [codecs_of, stored_columns])
def test_a_contract_that_nobody_needs_goes(function):
    contract = load_contract("sdk_log").model_copy(deep=True)
    function(contract)
    seen = weakref.ref(contract)
    del contract
    gc.collect()
    assert seen() is None


def test_what_was_kept_for_contracts_that_have_gone_goes():
    values: list[weakref.ref[Value]] = []

    class Value:
        """What a function gives."""

    @once_per_contract
    def value(contract):
        found = Value()
        values.append(weakref.ref(found))
        return found

    first = load_contract("sdk_log")
    value(first)
    for _ in range(500):
        value(load_contract("sdk_log"))
    assert sum(one() is not None for one in values) <= 65
    assert value(first) is values[0]()


def test_threads_get_the_same_answer():
    contract = load_contract("sdk_log").model_copy(deep=True)
    ready, found = threading.Barrier(8), []

    def run() -> None:
        ready.wait()
        found.append(list(codecs_of(contract)))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[column.name for column in contract.columns]] * 8
    assert codecs_of(contract) is codecs_of(contract)


def test_what_is_shared_cannot_be_changed():
    with pytest.raises(TypeError):
        codecs_of(load_contract("sdk_log"))["x"] = None  # type: ignore[index]
