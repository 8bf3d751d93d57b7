"""Waiting for an index, and choosing among several inputs, as the contract says."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from tests.conftest import SEED, compact
from tests.integration.nodes import Node
from tests.integration.proxy import Proxy, changed, meanwhile, proxied
from tests.integration.pulling import DAY, DOCUMENT, FORBIDDEN, INDEX, is_published, make, run, sdk_log

from logpress.day import one_machine as whole_day
from logpress.day import stages
from logpress.day.stages import plan
from logpress.errors import AbsentError, NotYetError, RefusedError
from logpress.lake import Lake
from logpress.reports.text import render_report

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undisturbed")]


@pytest.fixture
def index(opensearch: Node) -> Iterator[Node]:
    """A server whose day has 20 documents."""
    make(opensearch, INDEX, 20)
    yield opensearch
    opensearch.ask("DELETE", f"/{INDEX}*")


@pytest.fixture
def proxy(opensearch: Node) -> Iterator[Proxy]:
    with proxied(opensearch.port) as proxy:
        yield proxy


# -- waiting


def later(seconds: float, do) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


def test_an_index_that_appears_later_is_waited_for(opensearch, tmp_path, caplog):
    contract = sdk_log(wait=timedelta(seconds=20))
    timer = later(1.0, lambda: make(opensearch, INDEX, 4))
    try:
        assert run(contract, opensearch.uri, tmp_path).total() == 4
    finally:
        timer.join()
        opensearch.ask("DELETE", f"/{INDEX}")
    told = [entry.getMessage() for entry in caplog.records if "there is no such index" in entry.getMessage()]
    assert len(told) >= 2
    assert told[0].startswith("sdk_log 2021-12-26 waits 0 s, and 0:00:20 in all: ")


def test_an_index_that_turns_green_later_is_waited_for(index, proxy):
    proxy.harms["health", 1] = proxy.harms["health", 2] = changed(
        lambda data: data.replace(b'"status":"green"', b'"status":"red"')
    )
    specs = plan(sdk_log(), DAY, [proxy.uri], wait=timedelta(seconds=20))
    assert sum(sum(spec.expected) for spec in specs) == 20
    assert proxy.fired == [("health", 1), ("health", 2)]


def test_an_index_that_comes_to_rest_later_is_waited_for(index, proxy):
    for number in range(2, 20, 2):  # two rounds of three looks at two shards
        proxy.harms["count", number] = meanwhile(lambda: index.put(INDEX, f"new-{proxy.seen['count']}", DOCUMENT))
    specs = plan(sdk_log(), DAY, [proxy.uri], wait=timedelta(seconds=20))
    assert sum(sum(spec.expected) for spec in specs) == 20 + len(proxy.fired)
    assert len(proxy.fired) > 5


def test_what_does_not_come_in_time_is_refused_and_says_so(opensearch):
    with pytest.raises(RefusedError, match=r"there is no such index; it was waited for in vain, 0:00:01"):
        plan(sdk_log(), DAY, [opensearch.uri], wait=timedelta(seconds=1))
    with pytest.raises(NotYetError, match=r"there is no such index; to wait for that, let `source.wait` .*PT2H"):
        plan(sdk_log(), DAY, [opensearch.uri], wait=timedelta(0))
    with pytest.raises(NotYetError, match=r"there is no such index$"):
        plan(sdk_log(), DAY, [opensearch.uri])
    with pytest.raises(RefusedError, match=r"there is no such index$"):
        plan(sdk_log(missing_index="fail"), DAY, [opensearch.uri], wait=timedelta(seconds=60))


@pytest.fixture
def neighbours(opensearch: Node) -> Iterator[Node]:
    """A server that has days around, but not the day."""
    days = ("2021-12-23", "2021-12-25", "2021-12-28")
    for day in days:
        make(opensearch, f"pulled-log-{day}", 2)
    opensearch.ask("POST", "/pulled-log-*/_refresh")
    yield opensearch
    for day in days:
        opensearch.ask("DELETE", f"/pulled-log-{day}")


def test_what_is_missing_says_which_days_are_there(neighbours):
    near = r"there is no such index; the nearest days there are 2021-12-23, 2021-12-25, 2021-12-28$"
    with pytest.raises(NotYetError, match=near):
        plan(sdk_log(), DAY, [neighbours.uri])
    with pytest.raises(RefusedError, match=near):
        plan(sdk_log(missing_index="fail"), DAY, [f"{neighbours.uri}/pulled-log-2021-12-26"])


def test_an_index_of_many_days_says_which_it_has(neighbours):
    neighbours.put("pulled-log-2021-12-23", "other", DOCUMENT.replace(b"-26T", b"-20T"))
    neighbours.ask("POST", "/pulled-log-*/_refresh")
    contract = sdk_log(index="pulled-log-2021-12-23", time_field="timestamp", missing_index="fail")
    day = date(2021, 12, 24)
    with pytest.raises(RefusedError, match=r"the nearest days there are 2021-12-20, 2021-12-26$"):
        plan(contract, day, [neighbours.uri])


# -- two places of one day


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """A folder with three of the day's documents, as they lie in an archive."""
    folder = tmp_path / "archive"
    folder.mkdir()
    lines = [compact({**SEED["_source"], "response_elapsed_time": number}) for number in range(3)]
    (folder / "2021-12-26.ndjson").write_bytes(b"\n".join(lines))
    return str(folder / "{day}.ndjson")


