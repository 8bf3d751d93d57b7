"""What verify found of a day, without what it may tell of records that were erased since."""

from __future__ import annotations

from logpress.results import CheckResult, ColumnProfile, Verification


def without_erased(verification: Verification | None, erased: int) -> Verification | None:
    """Leave numbers, and values that more rows have than were erased: the day has these still.

    Args:
        verification: what verify found, when the day was pressed.
        erased: records that were erased since then.
    """
    if verification is None:
        return None
    profile = verification.profile
    if profile is not None:
        profile = profile.model_copy(update={"columns": tuple(_column(one, erased) for one in profile.columns)})
    checks = tuple(_check(check) for check in verification.checks)
    return verification.model_copy(update={"checks": checks, "profile": profile})


def _check(check: CheckResult) -> CheckResult:
    """Of a check of columns, nothing that may quote a value."""
    if not check.columns:
        return check.model_copy(update={"examples": ()})
    held = "held" if check.ok else "was broken"
    message = f"{check.check} {held} when the day was pressed; records were erased since, so no more is told"
    return check.model_copy(update={"examples": (), "message": message})


def _column(column: ColumnProfile, erased: int) -> ColumnProfile:
    top = tuple(one for one in column.top if one.rows > erased)
    others = column.others + sum(one.rows for one in column.top if one.rows <= erased)
    return column.model_copy(update={"top": top, "others": others, "low": None, "high": None})
