"""HTML and SVG as text, in which nothing but what is made here is markup: names and values of logs are hostile."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"meta", "br", "col", "rect", "path", "line"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | int | float | None | Iterable["Child"]


def el(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element.

    Args:
        name: of its tag.
        children: text, which is escaped; markup, which is not; None, which is nothing; or some of these.
        attributes: an underscore at the end is none, and others are hyphens; None and False leave one out.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    said = "".join(
        f" {key}" if value is True else f' {key}="{escape(str(value))}"'
        for key, value in given.items()
        if value is not None and value is not False
    )
    if name in _VOID and not children:
        return Markup(f"<{name}{said}/>")
    return Markup(f"<{name}{said}>{text_of(children)}</{name}>")


def text_of(child: Child) -> Markup:
    """Children as one piece of markup."""
    if child is None:
        return Markup("")
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int | float):
        return Markup(escape(str(child)))
    return Markup("".join(map(text_of, child)))
