"""Charts as SVG. Shapes fill the width that they get; words are HTML around them, and so stay readable on any screen.

Each chart has a text alternative, and each mark a title that pointers show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from logpress.reports.markup import Child, Markup, el

_WIDTH, _HEIGHT = 1000, 200
"""Of the SVG's own coordinates, which are stretched."""

COLOURS = tuple(f"f{number}" for number in range(8))
"""Classes of page.css, each a colour."""

REST = "rest"


@dataclass(frozen=True)
class Mark:
    """A number of a chart.

    Attributes:
        value: None if there is none, as of a missing day.
        title: what a pointer shows.
    """

    value: float | None
    title: str


def stack(parts: Sequence[tuple[str, float, str]], said: str) -> Markup:
    """One bar of several parts: (class of its colour, size, what a pointer shows)."""
    whole = sum(size for _, size, _ in parts) or 1
    marks, at = [], 0.0
    for colour, size, title in parts:
        width = _WIDTH * size / whole
        marks.append(el("rect", el("title", title), x=_n(at), y=0, width=_n(width), height=_HEIGHT, class_=colour))
        at += width
    return _svg(marks, said, "stack")


def legend(entries: Sequence[tuple[str, Child]]) -> Markup:
    """What the colours mean: (class, words)."""
    return el("ul", [el("li", el("i", class_=colour), words) for colour, words in entries], class_="legend")


@dataclass(frozen=True)
class Days:
    """What the charts of one page have in common.

    Attributes:
        count: marks of each chart.
        ticks: (position of a mark, its label) below.
    """

    count: int
    ticks: Sequence[tuple[int, str]]

    @property
    def step(self) -> float:
        """Width of a mark."""
        return _WIDTH / max(1, self.count)


def curve(what: str, more: str, days: Days, marks: Sequence[Mark], middle: Sequence[float | None]) -> Markup:
    """A line over days, with gaps, and a dashed one of what is usual. The axis begins at 0 only if the line comes near.

    Args:
        what: headline.
        more: further words behind it.
        days: of the page.
        marks: one a day.
        middle: what is usual, one a day.
    """
    known = [mark.value for mark in marks if mark.value is not None] + [value for value in middle if value is not None]
    low, top = _axis(min(known, default=0.0), max(known, default=0.0))
    shapes = _grid()
    for values, kind in (([*middle], "middle"), ([mark.value for mark in marks], "curve")):
        path = _path(values, low, top, days.step)
        shapes += [el("path", d=path, class_=kind)] if path else []
    return _figure(what, more, days, [*shapes, *_hits(marks, days.step)], (low, top), None)


def bars(what: str, more: str, days: Days, marks: Sequence[Mark]) -> Markup:
    """A bar for each mark; see `curve`."""
    parts = [None if mark.value is None else [("f0", mark.value)] for mark in marks]
    return stacked_bars(what, more, days, parts, [mark.title for mark in marks])


def stacked_bars(
    what: str, more: str, days: Days, marks: Sequence[Sequence[tuple[str, float]] | None], titles: Sequence[str]
) -> Markup:
    """A bar of several parts for each mark; see `curve`.

    Args:
        what: headline.
        more: further words behind it.
        days: of the page.
        marks: (class of its colour, size) of the parts; None without any.
        titles: what pointers show.
    """
    top = _round_up(max([sum(size for _, size in parts) for parts in marks if parts is not None], default=0.0))
    gap = min(days.step / 4, 6)
    shapes = _grid()
    for number, parts in enumerate(marks):
        at = float(_HEIGHT)
        for colour, size in parts or ():
            height = _HEIGHT * size / top
            at -= height
            x, width = number * days.step + gap / 2, days.step - gap
            shapes.append(el("rect", x=_n(x), y=_n(at), width=_n(width), height=_n(height), class_=colour))
    hits = [Mark(None if parts is None else 0.0, title) for parts, title in zip(marks, titles, strict=True)]
    return _figure(what, more, days, [*shapes, *_hits(hits, days.step)], (0.0, top), "bars")


def _figure(
    what: str, more: str, days: Days, shapes: Sequence[Markup], axis: tuple[float, float], kind: str | None
) -> Markup:
    low, top = axis
    labels = [
        el("span", _label(top - (top - low) * n / 4), class_="y", style=f"top:{25 * n}%", aria_hidden="true")
        for n in (0, 2, 4)
    ]
    below = [el("span", text, style=f"left:{100 * (at + 0.5) / max(1, days.count):.2f}%") for at, text in days.ticks]
    plot = el("div", _svg(shapes, f"{what}: {more}", kind), labels, class_="plot")
    caption = el("figcaption", what, " ", el("span", more))
    return el("figure", caption, plot, el("div", below, class_="ticks", aria_hidden="true"))


def _svg(shapes: Sequence[Markup], said: str, kind: str | None) -> Markup:
    return el(
        "svg", shapes, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", preserveAspectRatio="none", role="img", aria_label=said,
        class_=kind,
    )  # fmt: skip


def _grid() -> list[Markup]:
    return [el("line", x1=0, x2=_WIDTH, y1=_HEIGHT * n // 4, y2=_HEIGHT * n // 4, class_="grid") for n in (0, 2, 4)]


def _hits(marks: Sequence[Mark], step: float) -> list[Markup]:
    """What pointers find: a strip for each mark, red where there is none."""
    return [
        el(
            "rect", el("title", mark.title), x=_n(number * step), y=0, width=_n(step), height=_HEIGHT,
            class_="hit" if mark.value is not None else "empty",
        )
        for number, mark in enumerate(marks)
    ]  # fmt: skip


def _path(values: Sequence[float | None], low: float, top: float, step: float) -> str:
    """Lines between neighbours; a value without neighbours is a short line."""
    said, is_down = [], False
    for number, value in enumerate(values):
        if value is None:
            is_down = False
            continue
        x, y = _n((number + 0.5) * step), _n(_HEIGHT * (top - value) / (top - low))
        is_alone = not is_down and (number + 1 == len(values) or values[number + 1] is None)
        said.append(f"{'L' if is_down else 'M'}{x} {y}" + (f"h{_n(step / 4)}" if is_alone else ""))
        is_down = True
    return "".join(said)


def _axis(lowest: float, largest: float) -> tuple[float, float]:
    """Begin and end of an axis for a line between these."""
    if lowest < largest / 2:
        return 0.0, _round_up(largest)
    step = _round_up(max(largest - lowest, largest / 20, 1e-9))
    return step * (floor(lowest / step)), step * (floor(largest / step) + 1)


def _round_up(largest: float) -> float:
    """The end of an axis: the next 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 of a power of ten; 1 if there is nothing."""
    if largest <= 0:
        return 1.0
    power = 10.0 ** floor(log10(largest))
    return next(power * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if power * step >= largest * 0.9999)


def _label(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
