"""Reports of days as tables for a terminal, or for the log of a task."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from logpress.quality.days_report import DaysReport
from logpress.quality.field_report import ColumnReport, FieldReport
from logpress.quality.printable import printable
from logpress.quality.size_report import DayReport, human_bytes
from logpress.reports.words import change, counted, dollars, times

SHOWN_PLACES = 10
"""Number of places that are shown on a terminal."""

_BAR = 12
_LONGEST = 2_000
"""Characters of a sentence."""

_ROOM_FOR_ENCODING, _ROOM_FOR_VALUES = 96, 112


def render_report(report: DayReport, width: int = 80, *, with_checks: bool = True) -> RenderableType:
    """The report of a day.

    Args:
        report: the day.
        width: characters of a line; encodings need 96, and what is known of values 112.
        with_checks: whether broken checks are told.
    """
    parts: list[RenderableType] = [
        Text(f"{report.table} {report.day}", style="bold"), _head(report), Text(), _sizes(report), Text(),
        _fields(report, width),
    ]  # fmt: skip
    if report.elsewhere is not None:
        parts.append(Text(f"{_estimated(report)}. _layout: keys, punctuation and constants", style="dim"))
    for check in report.broken_checks if with_checks else ():
        said = printable(f"check {check.check}: {check.message}", _LONGEST)
        parts.append(Text(said, style="red" if check.level == "fail" else "yellow"))
    if report.unknown_paths:
        parts.append(Text("paths that the contract does not name, stored in _extra:", style="yellow"))
        parts += [Text(f"  {printable(path)}  {count:,} rows") for path, count in report.unknown_paths.items()]
    for uri, damage in report.damaged_origins.items():
        parts.append(Text(printable(f"damaged: {uri}: {damage}", _LONGEST), style="red"))
    return Group(*parts)


def _head(report: DayReport) -> Table:
    head = Table.grid(padding=(0, 2))
    head.add_column(style="dim")
    head.add_column()
    for name, text in _facts(report):
        head.add_row(name, Text(printable(text, _LONGEST), overflow="fold"))
    head.add_row("ratio", Text(f"{report.ratio:,.1f} times smaller", style="bold green"))
    a_record = f"{report.stored_bytes_a_record:.2f} bytes"
    if report.change is not None:
        a_record += f", {change(report.change)} against the median of {counted(report.median_days, 'day')} before"
    head.add_row("a record", a_record)
    head.add_row(
        "storage",
        f"{dollars(report.usd_a_month)} a month for {counted(report.days_kept, 'day')} like this one, at "
        f"${report.usd_per_gb_month:g} a GB",
    )
    return head


def _facts(report: DayReport) -> Iterator[tuple[str, str]]:
    irregular = f" ({report.irregular_rows:,} irregular)" if report.irregular_rows else ""
    yield "rows", f"{report.rows:,}{irregular}"
    if report.kept_whole:
        yield "kept whole", f"{report.kept_whole:,} (their layouts did not restore them)"
    if report.rejects:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.reject_reasons.items())
        yield "rejects", f"{report.rejects:,} ({reasons})"
    if report.erased:
        yield "erased", f"{report.erased:,} since the day was pressed, the last at {report.erased_at}"
    if report.without_day:
        yield "without a day", f"{report.without_day:,} (rejects: neither record nor input names a day)"
    if report.other_day:
        yield "of other days", f"{report.other_day:,} (not in these files)"
    for uri in report.taken_from:
        yield "read from", f"{uri}, the first input that has the day"
    for number, place in enumerate(report.places[:SHOWN_PLACES]):
        where = f"{place.place}, {place.records:,} records in {counted(place.inputs, 'input')}"
        yield "" if number else "from", where
    if len(report.places) > SHOWN_PLACES:
        yield "", f"and {len(report.places) - SHOWN_PLACES:,} more places"
    if report.proven_at is not None:
        yield "proven", f"{report.proven_at[:16].replace('T', ' ')} UTC, every record byte for byte"
    if report.checks:
        broken = len(report.broken_checks)
        yield "checks", counted(len(report.checks), "check") + (f", {broken} broken" if broken else ", all hold")


def sizes_of(report: DayReport | DaysReport) -> list[tuple[str, int, bool]]:
    """(Form, bytes, whether they are estimated) of the same records, the raw ones first and those stored last."""
    found: DayReport | DaysReport = report
    elsewhere = found.elsewhere if isinstance(found, DayReport) else found
    sizes = [("raw", report.raw_bytes, False)]
    if elsewhere is not None:
        others = {
            "gzip -6": elsewhere.gzip_bytes,
            "zstd -3": elsewhere.zstd_bytes,
            "plain Parquet": elsewhere.parquet_bytes,
        }
        sizes += [(name, size, True) for name, size in others.items() if size is not None]
    return [*sizes, ("stored", report.stored_bytes, False)]


def _sizes(report: DayReport | DaysReport) -> Table:
    """The same records in other forms, and what each costs."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in ("bytes", "times stored", "$ a month"):
        table.add_column(name, justify="right", no_wrap=True)
    stored = report.stored_bytes
    days = len(report.days) if isinstance(report, DaysReport) else 1
    largest = max(report.raw_bytes, stored, 1)
    for name, size, is_estimated in sizes_of(report):
        about = "~" if is_estimated else ""
        cost = size / (1 << 30) / max(1, days) * report.days_kept * report.usd_per_gb_month
        bar = Text("█" * max(1, round(2 * _BAR * size / largest)), style="green" if name == "stored" else "dim")
        table.add_row(name, about + human_bytes(size), times(size / stored if stored else None), dollars(cost), bar)
    if report.input_bytes:
        table.add_row(
            "the input, as it came", human_bytes(report.input_bytes), times(report.input_bytes / max(1, stored))
        )
    return table


