"""The size report of a day as a page."""

from __future__ import annotations

from logpress.contract.model import Contract
from logpress.quality.field_report import MEANINGS, FieldReport
from logpress.quality.size_report import DayReport, human_bytes
from logpress.reports.charts import COLOURS, REST, Days, Mark, bars, legend, stack
from logpress.reports.markup import Child, Markup, el
from logpress.reports.page import cells, page, section, table, tiles
from logpress.reports.text import hidden_columns, sizes_of
from logpress.reports.words import change, counted, dollars, times

_COLOURED = 6
"""Columns that have a colour of their own, of those with most raw bytes, and of those with most stored ones."""


def day_page(report: DayReport, contract: Contract) -> str:
    """The page of a day.

    Args:
        report: the day.
        contract: the table; says what columns mean.
    """
    return page(
        f"{report.table}, {report.day}",
        _lead(report),
        _tiles(report),
        _elsewhere(report),
        _fields(report, contract),
        _hours(report),
        _checks(report),
        _others(report),
    )


def _lead(report: DayReport) -> Child:
    proven = f", proven byte for byte on {report.proven_at[:16].replace('T', ' ')} UTC," if report.proven_at else ""
    return (
        f"{report.rows + report.rejects:,} records{proven} take {human_bytes(report.stored_bytes)} in "
        f"{counted(report.files, 'file')}: {times(report.ratio)} times less than their JSON. "
        f"Published {report.published_at[:16].replace('T', ' ')} UTC."
    )


def _tiles(report: DayReport) -> Markup:
    usual = "no day before to compare with"
    if report.change is not None:
        usual = f"{change(report.change)} against the median of {counted(report.median_days, 'day')} before"
    gzip = report.elsewhere.gzip_bytes / max(1, report.stored_bytes) if report.elsewhere else None
    irregular = 100 * report.irregular_rows / max(1, report.rows)
    return tiles(
        [
            (
                times(report.ratio),
                "times smaller",
                f"{times(gzip)} times smaller than gzip" if gzip else "than raw JSON",
            ),
            (f"{report.stored_bytes_a_record:.2f} B", "a record", usual),
            (f"{report.rows:,}", "rows", f"{report.rejects:,} rejects, {irregular:.2f} % irregular"),
            (
                dollars(report.usd_a_month),
                "storage a month",
                f"{counted(report.days_kept, 'day')} like this one, ${report.usd_per_gb_month:g} a GB",
            ),
        ]
    )


def _elsewhere(report: DayReport) -> Markup:
    largest = max(report.raw_bytes, report.stored_bytes, 1)
    rows = []
    for name, size, is_estimated in sizes_of(report):
        is_ours = name == "stored"
        bar = el("span", style=f"width:{100 * size / largest:.2f}%", class_=None if is_ours else "rest")
        cost = size / (1 << 30) * report.days_kept * report.usd_per_gb_month
        rows.append(
            el(
                "tr",
                cells(
                    ("name", {"raw": "raw JSON", "stored": "stored by logpress"}.get(name, name)),
                    ("number", ("about " if is_estimated else "") + human_bytes(size)),
                    ("number", times(size / max(1, report.stored_bytes))),
                    ("number", dollars(cost)),
                    ("bar", el("span", bar, class_="track")),
                ),
                class_="total" if is_ours else None,
            )
        )
    note = "The same records in other forms."
    if report.elsewhere is not None:
        note = (
            f"The same records in other forms, estimated from {report.elsewhere.sampled_rows:,} rows "
            f"({human_bytes(report.elsewhere.sampled_bytes)}), the first ones of {counted(report.slices, 'slice')}. "
            "Plain Parquet is what pyarrow makes of the JSON: a column a key, snappy."
        )
    if report.input_bytes:
        note += f" The input came as {human_bytes(report.input_bytes)}" + (
            f", with {report.other_day:,} records of other days." if report.other_day else "."
        )
    heads = [
        ("form", "name"),
        ("bytes", "number"),
        ("times stored", "number"),
        ("a month", "number"),
        ("to scale", "bar"),
    ]
    return section("Beside other formats", table(heads, rows, "Bytes of the day in other formats"), note=note)


