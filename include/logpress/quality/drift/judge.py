"""Checks of drift: a measure of the day against the same measure of earlier days.

A change counts if it is larger than the check's `min_change` and than `deviations` robust standard deviations of the
earlier days, where chance alone makes no smaller one. docs/checks.md says what each measure compares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from logpress.contract.checks import Drift, Measure, name_of
from logpress.quality.drift.figures import MIN_DAYS, DayFigures, chosen
from logpress.quality.drift.shapes import pooled, shapes_of, tells_enough
from logpress.quality.drift.statistics import (
    Usual,
    clustering,
    deviations_of_count,
    distance,
    distance_by_chance,
    is_new,
    moderated,
    ratio_bounds,
    share_bounds,
)
from logpress.results import CheckResult, ColumnProfile

MIN_CHANGES: dict[Measure, float] = {
    "rows": 0.4,
    "hours": 1.0,
    "bytes_a_record": 0.2,
    "irregular": 0.01,
    "rejects": 0.01,
    "duplicates": 0.01,
    "layouts": 1.0,
    "fields": 0.001,
    "nulls": 0.005,
    "distribution": 0.1,
    "shares": 1.0,
    "new_values": 0.001,
    "vanished_values": 0.005,
    "corrected_labels": 0.01,
}
"""Smallest change that counts, if the check names none: of ratios 0.4 is 40 % more, or 1 / 1.4; of shares 0.01 is one
percentage point; of distributions a Jensen-Shannon distance; of fields and values the share of rows that have them."""

_FEW = 20
"""Rows below which a new field or value is none."""

_MOST_LAYOUTS_BY_CHANCE = 10
"""Layouts that a day may have more than usual, because odd records make some."""

_SHARE_THAT_COUNTS = 0.005
"""Share of rows from which on the rows of a value are compared by themselves."""

_SHOWN = 5
"""Findings that a message names."""


@dataclass(frozen=True)
class Found:
    """What a measure found.

    Attributes:
        text: what is not as usual, in a few words; empty: all is.
        columns: the columns that are not.
        observed, low, high: of a measure that is one number: it, and the bounds of what is as usual.
    """

    text: str = ""
    columns: tuple[str, ...] = ()
    observed: float | None = None
    low: float | None = None
    high: float | None = None


def judge_drift(check: Drift, today: DayFigures, past: Sequence[DayFigures]) -> CheckResult:
    """The result of a check of drift; with too few earlier days it passes, and says so.

    Args:
        check: the check.
        today: the day.
        past: earlier days, those before the last week too.
    """
    base, what = chosen(today.day, past), check.of.replace("_", " ")
    days = tuple(sorted(figures.day for figures in base))
    if not base:
        message = f"{what}: not compared, because fewer than {MIN_DAYS} earlier days have a profile"
        return CheckResult(
            check=name_of(check), kind=check.kind, columns=check.named, level=check.level, ok=True, message=message
        )
    found = _MEASURES[check.of](_Comparison(check, today, base, past))
    weekday = all((today.day - day).days % 7 == 0 for day in days)
    earlier = f"{len(days)} earlier {today.day:%A}s" if weekday else f"{len(days)} days before"
    message = f"drift of {what}: {found.text}" if found.text else f"{what}: as usual"
    message += f", compared with {earlier}"
    return CheckResult(
        check=name_of(check), kind=check.kind, columns=found.columns or check.named, level=check.level,
        ok=not found.text, message=message, observed=found.observed, low=found.low, high=found.high,
        compared_with=days,
    )  # fmt: skip


@dataclass(frozen=True)
class _Comparison:
    """A day and the days that it is compared with.

    Attributes:
        base: the days whose figures are the usual ones.
        past: all earlier days that are known: what one of them had is not new.
    """

    check: Drift
    today: DayFigures
    base: Sequence[DayFigures]
    past: Sequence[DayFigures]

    @property
    def min_change(self) -> float:
        return MIN_CHANGES[self.check.of] if self.check.min_change is None else self.check.min_change

    def figures_of(self, value: Callable[[DayFigures], float]) -> tuple[float, list[float]] | None:
        """A figure of records, today and on the earlier days; None without records, which have no figures."""
        before = [value(day) for day in self.base if day.records]
        return (value(self.today), before) if self.today.records and len(before) >= MIN_DAYS else None

    def columns(self) -> Iterator[tuple[ColumnProfile, list[ColumnProfile]]]:
        """The columns that the check is about, today and on the earlier days that know them; none of days without rows.

        These have no values, which would be taken for none of the usual ones.
        """
        if not self.today.rows:
            return
        days = [day.profile.by_name for day in self.base if day.profile.rows]
        for column in self.today.profile.columns:
            if self.check.column is None or column.name == self.check.column:
                before = [columns[column.name] for columns in days if column.name in columns]
                if len(before) >= MIN_DAYS:
                    yield column, before

    def ever(self, name: str) -> list[ColumnProfile]:
        """A column on all earlier days that know it, and have rows."""
        return [day.profile.by_name[name] for day in self.past if day.profile.rows and name in day.profile.by_name]

    def shares_of(self, before: Sequence[ColumnProfile], count: Callable[[ColumnProfile], int]) -> list[float]:
        """A column's share of rows on the earlier days."""
        rows = {id(column): day.profile.rows for day in self.base for column in day.profile.columns}
        return [count(column) / max(1, rows[id(column)]) for column in before]


