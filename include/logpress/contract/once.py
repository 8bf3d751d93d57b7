"""What follows from a contract alone, computed once for each."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from logpress.contract.model import Contract

T = TypeVar("T")

_MOST = 64
"""[memory] Contracts that a function is kept for, beyond which those that have gone are looked for."""


def once_per_contract(function: Callable[[Contract], T]) -> Callable[[Contract], T]:
    """Keep what a function gives for a contract for as long as that contract lives, or a little longer.

    Contracts are not compared, which would take longer than most of these functions. What is given is shared, also
    between threads, so it must be read-only; and it must not hold the contract, which else would live for ever.

    Nothing is called when a contract goes, because a signal that comes meanwhile would be lost: Python ignores what is
    raised within such a call, SystemExit too.
    """
    kept: dict[int, tuple[weakref.ref[Contract], T]] = {}

    @wraps(function)
    def found(contract: Contract) -> T:
        known = kept.get(id(contract))
        if known is not None and known[0]() is contract:
            return known[1]
        made = weakref.ref(contract), function(contract)
        if len(kept) >= _MOST:
            for key, (of, _) in list(kept.items()):
                if of() is None:
                    kept.pop(key, None)
        kept[id(contract)] = made
        return made[1]

    return found
