"""Residuals: the order in which instants are predicted, and what is left of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

import numpy as np

from logpress.codecs.kernels_instant_columns import add_scaled, less_predicted
from logpress.codecs.nulls import widened
from logpress.codecs.texts import Ints
from logpress.contract.base import UNITS_PER_SECOND
from logpress.contract.columns import Column, Instant, dependencies
from logpress.contract.model import Contract


def columns_by_dependency(contract: Contract) -> list[Column]:
    """The contract's columns, each after those that predict it."""
    done: list[Column] = []
    names: set[str] = set()
    while len(done) < len(contract.columns):
        for column in contract.columns:
            if column.name not in names and all(name in names for name in dependencies(column)):
                done.append(column)
                names.add(column.name)
    return done


def residual_of(
    column: Instant, contract: Contract, regs: Mapping[str, Any], sign: int, values: Ints, out: Ints
) -> Ints:
    """An instant less (sign 1) or plus (sign -1) what the columns it follows say of it, in its own unit.

    Args:
        column: the instant.
        contract: its table.
        regs: the registers of the columns it follows.
        sign: which way.
        values: int64[rows].
        out: int64[rows], gets the result and is returned; may be `values`.
    """
    factors = {}  # to microseconds
    for name in column.residual_of:
        other = contract.by_name[name]
        factors[name] = 1_000_000 // UNITS_PER_SECOND[other.unit] if isinstance(other, Instant) else 1_000
    divisor = 1_000_000 // UNITS_PER_SECOND[column.unit]
    common = gcd(divisor, *factors.values())  # most often all are milliseconds, and nothing needs to be divided
    predicted = np.zeros(len(values), dtype=np.int64)
    for name, factor in factors.items():
        add_scaled(predicted, widened(regs[name]), factor // common)
    less_predicted(values, predicted, divisor // common, sign, out)
    return out
