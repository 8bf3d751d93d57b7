"""Reports for people: pages that need nothing else and take no value for markup; days, rejects, dictionaries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Ran
from tests.unit.quality.test_size_report import DAYS, FIRST, press
from tests.verified import HOSTILE, SECRET, with_verification

from logpress.contract import Contract, load_contract
from logpress.day.states import day_states
from logpress.lake import Lake
from logpress.lake.attempts import write_attempt
from logpress.manifest import DayManifest
from logpress.quality.printable import printable
from logpress.reports.dictionary import describe
from logpress.reports.markup import Markup, el
from logpress.results import Attempt


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("sdk_log")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Lake:
    """Three days and a gap; the second one has what `verify` found, with a broken check, the others are older."""
    home = tmp_path_factory.mktemp("reports")
    for day in DAYS:
        press(contract, home / "lake", home, day, {3: 40, 10: 25})
    found = Lake.open(str(home / "lake"))
    for day in DAYS:
        path = Path(found.manifest_path("sdk_log", day))
        manifest = DayManifest.from_bytes(path.read_bytes())
        older = manifest.model_copy(update={"verification": None})
        path.write_bytes((with_verification(manifest) if day == DAYS[1] else older).to_bytes())
    return found


@pytest.fixture
def run(lake: Lake, logpress: Callable[..., Ran]) -> Callable[..., Ran]:
    return lambda verb, *options: logpress(verb, "sdk_log", "--lake", lake.uri, *options)


class Page(HTMLParser):
    """What a page consists of; fails if its elements are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def pages(run: Callable[..., Ran]) -> Iterator[Page]:
    day = ("--day", DAYS[1])
    for verb, options in (("report", day), ("report", ("--from", FIRST)), ("describe", day), ("describe", ())):
        ran = run(verb, *options, "--html", "-")
        assert (ran.code, ran.err) == (0, "")
        yield Page(ran.out)


def test_pages_need_nothing_else_and_hold_no_markup_of_logs(run: Callable[..., Ran]) -> None:
    for page in pages(run):
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"script", "img", "link", "iframe", "object", "form"}
        for _, attributes in page.elements:
            assert not any(name.startswith("on") or name in ("src", "srcset", "data") for name in attributes)
            assert (attributes.get("href") or "#").startswith("#")
        assert not re.search(r"url\(|@import|https?://(?!api\.thebackend)", page.text)
        (policy,) = [meta for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
        assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_pages_are_for_everybody(run: Callable[..., Ran]) -> None:
    """Each chart has a text, each table a caption and headings, and the page a language, a title and a main part."""
    for page in pages(run):
        assert page.named("html") == [{"lang": "en"}]
        assert len(page.named("h1")) == len(page.named("main")) == 1
        assert [tag for tag, _ in page.elements].index("title") < [tag for tag, _ in page.elements].index("body")
        assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.named("svg"))
        assert len(page.named("caption")) == len(page.named("table"))
        assert all(head["scope"] in ("col", "row") for head in page.named("th"))
        assert "prefers-color-scheme: dark" in page.text


def test_hostile_values_are_text_on_pages(run: Callable[..., Ran]) -> None:
    day, _, dictionary, _ = pages(run)
    assert HOSTILE in day.text  # as text
    assert "enough <b>rows</b>" in day.text
    assert "</script><img src=x onerror" in dictionary.text
    assert "\\x1b[31m\\u202e" in dictionary.text


def test_a_page_of_a_day_tells_what_its_report_does(run: Callable[..., Ran]) -> None:
    found = json.loads(run("report", "--day", DAYS[1], "--json").out)
    page, *_ = pages(run)
    for field in found["fields"]:
        assert field["name"] in page.text
        assert all(column["name"] in page.text for column in field["columns"])
    assert f"{found['rows'] + found['rejects']:,} records, proven byte for byte on 2021-12-25 01:02 UTC" in page.text
    assert "Checks: 1 of 2 hold" in page.text
    assert "2 of 24 hours have some, none in 00:00, 01:00" in page.text
    assert f"{found['rejects'] // 2} rejects: not_json" in page.text
    assert "_source.trace, which the contract does not name" in page.text


def test_a_page_of_a_range_shows_gaps(run: Callable[..., Ran]) -> None:
    _, page, *_ = pages(run)
    assert "1 day missing" in page.text
    assert f"{FIRST + timedelta(days=2)}: missing" in page.text
    assert len([svg for svg in page.named("rect") if svg.get("class") == "empty"]) == 3


def test_a_page_is_written_to_a_file(run: Callable[..., Ran], tmp_path: Path) -> None:
    assert run("report", "--day", FIRST, "--html", tmp_path / "day.html").out == ""
    assert (tmp_path / "day.html").read_text("utf-8") == run("report", "--day", FIRST, "--html", "-").out
    ran = run("report", "--day", FIRST, "--html", tmp_path / "no" / "day.html")
    assert (ran.code, "cannot be written" in ran.err) == (2, True)


