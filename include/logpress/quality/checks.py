"""The contract's checks, run on a day that is pressed but not yet published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logpress.codecs.arrow_arrays import array_of, texts_array
from logpress.codecs.registry import codecs_of
from logpress.contract.model import Check, Contract
from logpress.errors import CheckError, ContractError
from logpress.manifest import SliceManifest
from logpress.quality.unique import repeated_rows
from logpress.quality.values import column_statistics, column_values, seconds_of
from logpress.results import CheckResult

SHOWN_PLACES = 5
"""Number of records that a warning names."""


def run_checks(contract: Contract, manifests: Sequence[SliceManifest], parts: Sequence[str]) -> list[CheckResult]:
    """Run all checks of the contract.

    Args:
        contract: the table.
        manifests: the day's slices.
        parts: their part files.
    """
    rows = sum(manifest.rows for manifest in manifests)
    results = []
    for check in contract.checks:
        if check.kind == "unique":
            results.append(_judge_unique(check, rows, *repeated_rows(contract, check.named, parts)))
            continue
        broken = _broken_rows(contract, check, parts) if check.column is not None else 0
        results.append(_judge(check, rows, broken, manifests))
    return results


def kept_whole(manifests: Sequence[SliceManifest]) -> list[CheckResult]:
    """A warning if rows were kept whole because the proof found that their layouts did not restore them."""
    count = sum(manifest.kept_whole for manifest in manifests)
    if not count:
        return []
    places = [f"{place.origin} record {place.record}" for m in manifests for place in m.kept_whole_first]
    shown = ", ".join(places[:SHOWN_PLACES]) + (f" and {count - SHOWN_PLACES:,} more" if count > SHOWN_PLACES else "")
    message = (
        f"{count:,} {'records' if count > 1 else 'record'} kept whole, because their layout did not restore them "
        f"({shown}); the day is complete, but this is a defect of logpress: see docs/operations.md"
    )
    return [CheckResult(check="kept whole", level="warn", ok=False, message=message)]


_SHOWN_DAMAGE = 5
"""Number of damaged inputs that a warning names; the manifests name all."""


def input_warnings(manifests: Sequence[SliceManifest]) -> list[CheckResult]:
    """Warnings about records without a day, and about inputs that could only be read in part."""
    found = []
    count = sum(manifest.without_day for manifest in manifests)
    if count:
        message = (
            f"{count:,} records are rejects (no_day), because neither they nor the path of their input name a readable "
            "day; they will be rejects of each day that is pressed from this input. Put the day into its path, as "
            "{day} or a folder, or choose another column as the contract's `day`"
        )
        found.append(CheckResult(check="records without a day", level="warn", ok=False, message=message))
    damage = {uri: text for manifest in manifests for uri, text in manifest.damage.items()}
    if damage:
        named = [f"{uri}: {text}" for uri, text in list(damage.items())[:_SHOWN_DAMAGE]]
        if len(damage) > len(named):
            named.append(f"and {len(damage) - len(named):,} more")
        message = f"{len(damage):,} damaged input{'s' * (len(damage) > 1)} could only be read in part: "
        message += "; ".join(named)
        found.append(CheckResult(check="damaged inputs", level="warn", ok=False, message=message))
    return found


def raise_if_failed(results: Sequence[CheckResult]) -> None:
    """Raise an error if a check of level `fail` failed.

    Raises:
        CheckError: naming each that failed.
    """
    failed = [result.message for result in results if not result.ok and result.level == "fail"]
    if failed:
        raise CheckError("; ".join(failed), results)


def _judge(check: Check, rows: int, broken: int, manifests: Sequence[SliceManifest]) -> CheckResult:
    if check.kind == "min_rows":
        assert check.min is not None
        message = f"the day has {rows:,} rows; at least {check.min:,.0f} are expected"
        return _result(check, rows >= check.min, message + _rejected(manifests))
    if check.kind in ("max_irregular_share", "max_reject_share"):
        assert check.max is not None
        what = "irregular rows" if check.kind == "max_irregular_share" else "rejects"
        # Duplicates are not counted, because they say nothing about the quality of the input.
        count = sum(
            m.irregular_rows if check.kind == "max_irregular_share" else m.rejects - m.duplicates for m in manifests
        )
        total = rows + sum(m.rejects for m in manifests)
        share = count / total if total else 0.0
        return _result(
            check,
            share <= check.max,
            f"{count} of {total} records are {what} ({share:.3%}); at most {check.max:.3%} are allowed",
        )
    share = broken / rows if rows else 0.0
    low, high = ("any" if bound is None else f"{bound:.12g}" for bound in (check.min, check.max))
    fault = {
        "not_null": "are null",
        "range": f"are outside {low} to {high}",
        "values": f"are not among {', '.join(check.values)}",
    }[check.kind]
    message = f"{broken} of {rows} values of {check.column} {fault} ({share:.3%}); at most {check.max_share:.3%} may be"
    return _result(check, share <= check.max_share, message)


def _judge_unique(check: Check, rows: int, broken: int, examples: Sequence[str]) -> CheckResult:
    share = broken / rows if rows else 0.0
    named = ", ".join(check.named)
    message = f"{broken} of {rows} rows repeat {named} of another row ({share:.3%}); at most {check.max_share:.3%} may"
    if examples:
        message += f"; for example {', '.join(examples)}"
    return _result(check, share <= check.max_share, message)


def _rejected(manifests: Sequence[SliceManifest]) -> str:
    """The rejects by reason, in parentheses; empty if there are none."""
    reasons: Counter[str] = Counter()
    for manifest in manifests:
        reasons.update(manifest.reject_reasons)
    if not reasons:
        return ""
    named = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    return f" ({reasons.total():,} records are rejects: {named})"


def _result(check: Check, ok: bool, message: str) -> CheckResult:
    name = " ".join([check.kind, ", ".join(check.named)]).strip()
    return CheckResult(check=name, kind=check.kind, columns=check.named, level=check.level, ok=ok, message=message)


def _broken_rows(contract: Contract, check: Check, parts: Sequence[str]) -> int:
    """Number of rows that break a check on one column; row groups are read one by one."""
    assert check.column is not None
    if not codecs_of(contract)[check.column].is_comparable and check.kind != "not_null":
        raise ContractError(
            f"a check of kind {check.kind} does not apply to {check.column}, because sequence numbers are opaque; "
            "remove it from the contract"
        )
    return sum(_broken_rows_of(contract, check, path) for path in parts)


def _broken_rows_of(contract: Contract, check: Check, path: str) -> int:
    """The same for one part. Its rows are read only if the statistics of its row groups do not suffice."""
    assert check.column is not None
    counts = [_by_statistics(check, statistics) for statistics in column_statistics(contract, check.column, path)]
    if counts and None not in counts:
        return sum(filter(None, counts))
    return sum(_count(check, array) for array in column_values(contract, check.column, path))


def _by_statistics(check: Check, statistics: pq.Statistics | None) -> int | None:
    """Number of rows of a row group that break a check; None if its column's statistics do not suffice."""
    if statistics is None:
        return None
    if check.kind == "not_null":
        return int(statistics.null_count) if statistics.has_null_count else None
    if check.kind != "range" or not statistics.has_min_max or not isinstance(statistics.min, int):
        return None
    is_inside = (check.min is None or statistics.min >= check.min) and (
        check.max is None or statistics.max <= check.max
    )
    return 0 if is_inside else None


def _count(check: Check, array: pa.Array) -> int:
    if check.kind == "not_null":
        return int(array.null_count)
    import pyarrow.compute as pc  # here, because it is slow to import and statistics mostly suffice

    if check.kind == "values":
        plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
        inside = pc.is_in(plain, value_set=texts_array([value.encode() for value in check.values], pa.string()))
        return int(pc.sum(pc.and_(pc.is_valid(plain), pc.invert(inside))).as_py() or 0)
    numbers = seconds_of(array)
    bounds = ((pc.less, check.min), (pc.greater, check.max))
    return sum(
        int(pc.sum(beyond(numbers, array_of(np.array([bound], dtype=np.float64), pa.float64())[0])).as_py() or 0)
        for beyond, bound in bounds
        if bound is not None
    )
