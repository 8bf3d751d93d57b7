"""Planted faults at a size that takes seconds: all are found by the defaults, and quiet days are quiet."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.drift import FAULTS, run

pytestmark = pytest.mark.long

RECORDS = 60_000
"""Of a usual day; the measurement itself takes 200,000."""


def test_the_defaults_find_all_planted_faults(tmp_path: Path) -> None:
    outcome = run(7, tmp_path, days=max(fault.day for fault in FAULTS) + 2, records=RECORDS)
    assert outcome.missed == []
    assert outcome.found.keys() == {fault.name for fault in FAULTS}
    assert len(FAULTS) == 12
    assert len(outcome.false_alarms) <= 1, outcome.false_alarms