@given(st.text(), st.text())
def test_what_is_no_markup_is_escaped(text: str, value: str) -> None:
    page = Page(el("p", text, [None, text], class_=value))
    assert page.elements == [("p", {"class": value})]
    assert "<" not in el("p", text)[3:-4]
    assert el("p", Markup("<b>x</b>")) == "<p><b>x</b></p>"


# -- days


def test_days_have_their_states_and_gaps(lake: Lake, run: Callable[..., Ran]) -> None:
    found = json.loads(run("days", "--json").out)
    assert [(one["day"], one["state"]) for one in found] == [
        (str(DAYS[0]), "published"), (str(DAYS[1]), "warned"), (str(FIRST + timedelta(days=2)), "missing"),
        (str(DAYS[2]), "published"),
    ]  # fmt: skip
    assert [one["checks"] for one in found] == [None, 2, None, None]
    assert found[1]["broken"] == ["range elapsed"]
    figures = [found[1][name] for name in ("rows", "rejects", "irregular_rows")]
    assert figures == [65, 4, 65]  # copies of the time differ from it
    report = json.loads(run("report", "--day", DAYS[1], "--json").out)
    assert found[1]["bytes_a_record"] == pytest.approx(report["stored_bytes_a_record"], abs=1e-3)
    shown = run("days").out
    assert "broken: range elapsed" in " ".join(shown.split())
    assert sum(line.startswith("2021-") for line in shown.splitlines()) == 4


def test_days_of_a_period_that_is_asked_for_are_all_there(lake: Lake, run: Callable[..., Ran]) -> None:
    found = json.loads(
        run("days", "--from", FIRST - timedelta(days=2), "--to", FIRST + timedelta(days=5), "--json").out
    )
    assert [one["state"] for one in found] == ["missing"] * 2 + ["published", "warned", "missing", "published"] + [
        "missing"
    ] * 2
    assert run("days", "--from", FIRST, "--to", FIRST - timedelta(days=1)).code == 2
    assert run("days", "--to", "tomorrow").code == 2
    assert day_states(lake, "another") == []


def test_a_table_without_days_is_told_so(lake: Lake, logpress: Callable[..., Ran]) -> None:
    other = Path(__file__).parents[2] / "contracts" / "other_log.yaml"
    ran = logpress("days", other, "--lake", lake.uri)
    assert (ran.code, ran.out) == (0, f"no day of other_log is published in {lake.uri}\n")


def test_a_day_that_cannot_be_read_is_told(lake: Lake, run: Callable[..., Ran]) -> None:
    path = Path(lake.manifest_path("sdk_log", FIRST))
    whole = path.read_bytes()
    try:
        path.write_bytes(b"{")
        assert "damaged" in (ran := run("days")).out
        assert "is damaged" in ran.out
        assert ran.code == 0
    finally:
        path.write_bytes(whole)


def test_a_day_that_was_refused_is_told_and_keeps_the_figures_of_its_publication(
    lake: Lake, run: Callable[..., Ran]
) -> None:
    manifest = lake.need_day("sdk_log", DAYS[1])
    later = manifest.published_at + timedelta(hours=1)
    never = FIRST + timedelta(days=2)
    kept = [
        write_attempt(
            lake,
            Attempt(
                table="sdk_log", day=str(day), run="again", refused_at=later, stage="verify", rows=7,
                error=f"the day has 7 rows; at least {least} are expected",
                verification=with_verification(manifest).verification,
            ),
        )
        for day, least in [(DAYS[1], 60), (never, 50)]
    ]  # fmt: skip
    try:
        found = {one["day"]: one for one in json.loads(run("days", "--json").out)}
        again, only = found[str(DAYS[1])], found[str(never)]
        assert (again["state"], again["rows"], again["published_at"]) == (
            "refused",
            65,
            manifest.published_at.isoformat(),
        )
        assert (only["state"], only["rows"], only["published_at"]) == ("refused", 7, None)
        assert again["broken"] == only["broken"] == ["range elapsed"]
        shown = " ".join(run("days").out.split())
        still = "is refused; the earlier publication is still read: the day has 7 rows; at least 60 are expected"
        assert f"{DAYS[1]} {still}" in shown
        assert f"{never} is refused: the day has 7 rows; at least 50 are expected" in shown
    finally:
        for path in kept:
            Path(path).unlink()
    assert [one["state"] for one in json.loads(run("days", "--json").out)][1:3] == ["warned", "missing"]


# -- rejects


def test_rejects_are_shown_by_reason_with_their_place(run: Callable[..., Ran], lake: Lake) -> None:
    found = json.loads(run("rejects", "--day", FIRST, "--json").out)
    assert found["counts"] == {"not_json": 2, "truncated": 2}
    raw = [origin for entry in lake.need_day("sdk_log", FIRST).slices for origin in entry.origins]
    for example in found["examples"]:
        assert example["origin"] in [origin.uri for origin in raw]
        line = Path(example["origin"]).read_bytes().splitlines()[example["record"] - 1]
        assert example["text"] == printable(line)
    assert len(found["examples"]) == 4


