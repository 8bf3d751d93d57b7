"""Tables of text, for a terminal and for a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.table import Table as RichTable


@dataclass
class Table:
    """Cells as text; the first column is what a row is about.

    Attributes:
        strong: rows that are about logpress itself.
    """

    title: str
    headings: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    strong: set[int] = field(default_factory=set)

    def rich(self) -> RichTable:
        """For a terminal."""
        table = RichTable(title=self.title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        for number, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if number else "left", no_wrap=not number, vertical="bottom")
        for number, row in enumerate(self.rows):
            table.add_row(*(cell.replace("`", "") for cell in row), style="bold" if number in self.strong else None)
        return table

    def markdown(self) -> str:
        """For a page."""
        lines = ["| " + " | ".join(self.headings) + " |", "| --- |" + " ---: |" * (len(self.headings) - 1)]
        for number, row in enumerate(self.rows):
            cells = [f"**{cell}**" if number in self.strong and cell.strip() else cell for cell in row]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return "\n".join(lines + [line for note in self.notes for line in ("", note)])
