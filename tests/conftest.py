"""Shared by the library's tests: two contracts, records of both, and a press-and-restore round trip."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from numpy.typing import NDArray
from tests.longest import longest_first
from tests.twins import records_of as records_of

from logpress.contract import Contract, load_contract
from logpress.kernel.words import PADDING
from logpress.limits import DEFAULT, Limits
from logpress.manifest import SliceManifest, SliceSpec

_QUIET = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large)
settings.register_profile("quick", max_examples=60, deadline=None, suppress_health_check=_QUIET)
settings.register_profile("long", max_examples=5_000, deadline=None, suppress_health_check=_QUIET)
settings.register_profile(  # the same examples each time, and none made smaller: only whether a test fails is asked
    "mutants", settings.get_profile("quick"), derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile({"1": "long", "mutants": "mutants"}.get(os.environ.get("LOGPRESS_FUZZ", ""), "quick"))
if "LOGPRESS_CORPUS" in os.environ:  # tests/fuzz/campaign.py
    settings.register_profile(
        "campaign",
        settings.get_profile("quick"),
        max_examples=int(os.environ["LOGPRESS_EXAMPLES"]),
        database=DirectoryBasedExampleDatabase(Path(os.environ["LOGPRESS_CORPUS"]) / "examples"),
        print_blob=True,
    )
    settings.load_profile("campaign")

DAY = date(2021, 12, 26)
_OTHER_LOG = Path(__file__).parent / "contracts" / "other_log.yaml"
_numbers = itertools.count()

SEED: dict[str, Any] = {
    "_index": "sdk-log-2021-12-26",
    "_type": "_doc",
    "_id": "49623735927354776182646864847313121695850829503304564770.0",
    "_version": 1,
    "_score": None,
    "_source": {
        "client_app_id": "e085f380-dd96-11eb-a904-599414fa8c5e2319",
        "func_name": "Backend.GameData.TransactionWrite",
        "nickName": "호랑이들어와요",
        "request_begin_timestamp": "2021-12-26T15:10:59.884+09:00",
        "request_end_timestamp": "2021-12-26T15:10:59.966+09:00",
        "request_url": "https://api.thebackend.io/data/gameinfo/v3.1/union/transactionWrite",
        "response_elapsed_time": 81,
        "response_reason": "Success",
        "response_status_code": 204,
        "sdk_version": "5.4.5",
        "timestamp": "2021-12-26T15:11:04Z",
        "user_inDate": "2021-08-22T07:51:26.636Z",
    },
    "fields": {
        "request_begin_timestamp": ["2021-12-26T06:10:59.884Z"],
        "user_inDate": ["2021-08-22T07:51:26.636Z"],
        "request_end_timestamp": ["2021-12-26T06:10:59.966Z"],
        "timestamp": ["2021-12-26T15:11:04.000Z"],
    },
    "sort": [1640531464000],
}
"""The one real record of sdk_log."""

READING: dict[str, Any] = {
    "schema": 3,
    "id": "r-000017",
    "station": {"code": "KR-108", "model": "Davis/6250", "indoors": False, "since": "2014-03-01T00:00:00+09:00"},
    "received": "2021-12-26T15:11:04.000000+00:00",
    "measured": "2021-12-27T00:11:01.999125+09:00",
    "drift": -2001,
    "values": {"temperature": -3.50, "pressure": 1013.25, "cells": [4, 97]},
    "notes": {"by": "자동", "flags": [1, None, True]},
    "epoch": {"s": 1640531464, "ms": 1640531464000},
    "again": "2021-12-26T15:11:01.999125Z",
}
"""A record of other_log."""


def compact(document: Any) -> bytes:
    """A record as loggers write it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def padded(text: bytes, behind: bytes = b"") -> NDArray[np.uint8]:
    """A kernel's buffer: the text, then padding that begins with `behind`."""
    return np.frombuffer(text + behind + bytes(max(0, PADDING - len(behind))), dtype=np.uint8)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: campaigns, real servers and engines at length; run by `make long`")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several processes, each begins with a long file."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: longest_first(item.nodeid))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    nodes = sys.modules.get("tests.integration.nodes")
    for line in getattr(nodes, "NOT_TESTED", ()):
        terminalreporter.write_line(line, red=True, bold=True)