def test_rejects_are_safe_to_print_and_few(run: Callable[..., Ran]) -> None:
    shown = run("rejects", "--day", FIRST, "--reason", "not_json", "--limit", "1").out
    assert "\x1b" not in shown
    assert "no record \\x1b[31m" in shown
    assert "not_json: 2 rejects, the first 1" in shown
    assert "truncated" not in shown
    wrong = run("rejects", "--day", FIRST, "--reason", "nonsense")
    assert (wrong.code, "there are not_json, truncated" in wrong.err) == (2, True)


@given(st.binary(max_size=900) | st.text(max_size=300), st.integers(2, 250))
def test_what_is_printable_is_one_line_without_control(value: bytes | str, most: int) -> None:
    shown = printable(value, most)
    assert len(shown) <= most
    assert all(c.isprintable() for c in shown)
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    if text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text and len(text) <= most:
        assert shown == text


# -- the dictionary


def test_a_dictionary_without_a_lake_is_the_contract(logpress: Callable[..., Ran], contract: Contract) -> None:
    found = json.loads(logpress("describe", "sdk_log", "--json").out)
    columns = {column["name"]: column for column in found["columns"]}
    assert [*columns] == [*contract.by_name, "day", "_extra", "_raw"]
    assert columns["request_end_at"]["formula"] == "request_begin_at + response_elapsed_ms + _request_end_at_residual"
    assert 'epoch_us("request_begin_at")' in columns["request_end_at"]["sql"]
    assert "func_name mostly stands for" in columns["request_url"]["formula"]
    assert columns["ingested_at"]["copies"] == ["fields.timestamp[0]", "sort[0]"]
    assert columns["func_name"]["encoding"] == "dictionary"
    assert columns["func_name"]["bytes_a_row"] is None
    ran = logpress("describe", "sdk_log", "--day", FIRST)
    assert (ran.code, "give --lake" in ran.err) == (2, True)


def test_a_dictionary_has_the_figures_of_a_day(run: Callable[..., Ran]) -> None:
    found = json.loads(run("describe", "--day", DAYS[1], "--json").out)
    columns = {column["name"]: column for column in found["columns"]}
    function = columns["func_name"]
    assert function["fill"] == pytest.approx(64 / 65)
    assert (function["distinct"], function["entropy"]) == (2, 0.5)
    assert list(function["top"].values()) == [2, 1]
    assert (columns["response_elapsed_ms"]["low"], columns["response_elapsed_ms"]["high"]) == ("0", "59")
    assert columns["sdk_version"]["example"] == "5.4.5"  # of no profile, so of the first rows
    report = json.loads(run("report", "--day", DAYS[1], "--json").out)
    sizes = {field["name"]: field["bytes_a_row"] for field in report["fields"]}
    assert {name: column["bytes_a_row"] for name, column in columns.items() if name in sizes} == {
        name: sizes[name] for name in columns if name in sizes
    }
    newest = json.loads(run("describe", "--json").out)
    assert newest["day"] == DAYS[-1].isoformat()
    assert {c["name"]: c for c in newest["columns"]}["func_name"]["example"] == "Backend.GameData.TransactionWrite"


@pytest.mark.parametrize("form", [(), ("--json",), ("--markdown",), ("--html", "-")])
@pytest.mark.parametrize("day", [DAYS[1], DAYS[2]], ids=["with a profile", "without"])
def test_values_of_personal_columns_are_never_shown(run: Callable[..., Ran], form: tuple[str, ...], day: date) -> None:
    shown = run("describe", "--day", day, *form)
    assert shown.code == 0
    for secret in (SECRET, "user 1", "2021-08-22", "496237359273547"):
        assert secret not in shown.out
    assert "nickname" in shown.out
    report = run("report", "--day", day, *(form if form != ("--markdown",) else ()))
    assert SECRET not in report.out


def test_a_line_of_python_loads_a_column(lake: Lake, contract: Contract) -> None:
    import logpress

    for column in describe(contract, lake, FIRST).columns:
        frame = eval(column.load, {"logpress": logpress})
        assert list(frame.columns) == [column.name]
        assert len(frame) == 65


def test_markdown_is_markdown(run: Callable[..., Ran]) -> None:
    shown = run("describe", "--day", DAYS[1], "--markdown").out
    table = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 13 + 3
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert "\x1b" not in shown
    assert "\\<img" in shown or "<img" not in shown.replace("`</script><img", "")


def test_one_form_is_asked_for_at_a_time(run: Callable[..., Ran]) -> None:
    ran = run("describe", "--json", "--markdown")
    assert (ran.code, "--json and --markdown: choose one" in ran.err) == (2, True)