def _fields(report: DayReport, contract: Contract) -> Markup:
    colours = _colours(report)
    figures = []
    if report.elsewhere is not None:
        figures.append(_stack("In the JSON", report, colours, is_raw=True))
        figures.append(_stack("Stored", report, colours, is_raw=False))
        names = [(colour, name) for name, colour in colours.items()]
        figures.append(legend([*((colour, el("code", name)) for colour, name in names), (REST, "all others")]))
    note = (
        "Hidden columns, smaller below, are needed to restore a record, and count to the column that they serve. "
        "Values of the JSON are estimated from the sample; stored bytes are those of the files, to the byte. Bits "
        "a row are the entropy of a column's values, each row alone: orders and other columns can tell more."
    )
    heads = _heads(report)
    rows = [row for field in report.fields for row in _field(field, report, contract, colours)]
    total: list[tuple[str, Child]] = [("name", "total")]
    if report.elsewhere is not None:
        total.append(("number", human_bytes(report.raw_bytes)))
    total.append(("number", human_bytes(report.stored_bytes)))
    if report.elsewhere is not None:
        total.append(("number", times(report.ratio)))
    total.append(("number", f"{report.stored_bytes / max(1, report.rows):.3f}"))
    rows.append(el("tr", cells(*total), el("td", colspan=len(heads) - len(total)), class_="total"))
    made = table(heads, rows, "Bytes of each column, raw and stored")
    return section("Where the bytes are", figures, made, note=note)


def _colours(report: DayReport) -> dict[str, str]:
    """The colours of the largest columns, raw and stored."""
    raw = sorted(report.fields, key=lambda field: -(field.raw_bytes or 0))[:_COLOURED]
    names = dict.fromkeys(field.name for pair in zip(report.fields, raw, strict=False) for field in pair)
    return dict(zip(names, COLOURS, strict=False))


def _stack(what: str, report: DayReport, colours: dict[str, str], *, is_raw: bool) -> Markup:
    def size(field: FieldReport) -> int:
        return (field.raw_bytes or 0) if is_raw else field.stored_bytes

    whole = sum(map(size, report.fields)) or 1
    ours = {field.name: field for field in report.fields}
    parts = [
        (colour, size(ours[name]), f"{name}: {human_bytes(size(ours[name]))}, {100 * size(ours[name]) / whole:.1f} %")
        for name, colour in colours.items()
    ]
    rest = whole - sum(part for _, part, _ in parts)
    parts.append((REST, rest, f"all others: {human_bytes(rest)}, {100 * rest / whole:.1f} %"))
    said = f"{what}: " + "; ".join(title for _, _, title in parts)
    caption = el("figcaption", what, " ", el("span", human_bytes(whole)))
    return el("figure", caption, stack(parts, said), class_="bar")


def _heads(report: DayReport) -> list[tuple[str, str]]:
    has_raw, has_profile = report.elsewhere is not None, _has_profile(report)
    return [
        ("column", "name"),
        *[("in the JSON", "number")] * has_raw,
        ("stored", "number"),
        *[("times", "number")] * has_raw,
        ("bytes a row", "number"),
        *[("distinct", "number"), ("bits a row", "number")] * has_profile,
        ("encoding", "name"),
        ("stored", "bar"),
    ]


def _has_profile(report: DayReport) -> bool:
    return any(field.distinct is not None for field in report.fields)


