"""The size report of a range of days as a page."""

from __future__ import annotations

from datetime import date, timedelta

from logpress.quality.days_report import DaysReport
from logpress.quality.size_report import DayReport, human_bytes
from logpress.reports.charts import COLOURS, REST, Days, Mark, bars, curve, legend, stacked_bars
from logpress.reports.markup import Child, Markup, el
from logpress.reports.page import cells, page, section, table, tiles
from logpress.reports.words import change, counted, dollars, times

_COLOURED = 7
_MOST_TICKS = 8


def days_page(report: DaysReport) -> str:
    """The page of a range."""
    return page(
        f"{report.table}, {report.first} to {report.last}",
        _lead(report),
        _tiles(report),
        _charts(report),
        _table(report),
        _fields(report),
    )


def _all_days(report: DaysReport) -> list[str]:
    first, last = date.fromisoformat(report.first), date.fromisoformat(report.last)
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def _lead(report: DaysReport) -> Child:
    lacks = [f"{counted(len(report.missing), 'day')} missing"] * bool(report.missing)
    lacks += [f"{counted(len(report.unreadable), 'day')} unreadable"] * bool(report.unreadable)
    return (
        f"{report.rows + report.rejects:,} records of {counted(len(report.days), 'day')} take "
        f"{human_bytes(report.stored_bytes)}: {times(report.ratio)} times less than their JSON"
        + (f"; {', '.join(lacks)}." if lacks else "; no day is missing.")
    )


def _tiles(report: DaysReport) -> Markup:
    gzip = report.gzip_bytes / max(1, report.stored_bytes) if report.gzip_bytes is not None else None
    return tiles(
        [
            (
                times(report.ratio),
                "times smaller",
                f"{times(gzip)} times smaller than gzip" if gzip else "than raw JSON",
            ),
            (human_bytes(report.stored_bytes), "stored", f"of {human_bytes(report.raw_bytes)} of JSON"),
            (f"{report.stored_bytes_a_record:.2f} B", "a record", f"over {report.rows + report.rejects:,} records"),
            (
                dollars(report.usd_a_month),
                "storage a month",
                f"{counted(report.days_kept, 'day')} like the mean of these, ${report.usd_per_gb_month:g} a GB",
            ),
        ]
    )


