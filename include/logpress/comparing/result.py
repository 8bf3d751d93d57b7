"""What two sources of a day have in common, in figures and examples."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Kind = Literal["only", "spelling"]
SideName = Literal["a", "b"]

SIDE_NAMES: tuple[SideName, SideName] = ("a", "b")

LONGEST_SHOWN = 110
"""Characters of a record that a terminal shows."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Side(_Model):
    """One of the two sources."""

    named: tuple[str, ...] = Field(description="inputs as they were named; or a lake")
    inputs: int = Field(description="objects, parts of indices or part files that were read")
    records: int = Field(description="all that were read")
    documents: int = Field(description="records of the day, which are compared")
    hits: int = Field(description="of the documents, those that stood in a search hit as its `_source`")
    other_day: int = Field(description="records of another day")
    damaged: int = Field(description="bytes that are no JSON object; they are not compared")
    damaged_reasons: dict[str, int]
    damaged_origins: dict[str, str] = Field(description="inputs that could be read in part only, and why")
    by_bytes_only: int = Field(description="documents that are too deep, too long or name a key twice, see the reasons")
    by_bytes_reasons: dict[str, int]
    only: int = Field(description="documents that the other side has not, or has less often")
    more_copies: int = Field(description="of `only`, those whose value the other side has, but less often")


class Difference(_Model):
    """A record that the other side has not, or spells differently."""

    side: SideName
    kind: Kind
    origin: str
    record_number: int = Field(description="in its origin, from 1")
    record: str = Field(description="the record, or its first 4,000 characters")


class Comparison(_Model):
    """How the records of a day in one source stand to those in another."""

    table: str
    day: str
    equal_bytes: int = Field(description="documents of A that B has too, byte for byte")
    equal_value: int = Field(description="documents of A that B has too, but spelt differently")
    a: Side
    b: Side
    differences: tuple[Difference, ...] = Field(description="the first of each kind and side")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_same(self) -> bool:
        """Whether both have the same documents, byte for byte."""
        return self.is_same_by_value and not self.equal_value

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_same_by_value(self) -> bool:
        """Whether both have the same documents, however they are spelt."""
        return not (self.a.only or self.b.only)


def render_comparison(found: Comparison) -> RenderableType:
    """A comparison for a terminal."""
    head = Table.grid(padding=(0, 2))
    head.add_column(style="dim")
    head.add_column(justify="right")
    head.add_column()
    for name, side in (("A", found.a), ("B", found.b)):
        head.add_row(f"{name}", f"{side.documents:,}", _side(side))
    head.add_row()
    head.add_row("equal, byte for byte", f"{found.equal_bytes:,}", "")
    head.add_row("equal by value only", f"{found.equal_value:,}", "")
    for name, side in (("A", found.a), ("B", found.b)):
        copies = f"{side.more_copies:,} of them more copies of what the other has" if side.more_copies else ""
        head.add_row(f"only in {name}", f"{side.only:,}", copies)
    parts: list[RenderableType] = [Text(f"{found.table} {found.day}", style="bold"), head]
    titles = {"only": "only in {}", "spelling": "spelt differently, in {}"}
    last = ""
    for entry in found.differences:
        title = titles[entry.kind].format(entry.side.upper())
        if title != last:
            parts += [Text(), Text(f"{title}:", style="yellow")]
            last = title
        shown = " ".join(entry.record.split())
        shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
        parts += [Text(f"  {entry.origin}, record {entry.record_number:,}"), Text(f"    {shown}", style="cyan")]
    for side in (found.a, found.b):
        for uri, damage in side.damaged_origins.items():
            parts.append(Text(f"damaged: {uri}: {damage}", style="red"))
    return Group(*parts)


def _side(side: Side) -> str:
    """Where a side's documents come from, and what was not compared."""
    told = [f"from {', '.join(side.named)}"]
    if side.hits:
        told.append(f"{side.hits:,} in hits")
    if side.other_day:
        told.append(f"{side.other_day:,} of other days left out")
    if side.damaged:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in side.damaged_reasons.items())
        told.append(f"{side.damaged:,} damaged left out ({reasons})")
    if side.by_bytes_only:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in side.by_bytes_reasons.items())
        told.append(f"{side.by_bytes_only:,} compared by bytes only ({reasons})")
    return "; ".join(told)
