"""The obvious path in readers of folders gives exactly the published rows, also while a day is replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import SEED, compact
from tests.integration import engines
from tests.integration.folder_readers import READERS, needed

from logpress.contract import Contract
from logpress.day import one_machine as whole_day
from logpress.lake import Lake
from logpress.reading import open_lake

DAYS = (date(2021, 12, 26), date(2021, 12, 27))
TABLE = "sdk_log"
COLUMN = "response_elapsed_ms"
REPLACED = 25
PARTS, ROWS = 4, 50


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


def test_spark_reads_the_folder_of_a_table_and_of_a_day(published: tuple[str, dict[date, Counter[Any]]]) -> None:
    if engines.find_java() is None:
        engines.skip_loudly("Spark", engines.CannotStartError("there is no Java"))
    lake, expected = published
    session = needed("pyspark.sql").SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = session.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    try:
        for path, days in ((f"{lake}/{TABLE}/data", DAYS), (f"{lake}/{TABLE}/data/dt={DAYS[0]}", DAYS[:1])):
            found = spark.read.parquet(path).select(COLUMN).toArrow()[COLUMN].to_pylist()
            assert Counter(found) == sum((expected[day] for day in days), Counter())
    finally:
        spark.stop()


REPLACE = """
import sys
from pathlib import Path
from datetime import date
import pyarrow as pa
from tests.unit.test_lake import stage
from logpress.lake import Lake, publish_day

lake, day = Lake.create(sys.argv[1]), date.fromisoformat(sys.argv[2])
turns, parts, rows = map(int, sys.argv[3:6])
for turn in range(turns):
    names = [f"turn{turn}"] * rows
    manifests = [stage(lake, day, f"h{part}", names, run=f"run{turn}", rejects=3) for part in range(parts)]
    publish_day(lake, "log", day, manifests, f"run{turn}")
    print(turn, flush=True)
"""


@pytest.fixture
def replacing(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The folder of a table's data, of which a process replaces a day again and again; it has the day."""
    lake = str(tmp_path / "lake")
    Lake.create(lake)
    command = [sys.executable, "-c", REPLACE, lake, str(DAYS[0]), str(REPLACED), str(PARTS), str(ROWS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    try:
        yield f"{lake}/log/data", process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("folder", ["table", "day"])
@pytest.mark.parametrize("reader", READERS)
def test_while_a_day_is_replaced_each_read_gives_one_publication_or_says_that_a_file_is_gone(
    replacing: tuple[str, subprocess.Popen[str]], reader: str, folder: str
) -> None:
    data, process = replacing
    if folder == "day":
        path, glob = f"{data}/dt={DAYS[0]}", f"{data}/dt={DAYS[0]}/*.parquet"
    else:
        path, glob = data, f"{data}/*/*.parquet"
    seen: Counter[str] = Counter()
    told: Counter[str] = Counter()
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        try:
            found = Counter(READERS[reader](path, glob, "name"))
        except pytest.skip.Exception:
            raise
        except Exception as error:  # each reader has its own kinds
            text = str(error)
            assert any(
                word in text.lower() for word in ("no such file", "not found", "cannot open", "no files", "exist")
            )
            told[type(error).__name__] += 1
            continue
        assert list(found.values()) == [PARTS * ROWS], found
        seen.update(found.keys())
    assert process.wait() == 0
    assert len(seen) > 2, (seen, told)
    assert Counter(READERS[reader](path, glob, "name")) == {f"turn{REPLACED - 1}": PARTS * ROWS}
    assert len(os.listdir(f"{data}/dt={DAYS[0]}")) == PARTS
