"""The report of tuning: as JSON for programs, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from logpress.contract.base import Encoding, Reader


class Model(BaseModel):
    """Frozen JSON."""

    model_config = ConfigDict(frozen=True)


class CandidateReport(Model):
    """One way to store a column, and its cost.

    Attributes:
        write_ns_a_record: nanoseconds of one core.
        not_read_by: names of those of the contract's readers that do not read it.
    """

    encoding: Encoding
    zstd: int
    bytes_a_record: float
    write_ns_a_record: float
    read_ns_a_record: float
    not_read_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Text such as `plain, zstd 7`."""
        return f"{self.encoding}, zstd {self.zstd}"


class ColumnReport(Model):
    """A stored column: its present storage, the proposed one, and all candidates."""

    name: str
    of: str
    type: str
    today: CandidateReport
    proposed: CandidateReport
    candidates: tuple[CandidateReport, ...]

    @property
    def is_changed(self) -> bool:
        """Whether the proposed storage differs from today's."""
        return (self.today.encoding, self.today.zstd) != (self.proposed.encoding, self.proposed.zstd)


class LevelReport(Model):
    """The whole file with one zstd level for all columns, in today's encodings."""

    zstd: int
    bytes_a_record: float
    write_ns_a_record: float


class VariantReport(Model):
    """The whole file pressed with another order, size of row groups, choice of stored instant, codec, or column.

    Attributes:
        bytes_a_record: size of the whole part file; None if it was not pressed.
        press_seconds: wall time to press the sample with all threads; noisy.
        costs_bytes_a_record: what a virtual column that is stored, too, adds to the file; None for other variants.
        note: the reason why it was not pressed.
    """

    kind: str
    title: str
    bytes_a_record: float | None
    press_seconds: float | None = None
    costs_bytes_a_record: float | None = None
    is_today: bool = False
    is_chosen: bool = False
    note: str = ""


class PressedReport(Model):
    """The sample pressed with a contract: a whole part file, with its footer."""

    stored_bytes: int
    bytes_a_record: float
    write_ns_a_record: float


class TuneReport(Model):
    """The result of tuning.

    Attributes:
        rows: records of the day in the sample, which were measured.
        ns_a_byte: price of one byte a record, in nanoseconds a record.
        changes: new values for the contract, by their path in it.
        before: the sample pressed with the present contract.
        after: the sample pressed with the changes, with all records proven to be restored; None without changes.
        predicted_bytes_a_record: the size of `after` that the measurements of columns predict.
    """

    table: str
    day: str
    objects: int
    records: int
    rows: int
    row_groups: int
    rejects: int
    other_day: int
    raw_bytes: int
    readers: tuple[Reader, ...]
    ns_a_byte: float
    notes: tuple[str, ...]
    columns: tuple[ColumnReport, ...]
    levels: tuple[LevelReport, ...]
    variants: tuple[VariantReport, ...]
    changes: dict[str, Any]
    before: PressedReport
    after: PressedReport | None
    predicted_bytes_a_record: float


_HEADINGS = {
    "order_by": "rows ordered by",
    "row_group_rows": "row groups of",
    "residual_of": "instants",
    "codec": "codecs",
    "stored": "virtual columns",
}


def render(report: TuneReport, *, every: bool = False) -> RenderableType:
    """The report as tables for a terminal; `every` shows all candidates."""
    parts: list[RenderableType] = [
        Text(f"{report.table} {report.day}", style="bold"),
        Text(
            f"{report.rows:,} rows of {_counted(report.objects, 'object')}, in "
            f"{_counted(report.row_groups, 'row group')}; bytes and nanoseconds are a record's, and a byte is worth "
            f"{report.ns_a_byte:g} ns"
        ),
        Text(f"readers: {', '.join(report.readers)}", style="dim"),
    ]
    parts += [Text(f"note: {note}", style="yellow") for note in report.notes]
    parts += [Text(), _columns(report)]
    if every:
        parts += [Text(), _candidates(report.columns)]
    if report.levels:
        parts += [Text(), _levels(report)]
    for kind, heading in _HEADINGS.items():
        variants = [variant for variant in report.variants if variant.kind == kind]
        if len(variants) > 1:
            parts += [Text(), _variants(heading, variants)]
    parts += [Text(), *_summary(report)]
    return Group(*parts)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        is_text = heading in ("column", "today", "proposed", "candidate", "", "zstd") or heading in _HEADINGS.values()
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    return table


