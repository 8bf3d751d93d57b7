"""The obvious path in readers of folders gives exactly the published rows, also while a day is replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import SEED, compact
from tests.integration import engines
from tests.integration.folder_readers import NOT_REQUIRED, READERS, found_here, needed
from tests.integration.nodes import CannotStartError, find_java

from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.lake import Lake
from logpress.reading import open_lake

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # fastparquet's and PySpark's own

DAYS = (date(2021, 12, 26), date(2021, 12, 27))
TABLE = "sdk_log"
COLUMN = "response_elapsed_ms"
REPLACED, LEAST_SEEN = 25, 3
PARTS, ROWS = 4, 50
SAYS_GONE = ("no such file", "not found", "cannot open", "no files", "not exist", "doesn't exist", "cannot_stat")


@pytest.fixture(scope="module")
def published(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[date, Counter[Any]]]:
    """A lake, and the values of a column by day: two parts a day, rejects, and a day that was replaced."""
    home = tmp_path_factory.mktemp("folders")
    lake = str(home / "lake")
    for day, turn in ((DAYS[0], 0), (DAYS[0], 1), (DAYS[1], 2)):
        raw = home / f"raw{turn}"
        for hour in (10, 11):
            folder = raw / f"{day:%Y/%m/%d}/{hour}"
            folder.mkdir(parents=True)
            lines = [b"no record"]
            for number in range(200):
                document = json.loads(json.dumps(SEED))
                document["_source"]["response_elapsed_time"] = 1000 * turn + number
                document["_source"]["timestamp"] = f"{day}T{hour}:{number // 60:02}:{number % 60:02}Z"
                lines.append(compact(document))
            (folder / "raw.ndjson").write_bytes(b"\n".join(lines) + b"\n")
        sized = sdk_log.model_copy(update={"source": sdk_log.source.model_copy(update={"merge_bytes": 0})})
        whole_day.run_day(sized, day, [str(raw)], lake, threads=1)
    table = open_lake(lake).table(TABLE)
    expected = {day: Counter(table.scan(day, columns=[COLUMN]).to_arrow()[COLUMN].to_pylist()) for day in DAYS}
    assert [counter.total() for counter in expected.values()] == [400, 400]
    assert all(manifest.rejects == 2 for day in DAYS if (manifest := Lake.open(lake).need_day(TABLE, day)))
    return lake, expected


@pytest.mark.parametrize("reader", READERS)
def test_the_folder_of_a_table_or_day_gives_exactly_its_rows(
    published: tuple[str, dict[date, Counter[Any]]], reader: str
) -> None:
    lake, expected = published
    data = f"{lake}/{TABLE}/data"
    found = READERS[reader](data, f"{data}/*/*.parquet", COLUMN)
    assert Counter(found) == expected[DAYS[0]] + expected[DAYS[1]]
    for day in DAYS:
        found = READERS[reader](f"{data}/dt={day}", f"{data}/dt={day}/*.parquet", COLUMN)
        assert Counter(found) == expected[day]


@pytest.mark.long
def test_spark_reads_the_folder_of_a_table_and_of_a_day(
    published: tuple[str, dict[date, Counter[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        monkeypatch.setenv("JAVA_HOME", str(Path(find_java(17, exact=True)).parents[1]))
    except CannotStartError as error:
        engines.skip_loudly("Spark", error)
    lake, expected = published
    session = needed("pyspark.sql").SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = session.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    try:
        for path, days in ((f"{lake}/{TABLE}/data", DAYS), (f"{lake}/{TABLE}/data/dt={DAYS[0]}", DAYS[:1])):
            found = spark.read.parquet(path).select(COLUMN).toArrow()[COLUMN].to_pylist()
            assert Counter(found) == sum((expected[day] for day in days), Counter())
    finally:
        engines.end_spark(spark)


REPLACE = """
import os
import sys
from datetime import date
from tests.unit.lake.test_lake import stage
from logpress.lake import Lake, publish_day

lake, day, turn = Lake.create(sys.argv[1]), date.fromisoformat(sys.argv[2]), 0
parts, rows = map(int, sys.argv[3:5])
while not os.path.exists(sys.argv[5]):
    names = [f"turn{turn}"] * rows
    manifests = [stage(lake, day, f"h{part}", names, run=f"run{turn}", rejects=3) for part in range(parts)]
    publish_day(lake, "log", day, manifests, f"run{turn}")
    print(turn, flush=True)
    turn += 1
"""


def test_while_a_day_is_replaced_each_read_gives_one_publication_or_says_that_a_file_is_gone(tmp_path: Path) -> None:
    lake, stop, told = str(tmp_path / "lake"), tmp_path / "stop", tmp_path / "told"
    Lake.create(lake)
    data = f"{lake}/log/data"
    paths = ((data, f"{data}/*/*.parquet"), (f"{data}/dt={DAYS[0]}", f"{data}/dt={DAYS[0]}/*.parquet"))
    seen: dict[str, set[str]] = {name: set() for name in READERS if name not in NOT_REQUIRED or found_here(name)}
    gone: Counter[str] = Counter()
    with told.open("w") as output:
        command = [sys.executable, "-c", REPLACE, lake, str(DAYS[0]), str(PARTS), str(ROWS), str(stop)]
        process = subprocess.Popen(command, stdout=output)
    try:
        deadline = time.monotonic() + 400
        while told.read_text().count("\n") < 1:
            assert process.poll() is None
            time.sleep(0.01)
        while told.read_text().count("\n") < REPLACED or min(map(len, seen.values())) < LEAST_SEEN:
            assert process.poll() is None
            assert time.monotonic() < deadline, (seen, gone)
            for name in seen:
                for path, glob in paths:
                    try:
                        found = Counter(READERS[name](path, glob, "name"))
                    except Exception as error:  # each reader has its own kinds
                        if not any(word in str(error).lower() for word in SAYS_GONE):
                            raise
                        gone[name] += 1
                        continue
                    assert list(found.values()) == [PARTS * ROWS], (name, found)
                    seen[name].update(found.keys())
        stop.touch()
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    last = f"turn{told.read_text().split()[-1]}"
    for name in seen:
        for path, glob in paths:
            assert Counter(READERS[name](path, glob, "name")) == {last: PARTS * ROWS}
    assert len(os.listdir(f"{data}/dt={DAYS[0]}")) == PARTS
