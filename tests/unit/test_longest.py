"""The list of the longest files of tests names files that exist, and begins with the longest."""

from __future__ import annotations

from pathlib import Path

from tests.longest import SECONDS, longest_first

ROOT = Path(__file__).parents[2]


def test_each_file_exists():
    assert [name for name in SECONDS if not (ROOT / name).is_file()] == []


def test_the_longest_comes_first_and_the_order_within_a_file_stays():
    short, long = "tests/unit/test_longest.py", "tests/dags/test_backfill.py"
    given = [f"{short}::b", f"{long}::b[x::y]", f"{short}::a", f"{long}::a"]
    assert sorted(given, key=longest_first) == [f"{long}::b[x::y]", f"{long}::a", f"{short}::b", f"{short}::a"]