def _fields(report: DayReport, width: int) -> Table:
    has_raw = report.elsewhere is not None
    has_profile = any(field.distinct is not None for field in report.fields) and width >= _ROOM_FOR_VALUES
    has_encoding = width >= _ROOM_FOR_ENCODING
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("column", overflow="fold")
    heads = ["raw"] * has_raw + ["stored"] + ["ratio"] * has_raw + ["a row"]
    for name in heads + ["distinct", "bits"] * has_profile:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    if has_encoding:
        table.add_column("encoding", style="dim", no_wrap=True)
    largest = max((field.stored_bytes for field in report.fields), default=1) or 1
    longest = _BAR if has_encoding else _BAR // 2
    for field in report.fields:
        own = [column for column in field.columns if column.name == field.name]
        cells = [escape(field.name)]
        cells += [f"~{human_bytes(field.raw_bytes)}" if field.raw_bytes else ""] * has_raw
        cells += [human_bytes(field.stored_bytes)]
        cells += ["" if field.ratio is None else times(field.ratio)] * has_raw + [f"{field.bytes_a_row:.3f}"]
        cells += [_number(field.distinct), "" if field.entropy is None else f"{field.entropy:.2f}"] * has_profile
        bar = Text("█" * round(longest * field.stored_bytes / largest), style="cyan")
        encoding = own[0].encoding if own else "virtual" if field.is_virtual else ""
        table.add_row(*cells, bar, *[encoding] * has_encoding)
        for column in hidden_columns(field):
            filler = [""] * has_raw
            cells = [
                f"  {column.name}",
                *filler,
                human_bytes(column.stored_bytes),
                *filler,
                f"{column.bytes_a_row:.3f}",
            ]
            table.add_row(*cells, *["", ""] * has_profile, "", *[column.encoding] * has_encoding, style="dim")
    total = ["total"] + [human_bytes(report.raw_bytes)] * has_raw + [human_bytes(report.stored_bytes)]
    total += [times(report.ratio)] * has_raw + [f"{report.stored_bytes / max(1, report.rows):.3f}"]
    table.add_row(*total, style="bold")
    return table


def hidden_columns(field: FieldReport) -> list[ColumnReport]:
    """The columns of part files that serve a column, apart from its own."""
    return [column for column in field.columns if column.name != field.name]


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _estimated(report: DayReport) -> str:
    assert report.elsewhere is not None
    return (
        f"~ estimated from {report.elsewhere.sampled_rows:,} rows, {human_bytes(report.elsewhere.sampled_bytes)}: the "
        f"first ones of {counted(report.slices, 'slice')}"
    )


def render_days(report: DaysReport) -> RenderableType:
    """The report of a range: a row a day, and the totals."""
    parts: list[RenderableType] = [
        Text(f"{report.table} {report.first} to {report.last}, {counted(len(report.days), 'day')}", style="bold"),
        Text(),
        _days(report),
        Text(),
        _sizes(report),
    ]
    for day, problem in report.unreadable.items():
        parts.append(Text(printable(f"{day}: {problem}", _LONGEST), style="red"))
    return Group(*parts)


def _days(report: DaysReport) -> Table:
    """A row a day; `gzip` is how much smaller than with gzip, `median` the change against the days before."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("day", no_wrap=True)
    for name in ("rows", "rejects", "raw", "stored", "ratio", "gzip", "a record", "median"):
        table.add_column(name, justify="right", overflow="fold")
    rows = [(day.day, day) for day in report.days] + [(day, None) for day in report.missing]
    for name, day in sorted(rows, key=lambda row: row[0]):
        if day is None:
            table.add_row(name, "missing", style="yellow")
            continue
        gzip = day.elsewhere.gzip_bytes / max(1, day.stored_bytes) if day.elsewhere else None
        table.add_row(
            name, f"{day.rows:,}", f"{day.rejects:,}", human_bytes(day.raw_bytes), human_bytes(day.stored_bytes),
            times(day.ratio), times(gzip), f"{day.stored_bytes_a_record:.2f}",
            "-" if day.change is None else change(day.change),
        )  # fmt: skip
    gzip = report.gzip_bytes / max(1, report.stored_bytes) if report.gzip_bytes is not None else None
    table.add_row(
        "total", f"{report.rows:,}", f"{report.rejects:,}", human_bytes(report.raw_bytes),
        human_bytes(report.stored_bytes), times(report.ratio), times(gzip), f"{report.stored_bytes_a_record:.2f}",
        style="bold",
    )  # fmt: skip
    return table
