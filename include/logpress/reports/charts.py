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


def curve(
    caption: Child, marks: Sequence[Mark], ticks: Sequence[tuple[int, str]], middle: Sequence[float | None] = ()
) -> Markup:
    """A line over days, with gaps, and perhaps a dashed one of what is usual.

    Args:
        caption: above it.
        marks: one a day.
        ticks: (position of a mark, its label) below.
        middle: what is usual, one a mark.
    """
    top = _round_up(max([m.value for m in marks if m.value is not None] + [m for m in middle if m is not None] + [0.0]))
    shapes: list[Markup] = [*_grid()]
    for values, kind in (([*middle], "middle"), ([mark.value for mark in marks], "curve")):
        path = _path(values, top)
        shapes += [el("path", d=path, class_=kind)] if path else []
    shapes += _hits(marks)
    return _figure(caption, shapes, top, ticks, len(marks), "")


def bars(caption: Child, marks: Sequence[Mark], ticks: Sequence[tuple[int, str]], colour: str = "f0") -> Markup:
    """A bar for each mark."""
    top = _round_up(max([mark.value or 0 for mark in marks] + [0.0]))
    step = _WIDTH / max(1, len(marks))
    gap = min(step / 4, 6)
    shapes = _grid()
    for number, mark in enumerate(marks):
        if mark.value is None:
            continue
        height = _HEIGHT * mark.value / top
        shapes.append(
            el(
                "rect",
                x=_n(number * step + gap / 2),
                y=_n(_HEIGHT - height),
                width=_n(step - gap),
                height=_n(height),
                class_=colour,
            )
        )
    return _figure(caption, [*shapes, *_hits(marks)], top, ticks, len(marks), "bars")


def stacked_bars(
    caption: Child,
    marks: Sequence[Sequence[tuple[str, float]] | None],
    titles: Sequence[str],
    ticks: Sequence[tuple[int, str]],
) -> Markup:
    """A bar of several parts for each day: (class of its colour, size); None without any."""
    top = _round_up(max([sum(size for _, size in parts) for parts in marks if parts is not None] + [0.0]))
    step = _WIDTH / max(1, len(marks))
    gap = min(step / 4, 6)
    shapes = _grid()
    for number, parts in enumerate(marks):
        at = float(_HEIGHT)
        for colour, size in parts or ():
            height = _HEIGHT * size / top
            at -= height
            shapes.append(
                el(
                    "rect",
                    x=_n(number * step + gap / 2),
                    y=_n(at),
                    width=_n(step - gap),
                    height=_n(height),
                    class_=colour,
                )
            )
    hits = _hits([Mark(None if parts is None else 0.0, title) for parts, title in zip(marks, titles, strict=True)])
    return _figure(caption, [*shapes, *hits], top, ticks, len(marks), "bars")


def _figure(
    caption: Child, shapes: Sequence[Markup], top: float, ticks: Sequence[tuple[int, str]], count: int, kind: str
) -> Markup:
    said = "".join(caption) if isinstance(caption, list) else str(caption)
    labels = [el("span", _label(top * (4 - n) / 4), class_="y", style=f"top:{25 * n}%") for n in (0, 2, 4)]
    below = [el("span", text, style=f"left:{100 * (at + 0.5) / max(1, count):.2f}%") for at, text in ticks]
    plot = el("div", _svg(shapes, said, kind or None), labels, class_="plot")
    return el("figure", el("figcaption", caption), plot, el("div", below, class_="ticks", aria_hidden="true"))


def _svg(shapes: Sequence[Markup], said: str, kind: str | None) -> Markup:
    return el(
        "svg", shapes, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", preserveAspectRatio="none", role="img", aria_label=said,
        class_=kind,
    )  # fmt: skip


def _grid() -> list[Markup]:
    return [el("line", x1=0, x2=_WIDTH, y1=_HEIGHT * n // 4, y2=_HEIGHT * n // 4, class_="grid") for n in (0, 2, 4)]


def _hits(marks: Sequence[Mark]) -> list[Markup]:
    """What pointers find: a strip for each mark, red where there is none."""
    step = _WIDTH / max(1, len(marks))
    return [
        el(
            "rect", el("title", mark.title), x=_n(number * step), y=0, width=_n(step), height=_HEIGHT,
            class_="hit" if mark.value is not None else "empty",
        )
        for number, mark in enumerate(marks)
    ]  # fmt: skip


def _path(values: Sequence[float | None], top: float) -> str:
    """Lines between neighbours; a value without neighbours is a short line."""
    step = _WIDTH / max(1, len(values))
    said, is_down = [], False
    for number, value in enumerate(values):
        if value is None:
            is_down = False
            continue
        x, y = _n((number + 0.5) * step), _n(_HEIGHT - _HEIGHT * value / top)
        is_alone = not is_down and (number + 1 == len(values) or values[number + 1] is None)
        said.append(f"{'L' if is_down else 'M'}{x} {y}" + (f"h{_n(step / 4)}" if is_alone else ""))
        is_down = True
    return "".join(said)


def _round_up(largest: float) -> float:
    """The end of an axis: the next 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 of a power of ten; 1 if there is nothing."""
    if largest <= 0:
        return 1.0
    power = 10.0 ** floor(log10(largest))
    return next(power * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if power * step >= largest * 0.9999)


def _label(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
