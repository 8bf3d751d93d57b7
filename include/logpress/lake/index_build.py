"""What manifests and attempts say of a day, as rows of the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from logpress.errors import LakeError
from logpress.hashing.digest import combine
from logpress.lake.attempts import attempts_of, is_superseded
from logpress.lake.index_rows import FOOTERS, REJECTS_FILES, CheckRow, DayRow, SizeRow
from logpress.lake.lake import Lake
from logpress.manifest import DayManifest
from logpress.results import Attempt, ColumnProfile, Verification

_NOTHING: dict[str, Any] = dict.fromkeys(DayRow._fields)


@dataclass(frozen=True)
class RowsOfDay:
    """The rows of a table and day, in order."""

    days: Sequence[DayRow] = ()
    checks: Sequence[CheckRow] = ()
    sizes: Sequence[SizeRow] = ()


def rows_of_day(lake: Lake, table: str, day: date, *, is_tried: bool = True) -> RowsOfDay:
    """Read what a lake has of a day: its manifest, and its newest attempt, if it may have one (`is_tried`).

    A damaged manifest is a row that says so; a damaged attempt is left out. A day that is neither published nor refused
    has no rows.

    Raises:
        LakeError: if the lake cannot be read.
    """
    problem, manifest = None, None
    try:
        manifest = lake.read_day(table, day)
    except LakeError as error:
        if not isinstance(error.__cause__, ValueError | None):
            raise  # the lake could not be read, which says nothing of the manifest
        problem = str(error)
    tried = attempts_of(lake, table, day) if is_tried else []
    attempts = [one for one in tried if not is_superseded(one, manifest)]
    attempt = attempts[-1] if attempts else None
    if manifest is None and problem is None and attempt is None:
        return RowsOfDay()
    told: dict[str, Any] = {**_NOTHING, "log_table": table, "day": day, "problem": problem}
    checks: list[CheckRow] = []
    sizes: list[SizeRow] = []
    if manifest is not None:
        told |= {"state": "published", **_published(manifest)}
        checks += _checks(table, day, manifest.verification, run=manifest.run, is_refused=False)
        sizes += _sizes(table, day, manifest)
    else:
        told["state"] = "refused" if problem is None else "damaged"
    if attempt is not None:
        if told["state"] == "refused":
            told |= _tried(attempt)
        told |= {
            "refused_at": attempt.refused_at,
            "refused_stage": attempt.stage,
            "refused_run": attempt.run,
            "refused_run_id": attempt.run_id,
            "refused_because": attempt.error,
        }
        checks += _checks(table, day, attempt.verification, run=attempt.run, is_refused=True)
    return RowsOfDay([DayRow(**told)], checks, sizes)


def unreadable_day(table: str, day: date, problem: str) -> RowsOfDay:
    """What is known of a day whose manifest the lake does not give now."""
    return RowsOfDay([DayRow(**{**_NOTHING, "log_table": table, "day": day, "state": "damaged", "problem": problem})])


def _published(manifest: DayManifest) -> dict[str, Any]:
    slices = manifest.slices
    profile = manifest.verification.profile if manifest.verification is not None else None
    contracts = {one.contract_sha256 for one in slices}
    return {
        "published_at": manifest.published_at,
        "run": manifest.run,
        "run_id": manifest.run_id,
        "snapshot_id": manifest.snapshot_id,
        "records": sum(one.records for one in slices),
        "rows": manifest.rows,
        "irregular_rows": sum(one.irregular_rows for one in slices),
        "kept_whole": sum(one.kept_whole for one in slices),
        "rejects": manifest.rejects,
        "duplicates": sum(one.duplicates for one in slices),
        "other_day": sum(one.other_day for one in slices),
        "erased": manifest.erased,
        "raw_bytes": manifest.raw_bytes,
        "input_bytes": None
        if any(one.source is not None for one in slices)
        else sum(origin.stored_bytes for one in slices for origin in one.origins),
        "stored_bytes": manifest.stored_bytes,
        "slices": len(slices),
        "parts": len(manifest.parts),
        "layouts": profile.layouts if profile is not None else max((one.layouts for one in slices), default=0),
        "hours_present": None if profile is None else sum(rows > 0 for rows in profile.hours),
        "digest": combine(one.digest for one in slices),
        "press_seconds": sum(one.seconds for one in slices),
        "contract_sha256": contracts.pop() if len(contracts) == 1 else None,
        "written_by": max((one.written_by or "" for one in slices), key=_version, default="") or None,
        **_verified(manifest.verification),
    }


def _version(text: str) -> list[tuple[int, str]]:
    """Puts versions in order: 0.10.0 after 0.9.1."""
    return [(int(part) if part.isdigit() else -1, part) for part in text.split(" ")[0].split(".")]


def _verified(verification: Verification | None) -> dict[str, Any]:
    if verification is None:
        return {}
    broken = Counter(check.level for check in verification.checks if not check.ok)
    return {
        "proven_at": verification.proven_at,
        "prove_seconds": verification.prove_seconds,
        "check_seconds": verification.check_seconds,
        "checks": len(verification.checks),
        "checks_warned": broken["warn"],
        "checks_failed": broken["fail"],
    }


def _tried(attempt: Attempt) -> dict[str, Any]:
    verification = attempt.verification
    return {
        "run": attempt.run,
        "run_id": attempt.run_id,
        "records": attempt.records,
        "rows": attempt.rows,
        "irregular_rows": attempt.irregular_rows,
        "rejects": attempt.rejects,
        "duplicates": attempt.reject_reasons.get("duplicate", 0),
        "raw_bytes": attempt.raw_bytes,
        "stored_bytes": attempt.stored_bytes,
        "digest": None if verification is None else verification.digest,
        **_verified(verification),
    }


def _checks(
    table: str, day: date, verification: Verification | None, *, run: str | None, is_refused: bool
) -> list[CheckRow]:
    if verification is None:
        return []
    return [
        CheckRow(
            log_table=table, day=day, is_refused=is_refused, run=run, position=position, check_name=check.check,
            kind=check.kind, columns=",".join(check.columns), level=check.level, ok=check.ok, message=check.message,
            observed=check.observed, low=check.low, high=check.high,
            compared_with=",".join(one.isoformat() for one in check.compared_with), checked_at=verification.proven_at,
        )
        for position, check in enumerate(verification.checks)
    ]  # fmt: skip


def _sizes(table: str, day: date, manifest: DayManifest) -> list[SizeRow]:
    """The sizes of a day's columns, the largest first; then what is in no column."""
    profile = manifest.verification.profile if manifest.verification is not None else None
    known = profile.by_name if profile is not None else {}
    found = [
        _size(table, day, manifest, one.name, one.stored_bytes, one.encodings, known.get(one.name))
        for one in manifest.columns
    ]
    rejects = sum(part.stored_bytes for part in manifest.rejects_parts)
    if manifest.parts:
        found.append(_size(table, day, manifest, FOOTERS, manifest.footer_bytes, (), None))
    if manifest.rejects_parts:
        found.append(_size(table, day, manifest, REJECTS_FILES, rejects, (), None))
    return found


def _size(
    table: str,
    day: date,
    manifest: DayManifest,
    name: str,
    size: int,
    encodings: Sequence[str],
    profile: ColumnProfile | None,
) -> SizeRow:
    return SizeRow(
        log_table=table, day=day, column_name=name, stored_bytes=size, bytes_a_row=size / max(1, manifest.rows),
        encodings=",".join(sorted(encodings)), nulls=None if profile is None else profile.nulls,
        distinct=None if profile is None else profile.distinct, entropy=None if profile is None else profile.entropy,
        raw_bytes=None,
    )  # fmt: skip
