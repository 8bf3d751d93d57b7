"""Every reader against every kind of question: the answers of the files that logpress published are those of `scan`."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.every_type import every_type
from tests.integration import engines
from tests.integration.engines import Trino
from tests.integration.lakes import EPOCH, Lake
from tests.integration.matrix import asking, report, sql
from tests.integration.matrix.asking import Expected
from tests.integration.matrix.questions import KINDS, Column, Kind, Question
from tests.integration.matrix.readers import READERS, RUNS, SPARK_35, Reader, known_of, python_of
from tests.integration.matrix.worker import answers_of
from tests.integration.nodes import CannotStartError, find_java
from tests.integration.rest_server import of_lake

from logpress.contract import Contract

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # the first test of a reader waits for its process

TABLES = ("sdk_log", "every_type")
ROOT = Path(__file__).parents[2]

Answers = dict[str, dict[str, list[dict[str, Any]]]]
"""By reader and table, in the order of the questions."""

SPARK_JARS = {
    "spark-4.1": (("org.apache.iceberg", f"iceberg-spark-runtime-{engines.SPARK}_2.13", engines.ICEBERG, "jar"),),
    "spark-3.5": (("org.apache.iceberg", "iceberg-spark-runtime-3.5_2.12", engines.ICEBERG, "jar"),),
}


def ask_process(run: str, home: Path, expected: Mapping[str, Expected]) -> Answers:
    """Ask the readers of a run in their process."""
    names = ",".join(reader.name for reader in READERS if reader.run == run)
    paths = [str(home / f"{table}.json") for table in expected]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        if run in SPARK_JARS:
            jars = engines.fetched([*SPARK_JARS[run], engines.SQLITE_DRIVER])
            environment["LOGPRESS_JARS"] = ",".join(map(str, jars))
            environment["JAVA_HOME"] = str(Path(find_java(17, exact=True)).parents[1])
        if run == "spark-4.1":
            environment["LOGPRESS_REST"] = stack.enter_context(of_lake(home / "lake", home / "rest.log"))
        command = [
            python_of(RUNS[run]),
            "-m",
            "tests.integration.matrix.worker",
            names,
            *paths,
            str(home / f"{run}.out"),
        ]
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, f"{run}: exit code {done.returncode}: {done.stderr[-2000:]}"
    found: Answers = json.loads((home / f"{run}.out").read_text())
    return found


def trino_value(value: Any, column: Column) -> Any:
    """A value of Trino's JSON as answers have it."""
    if value is None or column.type not in ("instant", "date"):
        return value
    if column.type == "date":
        return (date.fromisoformat(value) - EPOCH.date()).days
    return (datetime.fromisoformat(value.replace(" UTC", "+00:00")) - EPOCH) // timedelta(microseconds=1)


class TrinoAsk:
    """A table of Trino."""

    def __init__(self, server: Trino, table: str) -> None:
        self.server, self.table = server, f"lake.logpress.{table}"

    def together(self, questions: list[Question]) -> list[list[tuple[Any, ...]]]:
        def run(text: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in self.server.query(text).rows]

        given = sql.ask_together(questions, sql.TRINO, self.table, run)
        found = []
        for question, rows in zip(questions, given, strict=True):
            if question.kind == "bounds":
                typed = [
                    (trino_value(low, column), trino_value(high, column), count)
                    for column, (low, high, count) in zip(question.columns, rows, strict=True)
                ]
            elif question.kind == "groups":
                typed = rows
            else:
                typed = [tuple(map(trino_value, row, question.columns)) for row in rows]
            found.append(typed)
        return found


