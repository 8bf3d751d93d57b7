"""Lines of a table's days, each with the band in which it usually is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, time
from statistics import median
from typing import TYPE_CHECKING, Any

from logpress_page.tiles import bytes_a_record, irregular_share, reject_share

if TYPE_CHECKING:
    from logpress.lake.index_rows import DayRow
    from logpress_page.states import TableDays

WEEKS, DAYS = 8, 28
"""What says what is usual: the same weekday of so many weeks before; if too few are known, so many days before."""
_NEEDED_WEEKS, _NEEDED_DAYS = 3, 7
_SPREADS = 4.0
_FLOOR = 0.02
"""Half the width of a band at least, as a share of its middle: below it nobody would call a day unusual."""
_NORMAL = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation."""

LINES: tuple[tuple[str, str, str, Callable[[DayRow], float | None]], ...] = (
    ("rows", "Rows", "count", lambda row: row.rows),
    ("size", "Bytes a record", "bytes", bytes_a_record),
    ("irregular", "Irregular rows", "share", irregular_share),
    ("rejects", "Rejects", "share", reject_share),
)
"""(Name, title, unit, what it shows) of the lines."""


def trends(days: TableDays) -> dict[str, Any]:
    """The lines as JSON has them: seconds since 1970 of the days, and for each line its values and its band.

    Days that are not published have no value.
    """
    moments = [int(datetime.combine(one.day, time(), tzinfo=UTC).timestamp()) for one in days.days]
    lines = []
    for name, title, unit, value_of in LINES:
        values = [None if one.figures is None else value_of(one.figures) for one in days.days]
        low, high = zip(*bands(values), strict=True) if values else ((), ())
        lines.append(
            {"name": name, "title": title, "unit": unit, "values": values, "low": list(low), "high": list(high)}
        )
    return {"days": moments, "states": [one.state for one in days.days], "lines": lines}


def bands(values: Sequence[float | None]) -> Iterator[tuple[float | None, float | None]]:
    """For each value the lowest and highest that would be usual.

    The middle is the median of the same weekday, because weeks have a rhythm; the reach is four times the spread of the
    last 28 days around their own middles, by the median absolute deviation. None until enough values are known.

    Args:
        values: one a day, without gaps; None where nothing is known.
    """
    off: deque[float] = deque(maxlen=DAYS)
    for number, value in enumerate(values):
        middle = _middle(values, number)
        if middle is None or len(off) < _NEEDED_DAYS:
            yield None, None
        else:
            reach = max(_SPREADS * _NORMAL * median(off), _FLOOR * abs(middle))
            yield max(0.0, middle - reach), middle + reach
        if middle is not None and value is not None:
            off.append(abs(value - middle))


def _middle(values: Sequence[float | None], number: int) -> float | None:
    weeks = [
        one for back in range(7, 7 * WEEKS + 1, 7) if back <= number and (one := values[number - back]) is not None
    ]
    if len(weeks) >= _NEEDED_WEEKS:
        return median(weeks)
    days = [one for one in values[max(0, number - DAYS) : number] if one is not None]
    return median(days) if len(days) >= _NEEDED_DAYS else None