def shown(report) -> str:
    console = Console(width=200, color_system=None, record=True, file=StringIO())
    console.print(render_report(report))
    return re.sub(r" {2,}", "  ", console.export_text())


def pressed(contract, inputs: list[str], folder: Path):
    report, _ = whole_day.run_day(contract, DAY, inputs, str(folder / "lake"), grace=timedelta(0))
    return report, Lake.open(str(folder / "lake")).need_day("sdk_log", DAY)


def test_all_inputs_are_the_day_unless_the_contract_wants_the_first(index, archive, tmp_path):
    report, _ = pressed(sdk_log(), [index.uri, archive], tmp_path)
    assert (report.rows, report.taken_from) == (23, ())


def test_the_first_input_that_has_the_day_is_taken_alone(index, archive, tmp_path, caplog):
    contract = sdk_log(use="first")
    report, manifest = pressed(contract, [index.uri, archive], tmp_path)
    assert (report.rows, report.taken_from, manifest.taken_from) == (20, (index.uri,), (index.uri,))
    assert f"read from  {index.uri}, the first input that has the day" in shown(report)
    assert "skipped" not in caplog.text
    assert stages.changes(contract, DAY, str(tmp_path / "lake"), [index.uri, archive]) is None
    index.ask("DELETE", f"/{INDEX}")
    report, manifest = pressed(contract, [index.uri, archive], tmp_path)
    assert (report.rows, report.taken_from, manifest.taken_from) == (3, (archive,), (archive,))
    assert f"is read from {archive}, the first of 2 inputs that has the day; skipped: opensearch" in caplog.text
    assert str(stages.changes(contract, DAY, str(tmp_path / "lake"), [index.uri, archive])).startswith(
        "no object is new"
    )
    make(index, INDEX, 0)  # an index without documents has nothing of the day either
    assert pressed(contract, [index.uri, archive], tmp_path)[0].rows == 3
    index.ask("DELETE", f"/{INDEX}")
    (tmp_path / "archive" / "2021-12-26.ndjson").unlink()
    with pytest.raises(
        NotYetError, match=r"no input has records of 2021-12-26: .*no such index; .*no such file"
    ) as told:
        pressed(contract, [index.uri, archive], tmp_path)
    assert "\n" not in str(told.value)
    with pytest.raises(AbsentError, match="no input has records of 2021-12-26"):
        pressed(contract, [archive, archive], tmp_path)
    make(index, INDEX, 0)


def test_an_input_that_is_there_but_refuses_is_not_passed_over(proxy, index, archive, tmp_path):
    proxy.harms["count", 0] = FORBIDDEN
    with pytest.raises(RefusedError, match="lacks a permission"):
        pressed(sdk_log(use="first"), [proxy.uri, archive], tmp_path)
    assert not is_published(tmp_path)


def test_an_input_that_comes_late_is_waited_for_only_where_none_has_the_day(opensearch, archive, tmp_path):
    contract = sdk_log(use="first", wait=timedelta(seconds=20))
    assert pressed(contract, [opensearch.uri, archive], tmp_path)[0].taken_from == (archive,)
    make(opensearch, "made-before", 4)  # it comes by an alias, all at once: not while it is written
    alias = {"actions": [{"add": {"index": "made-before", "alias": INDEX}}]}
    timer = later(1.0, lambda: opensearch.ask("POST", "/_aliases", alias))
    try:
        assert pressed(contract, [f"{archive}.gone", opensearch.uri], tmp_path)[0].taken_from == (opensearch.uri,)
    finally:
        timer.join()
        opensearch.ask("DELETE", "/made-before")