class Matrix:
    """A lake, the right answers, and those that readers gave."""

    def __init__(
        self, home: Path, expected: Mapping[str, Expected], runs: Sequence[str], pool: ThreadPoolExecutor
    ) -> None:
        self.expected = dict(expected)
        self._others: dict[str, dict[str, Expected]] = {}
        for table, given in expected.items():
            given.asked.write(home / f"{table}.json")
        self._runs: dict[str, Future[Answers]] = {
            run: pool.submit(ask_process, run, home, expected) for run in runs if run != "trino"
        }

    def add(self, run: str, answers: Answers, expected: Mapping[str, Expected]) -> None:
        """What was asked in this process, of another lake."""
        self._others[run] = dict(expected)
        self._runs[run] = Future()
        self._runs[run].set_result(answers)

    def has(self, run: str) -> bool:
        return run in self._runs

    def wrong(self, reader: Reader, table: str, kind: Kind) -> list[str]:
        """What is wrong with a reader's answers.

        Raises:
            CannotStartError: if this machine lacks what it needs.
        """
        answers = self._runs[reader.run].result()[reader.name][table]
        expected = self._others.get(reader.run, self.expected)[table]
        kinds = [question.kind for question in expected.asked.questions if question.kind in reader.kinds]
        given = [answer for answer, asked in zip(answers, kinds, strict=True) if asked == kind]
        return expected.wrong_of(kind, given)


@pytest.fixture(scope="module")
def matrix(
    sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Matrix]:
    """Begins to ask the readers of the tests that were selected."""
    items = [item for item in request.session.items if item.path == Path(__file__)]
    params = [getattr(item, "callspec", None) for item in items]
    needed = {found.params["reader"].run for found in params if found}
    if any(item.name.startswith("test_the_table") for item in items):
        needed = set(RUNS)
    home = tmp_path_factory.mktemp("matrix")
    files = sdk_log.files.model_copy(update={"row_group_rows": 1000})
    types = every_type()
    # Spark's own reader refuses files that have UUIDs, whatever is asked: docs/codecs.md
    columns = tuple(column for column in types.columns if column.codec != "uuid")
    types = types.model_copy(update={"columns": columns})
    contracts = [sdk_log.model_copy(update={"files": files, "checks": ()}), types]
    expected = {found.asked.table: found for found in asking.build(home, contracts)}
    with ThreadPoolExecutor(2) as pool:
        yield Matrix(home, expected, [run for run in RUNS if run in needed], pool)


def wrong_of(matrix: Matrix, reader: Reader, table: str, kind: Kind, request: pytest.FixtureRequest) -> list[str]:
    if reader.run == "trino" and not matrix.has("trino"):
        lake: Lake = request.getfixturevalue("lake")
        server: Trino = request.getfixturevalue("trino")
        expected = {name: asking.expected_of(lake.tables[name]) for name in TABLES}
        matrix.add("trino", {"trino": {
            name: answers_of(lambda asked: TrinoAsk(server, asked.table), expected[name].asked) for name in TABLES
        }}, expected)  # fmt: skip
    try:
        return matrix.wrong(reader, table, kind)
    except CannotStartError as error:
        engines.skip_loudly(reader.run, error)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    ("reader", "kind"),
    [(reader, kind) for reader in READERS for kind in reader.kinds],
    ids=lambda given: given.key if isinstance(given, Reader) else given,
)
def test_answers_are_those_of_scan(
    matrix: Matrix, reader: Reader, kind: Kind, table: str, request: pytest.FixtureRequest
) -> None:
    wrong = wrong_of(matrix, reader, table, kind, request)
    known = known_of(reader, table, kind)
    if known is None:
        assert not wrong, "\n".join(wrong)
    else:
        assert wrong, f"{reader.title} is right now: take it out of KNOWN, and run `make reader-matrix`"
        assert all(re.search(known.sign, text) for text in wrong), "\n".join(wrong)


def test_the_table_in_the_documents_is_that_of_this_run(matrix: Matrix, request: pytest.FixtureRequest) -> None:
    rows = {}
    for reader in READERS:
        cells = {}
        for kind in reader.kinds:
            wrong = [table for table in TABLES if wrong_of(matrix, reader, table, kind, request)]
            found = [known_of(reader, table, kind) for table in wrong]
            assert None not in found, f"{reader.title}: {KINDS[kind]}"
            cells[kind] = [known for known in found if known is not None]
        rows[reader.key] = report.row(reader, cells)
    text = report.table(rows)
    if os.environ.get("LOGPRESS_READER_MATRIX") == "write":
        report.write(text)
    assert report.written() == text, "run `make reader-matrix`"


def test_at_least_ten_questions_are_of_instants_and_texts(matrix: Matrix) -> None:
    asked = [question.kind for expected in matrix.expected.values() for question in expected.asked.questions]
    assert asked.count("instant") + asked.count("string") >= 20
    assert SPARK_35.startswith("3.5")
