"""Checks of the day as a whole: counts of its rows and rejects, and what its profile knows."""

from __future__ import annotations

from collections.abc import Sequence

from logpress.contract.checks import (
    Check,
    CorrectedLabels,
    Filled,
    Hours,
    MaxDuplicateShare,
    MaxIrregularShare,
    MaxRejectShare,
    MaxRows,
    MinRows,
    Unique,
    name_of,
)
from logpress.quality.drift.figures import DayFigures
from logpress.results import CheckResult, Profile


def judge_day(
    check: Check,
    today: DayFigures,
    profile: Profile,
    *,
    repeated: tuple[int, Sequence[str]] = (0, ()),
    nulls: int | None = None,
) -> CheckResult:
    """The result of a check that needs no row.

    Args:
        check: one that is neither of rows nor of drift.
        today: the day's counts.
        profile: its profile.
        repeated: for `unique`: the rows that repeat another one, and examples.
        nulls: for `filled`: the rows without a value, of a column that the profile does not have.
    """
    examples: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    if isinstance(check, MinRows | MaxRows):
        observed = float(today.rows)
        low, high = (check.min, None) if isinstance(check, MinRows) else (None, check.max)
        bound = f"at least {low:,.0f}" if low is not None else f"at most {high:,.0f}"
        message = f"the day has {today.rows:,} rows; {bound} are expected{_rejected(today)}"
    elif isinstance(check, MaxIrregularShare | MaxRejectShare | MaxDuplicateShare):
        count, what = {
            "max_irregular_share": (today.irregular, "irregular rows"),
            "max_reject_share": (today.rejects - today.duplicates, "rejects"),
            "max_duplicate_share": (today.duplicates, "duplicates"),
        }[check.kind]
        total, high = today.rows + today.rejects, check.max
        observed = count / total if total else 0.0
        message = f"{count:,} of {total:,} records are {what} ({observed:.3%}); at most {high:.3%} are allowed"
        if check.kind == "max_reject_share" and count:
            message += _rejected(today)
    elif isinstance(check, Hours):
        missing = [hour for hour, rows in enumerate(profile.hours) if rows < check.min_rows]
        observed, low = float(24 - len(missing)), float(check.min)
        few = "no rows" if check.min_rows == 1 else f"fewer than {check.min_rows:,} rows"
        has = "rows" if check.min_rows == 1 else f"{check.min_rows:,} rows or more"
        message = f"{24 - len(missing)} of 24 hours have {has}; at least {check.min} are expected"
        if missing:
            message += f"; {few} between {', '.join(_spans(missing))} UTC"
    elif isinstance(check, Filled):
        filled = profile.rows - (profile.by_name[check.column].nulls if nulls is None else nulls)
        observed, low = filled / profile.rows if profile.rows else 1.0, check.min_share
        wanted = f"at least {low:.3%} are" if low else "at least one is"
        message = f"{filled:,} of {profile.rows:,} values of {check.column} are there ({observed:.3%}); "
        message += f"{wanted} expected"
        ok = not profile.rows or (filled > 0 and observed >= low)
        return _result(check, ok, message, observed, low, high, ())
    elif isinstance(check, CorrectedLabels):
        corrected = profile.by_name[check.column].corrected or 0
        observed, high = corrected / profile.rows if profile.rows else 0.0, check.max_share
        message = f"{corrected:,} of {profile.rows:,} values of {check.column} had a wrong label ({observed:.3%}); "
        message += f"at most {high:.3%} may"
    else:
        assert isinstance(check, Unique)
        broken, examples = repeated[0], tuple(repeated[1])
        observed, high = broken / today.rows if today.rows else 0.0, check.max_share
        message = f"{broken:,} of {today.rows:,} rows repeat {', '.join(check.named)} of another row ({observed:.3%}); "
        message += f"at most {high:.3%} may"
        if examples:
            message += f"; for example {', '.join(examples)}"
    ok = (low is None or observed >= low) and (high is None or observed <= high)
    return _result(check, ok, message, observed, low, high, examples)


def _result(
    check: Check,
    ok: bool,
    message: str,
    observed: float,
    low: float | None,
    high: float | None,
    examples: tuple[str, ...],
) -> CheckResult:
    return CheckResult(
        check=name_of(check), kind=check.kind, columns=check.named, level=check.level, ok=ok, message=message,
        observed=observed, low=low, high=high, examples=examples,
    )  # fmt: skip


def _rejected(today: DayFigures) -> str:
    """The rejects by reason, in parentheses; empty if there are none."""
    if not today.reject_reasons:
        return ""
    reasons = sorted(today.reject_reasons.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
    what = "record is a reject" if today.rejects == 1 else "records are rejects"
    return f" ({today.rejects:,} {what}: {named})"


def _spans(hours: Sequence[int]) -> list[str]:
    """Consecutive hours as spans: 03:00 to 05:00."""
    spans: list[list[int]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour:
            spans[-1][1] = hour + 1
        else:
            spans.append([hour, hour + 1])
    return [f"{first:02}:00 and {last:02}:00" for first, last in spans]
