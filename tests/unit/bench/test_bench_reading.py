"""bench.reading: each reader gives all rows of the days, so that their times can be compared."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from bench.reading import NEEDS, READERS, Asked, _measured, _python_with
from tests.unit.reading.test_reading import DAYS, Sample, build
from tests.unit.reading.test_torch import need

from logpress.contract import Contract

ROWS_OF = [name for name in READERS if "sequences" not in name and "MosaicML" not in name and "fairseq2" not in name]
"""Readers of rows whose packages can be installed beside those of `make setup`."""


@pytest.fixture(scope="module")
def calls(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return build(sdk_log, tmp_path_factory.mktemp("bench"))


@pytest.fixture
def asked(calls: Sample, tmp_path: Path) -> Asked:
    return Asked(calls.table, (str(DAYS[0]), str(DAYS[1])), 2500, tmp_path)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] * (NEEDS.get(name) in ("torch", "datasets"))) for name in ROWS_OF],
)
def test_a_reader_gives_each_row_once(name: str, asked: Asked, calls: Sample) -> None:
    if name in NEEDS:
        need(NEEDS[name])
    found: Counter[int] = Counter()
    for count, games in READERS[name](asked):
        values, counts = np.unique(np.asarray(games), return_counts=True)
        assert count == counts.sum()
        found.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    assert sorted(found.values()) == sorted(Counter(row["client_app_id"] for row in calls.rows).values())


def test_figures_are_of_all_rows_and_of_the_files(asked: Asked, calls: Sample) -> None:
    measured = _measured(READERS["pyarrow.dataset, unshuffled, codes"], asked)
    assert measured["rows"] == len(calls.rows)
    assert measured["stored"] == sum(Path(path).stat().st_size for path in asked.files)
    shards = asked.folder / "shards"
    shards.mkdir()
    (shards / "shard").write_bytes(b"12345")
    assert _measured(READERS["pyarrow.dataset, unshuffled"], asked)["stored"] == 5


def test_a_reader_is_run_by_the_first_interpreter_that_has_its_package() -> None:
    assert _python_with("pyarrow.dataset", ["/bin/false", sys.executable, "/bin/true"]) == sys.executable
    assert _python_with("a_package_that_nobody_has", [sys.executable]) is None
