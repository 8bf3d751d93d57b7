"""Figures as words: ratios, changes, dollars, counts."""

from __future__ import annotations


def dollars(amount: float) -> str:
    """An amount with as many digits as it needs."""
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}" if amount >= 0.01 or not amount else "<$0.01"


def change(share: float) -> str:
    """A change in percent, with its sign."""
    return f"{100 * share:+.1f} %"


def times(ratio: float | None) -> str:
    """A ratio, with fewer digits the larger it is; a dash if there is none."""
    return "-" if ratio is None else f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}"


def counted(number: int, what: str) -> str:
    """A number and what it counts, in the plural if it must be."""
    return f"{number:,} {what}{'s' * (number != 1)}"