# -- measures of the day


def _rows(one: _Comparison) -> Found:
    return _ratio(one, float(one.today.rows), [float(day.profile.rows) for day in one.base], "rows")


def _bytes(one: _Comparison) -> Found:
    found = one.figures_of(lambda day: day.stored_bytes / day.records)
    return Found() if found is None else _ratio(one, *found, "bytes a record")


def _ratio(one: _Comparison, observed: float, before: Sequence[float], what: str) -> Found:
    low, high = ratio_bounds(before, one.min_change, one.check.deviations)
    text = ""
    if not low <= observed <= high:
        text = f"{_figure(observed)} {what}, usually {_figure(Usual.of(before).median)}"
    return Found(text, (), observed, low, None if math.isinf(high) else high)


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 10_000 else f"{number:,.4g}"


def _share(one: _Comparison, what: str, count: Callable[[DayFigures], int]) -> Found:
    figures = one.figures_of(lambda day: count(day) / day.records)
    if figures is None:
        return Found()
    observed, before = figures
    _, high = share_bounds(before, one.today.records, one.min_change, one.check.deviations)
    text = ""
    if observed > high:  # fewer than usual are no fault
        text = f"{observed:.2%} of the records are {what}, usually {Usual.of(before).median:.2%}"
    return Found(text, (), observed, 0.0, high)


def _departs(one: _Comparison, observed: float, expected: Sequence[float], clusters: float) -> bool:
    """Whether a count of rows is not as usual: by ratio, by chance, and by how it varied.

    Args:
        one: the comparison.
        observed: rows today.
        expected: rows that the earlier days would have, had they as many rows in all.
        clusters: see `clustering`.
    """
    usual = Usual.of(expected).median
    ratio = (observed + 1) / (usual + 1)
    if max(ratio, 1 / ratio) <= 1 + one.min_change:
        return False
    own = [deviations_of_count(count, usual, clusters) for count in expected]
    away = abs(deviations_of_count(observed, usual, clusters))
    return away > one.check.deviations * moderated(Usual.of(own).spread, len(own)) and away > 1.5 * max(map(abs, own))


def _hours(one: _Comparison) -> Found:
    base = [day for day in one.base if day.profile.rows]
    if len(base) < MIN_DAYS:
        return Found()
    days = [{hour: float(rows) for hour, rows in enumerate(day.profile.hours)} for day in base]
    clusters, found = clustering(days), []
    for hour, observed in enumerate(one.today.profile.hours):
        expected = [day[hour] / figures.profile.rows * one.today.rows for day, figures in zip(days, base, strict=True)]
        if _departs(one, observed, expected, clusters):
            usual = Usual.of(expected).median
            found.append(f"{observed:,} rows from {hour:02}:00 to {hour + 1:02}:00, usually {usual:,.0f}")
    return Found(_listed(found))