@dataclass(frozen=True)
class Pressed:
    """The files that pressing wrote, and the records that restoring returned."""

    manifest: SliceManifest
    folder: Path
    restored: Counter[bytes]
    restored_count: int
    files_figures: tuple[int, int, str]

    @property
    def part(self) -> Path | None:
        return None if self.manifest.part is None else self.folder / self.manifest.part.path

    def table(self) -> pa.Table:
        assert self.part is not None
        return pq.read_table(self.part).drop_columns("_row_group")  # which says nothing of records

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir())}


PressBytes = Callable[..., Pressed]


def press(
    contract: Contract,
    data: bytes | Sequence[bytes],
    folder: Path,
    *,
    threads: int = 2,
    day: date = DAY,
    limits: Limits = DEFAULT,
) -> Pressed:
    """Press raw bytes (or records, each written as a line) and restore them.

    Checks what holds for every input: counts add up, and the three digests are equal.
    """
    from logpress.engine.press import press_slice
    from logpress.engine.restore.digest_parts import digest_files
    from logpress.engine.restore.in_order import restore

    raw = data if isinstance(data, bytes) else b"".join(record + b"\n" for record in data)
    home = folder / f"press-{next(_numbers)}"
    home.mkdir()
    source = folder / "raw.jsonl"  # always the same name: a rejects file says where its records come from
    source.write_bytes(raw)
    out = home / "out"
    # records that name no day are of the day that their input is named after
    spec = SliceSpec(name="slice", inputs=(str(source),), named_after={str(source): day})
    manifest = press_slice(contract, day, spec, str(out), threads=threads, limits=limits)
    parts = [str(out / manifest.part.path)] if manifest.part else []
    rejects = [str(out / manifest.rejects_part.path)] if manifest.rejects_part else []
    chunks: list[bytes] = []
    count = restore(parts, rejects, lambda chunk: chunks.append(bytes(chunk)))
    figures = digest_files(parts, rejects)
    restored = b"".join(chunks)
    assert restored == b"" or restored.endswith(b"\n")
    assert manifest.records == manifest.rows + manifest.rejects + manifest.other_day
    assert figures == (count, manifest.raw_bytes, manifest.digest)
    return Pressed(manifest, out, Counter(restored.split(b"\n")[:-1]), count, figures)


def records_in_order(path: Path | str) -> list[bytes]:
    """The records of a part as the engine renders them, in the order of rows."""
    from logpress.engine.part.part_reader import PartReader

    reader = PartReader(str(path))
    chunks = [
        chunk.tobytes()
        for group in range(reader.row_groups)
        for sheet, rows in reader.sheets(group)
        for chunk in sheet.rendered(rows)
    ]
    return b"".join(chunks).split(b"\n")[:-1]


def assert_round_trip(contract: Contract, records: Sequence[bytes], folder: Path, **options: Any) -> Pressed:
    """Press these records, and check that the same multiset is restored, with the digest of the records."""
    from logpress.hashing.digest import digest_records

    pressed = press(contract, records, folder, **options)
    assert pressed.restored == Counter(records)
    assert pressed.manifest.records == len(records)
    assert pressed.manifest.digest == digest_records(records)
    return pressed


def keeping_duplicates(contract: Contract) -> Contract:
    """The contract of a log whose equal records are separate events: most tests press the same record many times."""
    return contract.model_copy(update={"source": contract.source.model_copy(update={"duplicates": "keep"})})


@pytest.fixture(scope="session")
def sdk_log() -> Contract:
    """The contract, except that equal records are events, and each hour is a slice, so that there are several."""
    contract = keeping_duplicates(load_contract("sdk_log"))
    return contract.model_copy(update={"files": contract.files.model_copy(update={"merge_bytes": 0})})


@pytest.fixture(scope="session")
def other_log() -> Contract:
    return keeping_duplicates(load_contract(_OTHER_LOG))


@pytest.fixture(scope="session", params=["sdk_log", "other_log"])
def contract(request: pytest.FixtureRequest) -> Contract:
    """Each contract in turn."""
    found: Contract = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def model_record(contract: Contract) -> dict[str, Any]:
    """A regular record of the contract."""
    return SEED if contract.table == "sdk_log" else READING


@pytest.fixture(scope="session")
def seed() -> bytes:
    """The real record, compact, as raw input has it."""
    return compact(SEED)


@pytest.fixture(scope="session")
def press_bytes() -> PressBytes:
    return press


class Ran(NamedTuple):
    """What a command ended with, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def logpress(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command in this process, which names no lake: the tests of DAGs give their processes one."""
    from logpress.cli.app import main

    monkeypatch.delenv("LOGPRESS_LAKE", raising=False)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["logpress", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Ran(code, *capfd.readouterr())

    return run
