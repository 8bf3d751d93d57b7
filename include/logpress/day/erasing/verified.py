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
        columns = tuple(_column(one, erased) for one in profile.columns)
        paths = {path: rows for path, rows in profile.unknown_paths.items() if rows > erased}
        profile = profile.model_copy(update={"columns": columns, "unknown_paths": paths})
    checks = tuple(_check(check) for check in verification.checks)
    return verification.model_copy(update={"checks": checks, "profile": profile})


def _check(check: CheckResult) -> CheckResult:
    """Of a check that may quote a value, nothing but its result."""
    if not check.columns and not check.examples:
        return check
    held = "held" if check.ok else "was broken"
    message = f"{check.check} {held} when the day was pressed; records were erased since, so no more is told"
    return check.model_copy(update={"examples": (), "message": message})


def _column(column: ColumnProfile, erased: int) -> ColumnProfile:
    top = {value: rows for value, rows in column.top.items() if rows > erased}
    others = column.others + sum(column.top.values()) - sum(top.values())
    return column.model_copy(update={"top": top, "others": others, "low": None, "high": None})