def _layouts(one: _Comparison) -> Found:
    usual = Usual.of([float(day.profile.layouts) for day in one.base]).median
    high = max(usual * (1 + one.min_change), usual + _MOST_LAYOUTS_BY_CHANCE)
    observed = one.today.profile.layouts
    text = f"{observed:,} layouts, usually {usual:,.0f}" if observed > high else ""
    return Found(text, (), float(observed), 0.0, high)


def _fields(one: _Comparison) -> Found:
    least = max(_FEW, one.min_change * one.today.rows)
    before = [day.profile.unknown_paths for day in one.base]
    ever = {path for day in one.past for path in day.profile.unknown_paths}
    now = one.today.profile.unknown_paths
    found = [
        f"a new field {path} in {rows:,} rows"
        for path, rows in now.items()
        if rows >= least and path not in ever and is_new(rows, len(one.past), 1.0)
    ]
    for path in before[0]:
        shares = [paths.get(path, 0) / max(1, day.profile.rows) for paths, day in zip(before, one.base, strict=True)]
        expected = Usual.of(shares).median * one.today.rows
        if path not in now and min(shares) >= one.min_change and _is_enough(expected, 1.0):
            found.append(f"the field {path} is gone, usually in {expected:,.0f} rows")
    return Found(_listed(found))


# -- measures of columns


def _each(one: _Comparison, judge: Callable[[_Comparison, ColumnProfile, list[ColumnProfile]], Iterable[str]]) -> Found:
    texts: list[str] = []
    columns: list[str] = []
    for column, before in one.columns():
        found = [f"{column.name}: {text}" for text in judge(one, column, before)]
        texts += found
        columns += [column.name] * bool(found)
    return Found(_listed(texts), tuple(columns))


def _nulls(one: _Comparison, column: ColumnProfile, before: list[ColumnProfile]) -> Iterator[str]:
    shares = one.shares_of(before, lambda some: some.nulls)
    observed = column.nulls / max(1, one.today.rows)
    low, high = share_bounds(shares, one.today.rows, one.min_change, one.check.deviations)
    if not low <= observed <= high:
        yield f"{observed:.2%} null, usually {Usual.of(shares).median:.2%}"


def _corrected(one: _Comparison, column: ColumnProfile, before: list[ColumnProfile]) -> Iterator[str]:
    if column.corrected is None:
        return
    shares = one.shares_of(before, lambda some: some.corrected or 0)
    observed = column.corrected / max(1, one.today.rows)
    low, high = share_bounds(shares, one.today.rows, one.min_change, one.check.deviations)
    if not low <= observed <= high:
        yield f"{observed:.2%} of the labels are wrong, usually {Usual.of(shares).median:.2%}"


def _distribution(one: _Comparison, column: ColumnProfile, before: list[ColumnProfile]) -> Iterator[str]:
    usable = [some for some in before if tells_enough(some)]
    every = shapes_of([column, *usable, *filter(tells_enough, one.ever(column.name))])
    if every is None:
        return
    now, shapes = every[0], [shape for shape in every[1 : 1 + len(usable)] if shape]
    if len(shapes) < MIN_DAYS or not now:
        return
    whole = pooled(shapes)
    observed = distance(now, whole)
    # each earlier day against the others, as the day is against all of them
    own = [distance(shape, pooled([other for other in shapes if other is not shape])) for shape in shapes]
    usual = Usual.of(own)
    clusters = clustering(shapes)
    sizes = sum(now.values()) / clusters, sum(whole.values()) / clusters
    chance = distance_by_chance(len(now.keys() | whole.keys()), *sizes)
    high = max(one.min_change, usual.median + one.check.deviations * usual.spread, 1.5 * max(own), 2 * chance)
    seen = [shape for shape in every[1:] if shape]
    if observed > high and min(distance(now, shape) for shape in seen) > high:  # else a change that was told already
        yield f"a Jensen-Shannon distance of {observed:.2f}, usually {usual.median:.2f}{_moved(column, now, whole)}"