def _columns(report: TuneReport) -> Table:
    table = _table("column", "today", "bytes", "proposed", "bytes", "saves", "write ns")
    for column in sorted(report.columns, key=lambda column: -column.today.bytes_a_record):
        today, proposed = column.today, column.proposed
        saved = today.bytes_a_record - proposed.bytes_a_record
        if not column.is_changed:
            cells = (
                column.name,
                str(today),
                f"{today.bytes_a_record:.3f}",
                "",
                "",
                "",
                f"{today.write_ns_a_record:.1f}",
            )
            table.add_row(*cells, style="dim")
            continue
        table.add_row(
            column.name,
            str(today),
            f"{today.bytes_a_record:.3f}",
            Text(str(proposed), style="bold"),
            f"{proposed.bytes_a_record:.3f}",
            f"{saved:+.3f}",
            f"{today.write_ns_a_record:.1f} → {proposed.write_ns_a_record:.1f}",
        )
    before = sum(column.today.bytes_a_record for column in report.columns)
    after = sum(column.proposed.bytes_a_record for column in report.columns)
    ns_before = sum(column.today.write_ns_a_record for column in report.columns)
    ns_after = sum(column.proposed.write_ns_a_record for column in report.columns)
    table.add_section()
    table.add_row(
        "sum", "", f"{before:.3f}", "", f"{after:.3f}", f"{before - after:+.3f}", f"{ns_before:.1f} → {ns_after:.1f}",
        style="bold",
    )  # fmt: skip
    return table


def _candidates(columns: Iterable[ColumnReport]) -> Table:
    table = _table("column", "candidate", "bytes", "write ns", "read ns", "")
    for column in columns:
        name = column.name
        for candidate in sorted(column.candidates, key=lambda candidate: (candidate.bytes_a_record, candidate.zstd)):
            marks = []
            if (candidate.encoding, candidate.zstd) == (column.today.encoding, column.today.zstd):
                marks.append("today")
            if (candidate.encoding, candidate.zstd) == (column.proposed.encoding, column.proposed.zstd):
                marks.append("proposed")
            if candidate.not_read_by:
                marks.append(f"not read by {', '.join(candidate.not_read_by)}")
            table.add_row(
                name,
                str(candidate),
                f"{candidate.bytes_a_record:.4f}",
                f"{candidate.write_ns_a_record:.1f}",
                f"{candidate.read_ns_a_record:.1f}",
                ", ".join(marks),
                style="dim" if candidate.not_read_by else None,
            )
            name = ""
        table.add_section()
    return table


def _levels(report: TuneReport) -> Table:
    table = _table("zstd", "bytes", "write ns")
    for level in report.levels:
        table.add_row(f"{level.zstd} for all columns", f"{level.bytes_a_record:.3f}", f"{level.write_ns_a_record:.1f}")
    return table


def _variants(heading: str, variants: Iterable[VariantReport]) -> Table:
    table = _table(heading, "bytes", "press seconds", "")
    key = lambda variant: (variant.bytes_a_record is None, variant.bytes_a_record)  # noqa: E731
    for variant in sorted(variants, key=key):
        marks = [name for name, is_so in (("today", variant.is_today), ("chosen", variant.is_chosen)) if is_so]
        marks += [f"costs {costs:+.3f}"] if (costs := variant.costs_bytes_a_record) is not None else []
        marks += [variant.note] * bool(variant.note)
        table.add_row(
            escape(variant.title),
            "" if variant.bytes_a_record is None else f"{variant.bytes_a_record:.3f}",
            "" if variant.press_seconds is None else f"{variant.press_seconds:.2f}",
            escape(", ".join(marks)),
            style="bold" if variant.is_chosen else None,
        )
    return table


def _summary(report: TuneReport) -> list[Text]:
    before = report.before
    if report.after is None:
        return [Text(f"no changes proposed: {before.bytes_a_record:.3f} bytes a record", style="bold")]
    after = report.after
    share = 1 - after.stored_bytes / before.stored_bytes
    return [
        Text(
            f"the whole file: {before.bytes_a_record:.3f} → {after.bytes_a_record:.3f} bytes a record "
            f"({-share:+.1%}; {report.predicted_bytes_a_record:.3f} were predicted)",
            style="bold",
        ),
        Text("proven: pressed with these changes, every record of the sample is restored byte for byte"),
    ]