def _charts(report: DaysReport) -> Markup:
    names = _all_days(report)
    known = {day.day: day for day in report.days}
    found = [known.get(name) for name in names]
    step = max(1, -(-len(names) // _MOST_TICKS))
    ticks = [(number, f"{date.fromisoformat(names[number]):%b %-d}") for number in range(0, len(names), step)]
    days = Days(len(names), ticks)

    def titled(day: DayReport | None, name: str, text: str) -> str:
        return f"{name}: {text}" if day is not None else f"{name}: missing"

    a_record = [
        Mark(
            day.stored_bytes_a_record if day is not None else None,
            titled(day, name, f"{day.stored_bytes_a_record:.2f} bytes a record" if day is not None else ""),
        )
        for day, name in zip(found, names, strict=True)
    ]
    usual = [day.median_bytes_a_record if day is not None else None for day in found]
    rows = [
        Mark(day.rows if day is not None else None, titled(day, name, f"{day.rows:,} rows" if day is not None else ""))
        for day, name in zip(found, names, strict=True)
    ]
    sizes = [f"{mark.value:.2f}" for mark in a_record if mark.value is not None]
    said = f"{sizes[0]} on the first day, {sizes[-1]} on the last; " if sizes else ""
    said += "dashed: median of the 28 days before"
    largest = max((day.rows for day in report.days), default=0)
    return section(
        "Day by day",
        curve("Bytes a record", said, days, a_record, usual),
        bars("Rows", f"at most {largest:,} a day", days, rows),
        _by_column(report, found, names, days),
        note="Red strips are days that are not published.",
    )


def _by_column(report: DaysReport, found: list[DayReport | None], names: list[str], days: Days) -> list[Markup]:
    """What a record takes, by column."""
    colours = dict(zip((field.name for field in report.fields[:_COLOURED]), COLOURS, strict=False))
    marks: list[list[tuple[str, float]] | None] = []
    titles = []
    for day, name in zip(found, names, strict=True):
        if day is None:
            marks.append(None)
            titles.append(f"{name}: missing")
            continue
        records = max(1, day.rows + day.rejects)
        sizes = {field.name: field.stored_bytes / records for field in day.fields}
        parts = [(colour, sizes.get(column, 0.0)) for column, colour in colours.items()]
        rest = sum(sizes.values()) - sum(size for _, size in parts)
        marks.append([*parts, (REST, rest)])
        largest = sorted(sizes.items(), key=lambda size: -size[1])[:3]
        titles.append(f"{name}: " + ", ".join(f"{column} {size:.2f}" for column, size in largest))
    entries: list[tuple[str, Child]] = [(colour, el("code", name)) for name, colour in colours.items()]
    said = "with the hidden columns that serve it"
    return [
        stacked_bars("Bytes a record by column", said, days, marks, titles),
        legend([*entries, (REST, "all others")]),
    ]


def _table(report: DaysReport) -> Markup:
    heads = [
        ("day", "name"), ("rows", "number"), ("rejects", "number"), ("JSON", "number"), ("stored", "number"),
        ("times", "number"), ("times gzip", "number"), ("bytes a record", "number"), ("of the median", "number"),
        ("checks", "name"),
    ]  # fmt: skip
    known = {day.day: day for day in report.days}
    rows = [_row(name, known.get(name), report) for name in _all_days(report)]
    gzip = report.gzip_bytes / max(1, report.stored_bytes) if report.gzip_bytes is not None else None
    total = cells(
        ("name", "total"), ("number", f"{report.rows:,}"), ("number", f"{report.rejects:,}"),
        ("number", human_bytes(report.raw_bytes)), ("number", human_bytes(report.stored_bytes)),
        ("number", times(report.ratio)), ("number", times(gzip)), ("number", f"{report.stored_bytes_a_record:.2f}"),
        ("number", ""), ("name", ""),
    )  # fmt: skip
    rows.append(el("tr", total, class_="total"))
    return section("Days", table(heads, rows, "The days in figures"))


def _row(name: str, day: DayReport | None, report: DaysReport) -> Markup:
    if day is None:
        said = report.unreadable.get(name, "is not published")
        return el("tr", cells(("name", name)), el("td", said, colspan=9, class_="text"), class_="missing")
    gzip = day.elsewhere.gzip_bytes / max(1, day.stored_bytes) if day.elsewhere else None
    broken = len(day.broken_checks)
    state = "" if not day.checks else el("span", f"▲ {broken} broken", class_="warn") if broken else "all hold"
    return el(
        "tr",
        cells(
            ("name", name), ("number", f"{day.rows:,}"), ("number", f"{day.rejects:,}"),
            ("number", human_bytes(day.raw_bytes)), ("number", human_bytes(day.stored_bytes)),
            ("number", times(day.ratio)), ("number", times(gzip)), ("number", f"{day.stored_bytes_a_record:.2f}"),
            ("number", "" if day.change is None else change(day.change)), ("name", state),
        ),
    )  # fmt: skip


def _fields(report: DaysReport) -> Markup:
    has_raw = any(field.raw_bytes for field in report.fields)
    heads = [("column", "name"), *[("in the JSON", "number")] * has_raw, ("stored", "number"), ("share", "number")]
    heads += [("times", "number")] * has_raw + [("stored", "bar")]
    largest = max((field.stored_bytes for field in report.fields), default=1) or 1
    rows = []
    for number, field in enumerate(report.fields):
        colour = COLOURS[number] if number < _COLOURED else REST
        bar = el("span", style=f"width:{100 * field.stored_bytes / largest:.2f}%", class_=colour)
        ratio = field.raw_bytes / field.stored_bytes if field.raw_bytes and field.stored_bytes else None
        rows.append(
            el(
                "tr",
                cells(
                    ("name", el("code", field.name)),
                    *[("number", human_bytes(field.raw_bytes) if field.raw_bytes else "")] * has_raw,
                    ("number", human_bytes(field.stored_bytes)),
                    ("number", f"{100 * field.stored_bytes / max(1, report.stored_bytes):.1f} %"),
                    *[("number", "" if ratio is None else times(ratio))] * has_raw,
                    ("bar", el("span", bar, class_="track")),
                ),
            )
        )
    note = "Over all days; hidden columns count to the column that they serve."
    return section("Where the bytes are", table(heads, rows, "Bytes of each column over all days"), note=note)
