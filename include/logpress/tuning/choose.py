"""The rule by which a candidate is chosen: a byte a record is worth so many nanoseconds of writing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from logpress.contract.base import Encoding
from logpress.tuning.measure import Candidate, Cost

NS_A_BYTE = 1000.0
"""What a byte a record is worth, in nanoseconds of one core a record: as long as it takes to press one."""

LEAST_GAIN = 0.005
"""A higher level is taken only if it makes the column smaller by this share, and another encoding or level than today's
only if it gains as much."""

LEAST_OF_FILE = 0.001
"""And this share of the whole file: less is what one day differs from the next by, and not worth a line to read."""

NOISE = 0.15
"""Times that differ by less than this share count as equal to today's."""

LEAST_NS = 20.0
"""What makes a column no smaller is taken only if it saves so many nanoseconds a record: times vary, sizes do not. For
the same reason what makes it larger must save twice the time that the bytes are worth."""


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
        costs: what candidates took, today's among them.
        today: how the column is stored.
        allowed: encodings that all readers read.
        rows: how many values were written.
        file_bytes: what all columns take.
        ns_a_byte: what a byte is worth.
    """

    def price(candidate: Candidate) -> float:
        cost = costs[candidate]
        return cost.stored_bytes * ns_a_byte + cost.write_ns

    readable = sorted((c for c in costs if c.encoding in allowed), key=lambda candidate: (price(candidate), candidate))
    if not readable:
        return today
    least = max(LEAST_GAIN * costs[today].stored_bytes, LEAST_OF_FILE * file_bytes)
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
