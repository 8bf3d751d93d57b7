"""The rule that chooses a candidate: the lowest price, with bytes and nanoseconds of writing on one scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from logpress.contract.base import Encoding
from logpress.tuning.measure import Candidate, Cost

NS_A_BYTE = 1000.0
"""Nanoseconds of one core that a byte a record is worth: as long as it takes to press a record."""

LEAST_GAIN = 0.005
"""Share of the column's bytes that a higher level, or any change from today's storage, must gain; time counts too."""

LEAST_OF_FILE_BY_COLUMN = 0.001
"""A change of a column must save this share of the whole file too: one day differs from the next by less."""

NOISE = 0.15
"""Times that differ by less than this share count as equal to today's."""

LEAST_NS = 20.0
"""A candidate that saves no bytes must save so many nanoseconds a record, because times vary and sizes do not. One that
costs bytes must save twice what these are worth."""


def choose(
    costs: Mapping[Candidate, Cost],
    today: Candidate,
    allowed: Collection[Encoding],
    rows: int,
    file_bytes: float,
    ns_a_byte: float = NS_A_BYTE,
) -> Candidate:
    """The cheapest candidate; today's, unless another one is cheaper by more than noise.

    Args:
        costs: costs of the candidates, today's among them.
        today: the present storage of the column.
        allowed: encodings that all readers read.
        rows: number of values written.
        file_bytes: size of all columns.
        ns_a_byte: price of a byte.
    """

    def price(candidate: Candidate) -> float:
        cost = costs[candidate]
        return cost.stored_bytes * ns_a_byte + cost.write_ns

    readable = sorted((c for c in costs if c.encoding in allowed), key=lambda candidate: (price(candidate), candidate))
    if not readable:
        return today
    least = max(LEAST_GAIN * costs[today].stored_bytes, LEAST_OF_FILE_BY_COLUMN * file_bytes)
    for best in readable:
        most = costs[best].stored_bytes * (1 + LEAST_GAIN)
        lowest = min(c for c in readable if c.encoding == best.encoding and costs[c].stored_bytes <= most)
        if today.encoding not in allowed or _is_worth_it(costs[today], costs[lowest], least, rows, ns_a_byte):
            return lowest
    return today


def _is_worth_it(before: Cost, after: Cost, least: float, rows: int, ns_a_byte: float) -> bool:
    saved_bytes = before.stored_bytes - after.stored_bytes
    saved_ns = before.write_ns - after.write_ns
    if abs(saved_ns) <= NOISE * before.write_ns:
        saved_ns = 0
    if saved_bytes <= least:
        return saved_ns > LEAST_NS * rows and 2 * saved_bytes + saved_ns / ns_a_byte > least
    return saved_bytes + saved_ns / ns_a_byte > least
