"""What all pages have in common: the frame, the style, tiles and tables. A page needs no other file and no script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from logpress.reports.markup import Child, Markup, el
from logpress.version import __version__

_STYLE = Path(__file__).with_name("page.css")


def page(title: str, said: Child, *sections: Child) -> str:
    """A whole page.

    Args:
        title: the headline.
        said: the sentence below it.
        sections: what follows.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    )
    body = el(
        "body",
        el("header", el("h1", title), el("p", said, class_="lead")),
        el("main", sections),
        el("footer", f"logpress {__version__}"),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def section(title: str, *children: Child, note: Child = None) -> Markup:
    """A part of a page, with its heading and a sentence on it."""
    return el("section", el("h2", title), el("p", note, class_="note") if note else None, children)


def tiles(found: Sequence[tuple[str, str, str]]) -> Markup:
    """Figures side by side: (figure, what it is, further words)."""
    return el(
        "dl",
        [
            el("div", el("dt", what), el("dd", el("strong", figure), el("span", more)), class_="tile")
            for figure, what, more in found
        ],
        class_="tiles",
    )


def table(heads: Sequence[tuple[str, str]], rows: Sequence[Markup], caption: str) -> Markup:
    """A table that scrolls within itself where it is too wide.

    Args:
        heads: name and class of each column: `number`, `text` or `bar`.
        rows: its rows.
        caption: what it shows, for those who do not see it.
    """
    head = el("tr", [el("th", name, scope="col", class_=kind) for name, kind in heads])
    made = el("table", el("caption", caption), el("thead", head), el("tbody", rows))
    return el("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)


def cells(*texts: tuple[str, Child]) -> list[Markup]:
    """The cells of a row: class and content of each; the first one is the row's heading."""
    first, *others = texts
    return [el("th", first[1], class_=first[0], scope="row"), *(el("td", text, class_=kind) for kind, text in others)]