def _shares(one: _Comparison, column: ColumnProfile, before: list[ColumnProfile]) -> Iterator[str]:
    clusters = clustering([some.top for some in before])
    rows = max(1, one.today.rows)
    for value in sorted({value for some in before for value in some.top}):
        shares = one.shares_of(before, lambda some, value=value: some.top.get(value, 0))  # type: ignore[misc]
        usual, observed = Usual.of(shares).median, column.top.get(value, 0)
        if usual >= _SHARE_THAT_COUNTS and _departs(one, observed, [share * rows for share in shares], clusters):
            yield f"{_quoted(value)} has {observed / rows:.2%} of the rows, usually {usual:.2%}"


def _new_values(one: _Comparison, column: ColumnProfile, before: list[ColumnProfile]) -> Iterator[str]:
    least = max(_FEW, one.min_change * one.today.rows)
    ever = one.ever(column.name)
    if not column.top or any(some.others for some in ever):  # the lists of values are not complete
        return
    known = {value for some in ever for value in some.top}
    clusters = clustering([some.top for some in before])
    for value, rows in column.top.items():
        if rows >= least and value not in known and is_new(rows, len(ever), clusters):
            yield f"a new value {_quoted(value)} in {rows:,} rows"


def _vanished_values(one: _Comparison, column: ColumnProfile, before: list[ColumnProfile]) -> Iterator[str]:
    if column.others or not all(some.top for some in before):
        return
    clusters = clustering([some.top for some in before])
    for value in sorted(set.intersection(*(set(some.top) for some in before))):
        shares = one.shares_of(before, lambda some, value=value: some.top[value])  # type: ignore[misc]
        expected = Usual.of(shares).median * one.today.rows
        if value not in column.top and min(shares) >= one.min_change and _is_enough(expected, clusters):
            yield f"no {_quoted(value)}, usually in {expected:,.0f} rows"


_MOST_BY_CHANCE = 1e-7
"""Probability below which it is no chance that a value is missing."""


def _is_enough(expected: float, clusters: float) -> bool:
    """Whether so many expected rows cannot be missing by chance."""
    return math.exp(-expected / clusters) < _MOST_BY_CHANCE


_MEASURES: Mapping[Measure, Callable[[_Comparison], Found]] = {
    "rows": _rows,
    "hours": _hours,
    "bytes_a_record": _bytes,
    "irregular": lambda one: _share(one, "irregular rows", lambda day: day.irregular),
    "rejects": lambda one: _share(one, "rejects", lambda day: day.rejects - day.duplicates),
    "duplicates": lambda one: _share(one, "duplicates", lambda day: day.duplicates),
    "layouts": _layouts,
    "fields": _fields,
    "nulls": lambda one: _each(one, _nulls),
    "corrected_labels": lambda one: _each(one, _corrected),
    "distribution": lambda one: _each(one, _distribution),
    "shares": lambda one: _each(one, _shares),
    "new_values": lambda one: _each(one, _new_values),
    "vanished_values": lambda one: _each(one, _vanished_values),
}


# -- words


def _moved(column: ColumnProfile, now: Mapping[object, float], usual: Mapping[object, float]) -> str:
    """The values that moved most, for a message; or the median of a number."""
    if any(isinstance(value, str) and value.startswith("bin ") for value in now):
        middle = column.quantiles.get("0.5")
        return "" if middle is None else f"; the median is {middle:,.6g}"
    whole_now, whole_before = sum(now.values()), sum(usual.values())
    changes = {
        value: (usual.get(value, 0.0) / whole_before, now.get(value, 0.0) / whole_now)
        for value in now.keys() | usual.keys()
        if value is not None
    }
    largest = sorted(changes.items(), key=lambda item: -abs(item[1][1] - item[1][0]))[:2]
    return "; " + ", ".join(f"{_quoted(str(value))} {was:.1%} -> {is_:.1%}" for value, (was, is_) in largest)


_MOST_CHARACTERS = 60


def _quoted(value: str) -> str:
    return repr(value if len(value) <= _MOST_CHARACTERS else f"{value[:_MOST_CHARACTERS]}...")


def _listed(found: Sequence[str]) -> str:
    more = len(found) - _SHOWN
    return "; ".join(found[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