def _field(field: FieldReport, report: DayReport, contract: Contract, colours: dict[str, str]) -> list[Markup]:
    has_raw, has_profile = report.elsewhere is not None, _has_profile(report)
    meaning = contract.descriptions.get(field.name)
    told = el("span", MEANINGS[field.name], class_="told") if field.name in MEANINGS else None
    own = [column for column in field.columns if column.name == field.name]
    largest = report.fields[0].stored_bytes or 1
    width = f"width:{100 * field.stored_bytes / largest:.2f}%"
    bar = el("span", el("span", style=width, class_=colours.get(field.name, REST)), class_="track")
    tags = [
        el("span", "virtual", class_="tag") if field.is_virtual else None,
        el("span", "personal", class_="tag personal") if field.is_personal else None,
    ]
    row = cells(
        ("name", [el("span", el("code", field.name), tags, title=meaning), told]),
        *[("number", human_bytes(field.raw_bytes) if field.raw_bytes else "")] * has_raw,
        ("number", human_bytes(field.stored_bytes)),
        *[("number", times(field.ratio) if field.ratio else "")] * has_raw,
        ("number", f"{field.bytes_a_row:.3f}"),
        *(
            [
                ("number", "" if field.distinct is None else f"{field.distinct:,}"),
                ("number", "" if field.entropy is None else f"{field.entropy:.2f}"),
            ]
            * has_profile
        ),
        ("name quiet", own[0].encoding if own else ""),
        ("bar", bar),
    )
    hidden = hidden_columns(field)
    rows = [el("tr", row, class_="has-hidden" if hidden else None)]
    for column in hidden:
        below = cells(
            ("name", el("code", column.name)),
            *[("number", "")] * has_raw,
            ("number", human_bytes(column.stored_bytes)),
            *[("number", "")] * has_raw,
            ("number", f"{column.bytes_a_row:.3f}"),
            *[("number", ""), ("number", "")] * has_profile,
            ("name", column.encoding),
            ("bar", ""),
        )
        rows.append(el("tr", below, class_="hidden"))
    return rows


def _hours(report: DayReport) -> Markup | None:
    if not report.hours:
        return None
    marks = [Mark(count or None, f"{hour:02d}:00 UTC: {count:,} rows") for hour, count in enumerate(report.hours)]
    empty = [f"{hour:02d}:00" for hour, count in enumerate(report.hours) if not count]
    there = len(report.hours) - len(empty)
    said = f"(UTC); {there} of {len(report.hours)} hours have some"
    said += f", none in {', '.join(empty)}" if empty and there else ""
    days = Days(len(marks), [(hour, f"{hour:02d}") for hour in range(0, len(marks), 3)])
    return section("Hours", bars("Rows by hour", said, days, marks))


def _checks(report: DayReport) -> Markup | None:
    if not report.checks:
        return None
    items = []
    for check in sorted(report.checks, key=lambda check: (check.ok, check.level)):
        mark, kind = ("✓", "good") if check.ok else ("✕", "bad") if check.level == "fail" else ("▲", "warn")
        word = "holds" if check.ok else "fails" if check.level == "fail" else "warns"
        items.append(
            el("li", el("span", f"{mark} {word} ", class_=kind), el("strong", check.check), f": {check.message}")
        )
    return section(f"Checks: {len(report.checks) - len(report.broken_checks)} of {len(report.checks)} hold",
                   el("ul", items, class_="list"))  # fmt: skip


def _others(report: DayReport) -> Markup | None:
    """What an operator looks into: rejects, irregular rows, unknown paths, damage, and where the input came from."""
    items = []
    for reason, count in report.reject_reasons.items():
        items.append(el("li", f"{counted(count, 'reject')}: ", el("strong", reason)))
    if report.kept_whole:
        items.append(el("li", f"{report.kept_whole:,} rows are kept whole, because their layout did not restore them"))
    if report.erased:
        items.append(el("li", f"{report.erased:,} records were erased since the day was pressed"))
    for path, count in report.unknown_paths.items():
        items.append(el("li", el("code", path), f", which the contract does not name, in {count:,} rows"))
    for uri, damage in report.damaged_origins.items():
        items.append(el("li", el("code", uri), f" is damaged: {damage}", class_="bad"))
    for place in report.places:
        said = f"{place.records:,} records in {counted(place.inputs, 'input')} from "
        items.append(el("li", said, el("code", place.place)))
    return section("Records", el("ul", items, class_="list")) if items else None
