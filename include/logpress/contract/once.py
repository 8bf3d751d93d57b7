"""What follows from a contract alone, computed once for each."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from logpress.contract.model import Contract

T = TypeVar("T")


def once_per_contract(function: Callable[[Contract], T]) -> Callable[[Contract], T]:
    """Keep what a function gives for a contract for as long as that contract lives.

    Contracts are not compared, which would take longer than most of these functions. What is given is shared, also
    between threads, so it must be read-only; and it must not hold the contract, which else would live for ever.
    """
    kept: dict[int, T] = {}

    @wraps(function)
    def found(contract: Contract) -> T:
        key = id(contract)
        if key not in kept:
            made = function(contract)
            if kept.setdefault(key, made) is made:  # of two threads the first
                weakref.finalize(contract, kept.pop, key, None).atexit = False
        return kept[key]

    return found
