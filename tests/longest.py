"""The files of tests that take longest, so that two processes begin with them and end at the same time."""

from __future__ import annotations

from collections.abc import Mapping

SECONDS: Mapping[str, int] = {
    "tests/dags/page/test_browser.py": 102,
    "tests/dags/test_backfill.py": 230,
    "tests/dags/test_celery.py": 58,
    "tests/dags/test_runs.py": 53,
    "tests/dags/test_scheduler.py": 105,
    "tests/dags/test_search_run.py": 72,
    "tests/dags/test_told_runs.py": 145,
    "tests/integration/test_disturbed.py": 260,
    "tests/integration/test_erase_everywhere.py": 110,
    "tests/integration/test_folders_s3.py": 54,
    "tests/integration/test_kept_views.py": 45,
    "tests/integration/test_kill.py": 42,
    "tests/integration/test_lakes_on_servers.py": 26,
    "tests/integration/test_reader_matrix.py": 127,
    "tests/integration/test_s3.py": 104,
    "tests/integration/test_search_faults.py": 119,
    "tests/integration/test_search_faults_everywhere.py": 122,
    "tests/integration/test_spark.py": 88,
    "tests/property/test_rendering.py": 56,
    "tests/property/test_round_trip.py": 38,
    "tests/unit/bench/test_bench_drift.py": 27,
    "tests/unit/cli/test_cli.py": 42,
    "tests/unit/day/test_erase.py": 82,
    "tests/unit/day/test_healing.py": 32,
    "tests/unit/day/test_stages.py": 26,
    "tests/unit/engine/part/test_hostile.py": 140,
    "tests/unit/kernel/test_ahead.py": 53,
    "tests/unit/lake/test_lake.py": 74,
    "tests/unit/lake/test_migrate.py": 36,
    "tests/unit/reading/test_reading.py": 24,
    "tests/unit/reading/test_vocabularies.py": 27,
    "tests/unit/serving/test_user_history.py": 26,
    "tests/unit/views/test_views.py": 22,
}
"""Seconds that a file takes, on two quiet cores with another file beside it; those of less than 20 s are left out."""


def longest_first(node_id: str) -> int:
    """The key by which tests are sorted; those of a file, and of files that are not listed, keep their order."""
    return -SECONDS.get(node_id.partition("::")[0], 0)
