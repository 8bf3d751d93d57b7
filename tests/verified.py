"""What `verify` may have found of a day: checks of each outcome, and a profile of columns, with hostile values."""

from __future__ import annotations

from datetime import UTC, datetime

from logpress.manifest import DayManifest
from logpress.results import CheckResult, ColumnProfile, Profile, Verification

HOSTILE = '</script><img src=x onerror="alert(1)">|`\x1b[31m\u202e\n'
"""A value that no page, terminal or Markdown may take as more than text."""

SECRET = "호랑이 nobody may see"
"""A value of a personal column."""


def with_verification(manifest: DayManifest) -> DayManifest:
    """The manifest with results."""
    hours = [0] * 24
    hours[3], hours[10] = 1, manifest.rows - 1
    columns = (
        ColumnProfile(
            name="func_name", nulls=1, distinct=2, entropy=0.5,
            top={HOSTILE: 2, "Login": 1}, others=manifest.rows - 4,
        ),
        ColumnProfile(name="response_elapsed_ms", nulls=0, distinct=60, entropy=5.9, low="0", high="59"),
        ColumnProfile(
            name="nickname", nulls=0, distinct=9, entropy=3.1, low=SECRET, high=SECRET,
            top={SECRET: manifest.rows},
        ),
    )  # fmt: skip
    checks = (
        CheckResult(check="min_rows", kind="min_rows", level="fail", ok=True, message="enough <b>rows</b>"),
        CheckResult(check="range elapsed", kind="range", level="warn", ok=False, message=f"odd: {HOSTILE}"),
    )
    found = Verification(
        proven_at=datetime(2021, 12, 25, 1, 2, 3, tzinfo=UTC),
        records=manifest.rows + manifest.rejects,
        raw_bytes=manifest.raw_bytes,
        files=len(manifest.parts) + len(manifest.rejects_parts),
        digest="0" * 32,
        checks=checks,
        profile=Profile(rows=manifest.rows, hours=tuple(hours), layouts=3, columns=columns),
    )
    return manifest.model_copy(update={"verification": found})
