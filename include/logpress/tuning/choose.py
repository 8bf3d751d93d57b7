"""The rule by which a candidate is chosen: a byte a record is worth so many nanoseconds of writing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from logpress.contract.model import Encoding
from logpress.tuning.measure import Candidate, Cost

NS_A_BYTE = 500.0
"""What a byte a record is worth, in nanoseconds of one core a record. Two cores press about a record a microsecond: at
this rate a choice that makes files of seven bytes a record smaller by a tenth may cost a third more time."""

LEAST_GAIN = 0.005
"""A higher level is taken only if it makes the column smaller by this share, and a change from today's storage only
if it makes it cheaper by as much."""

LEAST_BYTES = 0.003
"""And by so many bytes a record: less is what one day differs from the next by."""

NOISE = 0.15
"""Times that differ by less than this share count as equal to today's."""


def choose(
    costs: Mapping[Candidate, Cost],
    today: Candidate,
    allowed: Collection[Encoding],
    rows: int,
    ns_a_byte: float = NS_A_BYTE,
) -> Candidate:
    """The cheapest candidate; today's, unless another one is cheaper by more than noise.

    Args:
        costs: what candidates took, today's among them.
        today: how the column is stored.
        allowed: encodings that all readers read.
        rows: how many values were written.
        ns_a_byte: what a byte is worth.
    """

    def price(candidate: Candidate) -> float:
        cost = costs[candidate]
        return cost.stored_bytes * ns_a_byte + cost.write_ns

    readable = [candidate for candidate in costs if candidate.encoding in allowed]
    if not readable:
        return today
    best = min(readable, key=lambda candidate: (price(candidate), candidate))
    most = costs[best].stored_bytes * (1 + LEAST_GAIN)
    best = min(c for c in readable if c.encoding == best.encoding and costs[c].stored_bytes <= most)
    if today.encoding not in allowed or best == today:
        return best
    before, after = costs[today], costs[best]
    ns = before.write_ns - after.write_ns
    if abs(ns) <= NOISE * before.write_ns:
        ns = 0
    gain = before.stored_bytes - after.stored_bytes + ns / ns_a_byte
    is_worth_it = gain > max(LEAST_GAIN * before.stored_bytes, LEAST_BYTES * rows)
    return best if is_worth_it else today
