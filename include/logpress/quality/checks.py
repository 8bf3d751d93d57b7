"""The contract's checks on a day that is pressed but not yet published."""

from __future__ import annotations

from collections.abc import Sequence

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from logpress.contract.model import Check, Contract, Level, is_virtual
from logpress.errors import CheckError
from logpress.manifest import SliceManifest


class CheckResult(BaseModel):
    """What one check found."""

    model_config = ConfigDict(frozen=True)

    check: str
    level: Level
    ok: bool
    message: str


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
        broken = _broken_rows(contract, check, parts) if check.column is not None else 0
        results.append(_judge(check, rows, broken, manifests))
    return results


def raise_if_failed(results: Sequence[CheckResult]) -> None:
    """Refuse a day that breaks a check of level `fail`.

    Raises:
        CheckError: naming each.
    """
    failed = [result.message for result in results if not result.ok and result.level == "fail"]
    if failed:
        raise CheckError("; ".join(failed))


def _judge(check: Check, rows: int, broken: int, manifests: Sequence[SliceManifest]) -> CheckResult:
    if check.kind == "min_rows":
        assert check.min is not None
        return _result(check, rows >= check.min, f"the day has {rows} rows, at least {check.min:g} are expected")
    if check.kind in ("max_irregular_share", "max_reject_share"):
        assert check.max is not None
        what = "irregular rows" if check.kind == "max_irregular_share" else "rejects"
        count = sum(m.irregular_rows if check.kind == "max_irregular_share" else m.rejects for m in manifests)
        total = rows + sum(m.rejects for m in manifests)
        share = count / total if total else 0.0
        return _result(
            check,
            share <= check.max,
            f"{count} of {total} records are {what} ({share:.3%}), at most {check.max:.3%} may be",
        )
    share = broken / rows if rows else 0.0
    low, high = ("any" if bound is None else f"{bound:g}" for bound in (check.min, check.max))
    wish = {
        "not_null": "have no value",
        "range": f"lie outside {low} to {high}",
        "values": f"are none of {', '.join(check.values)}",
    }[check.kind]
    message = f"{broken} of {rows} values of {check.column} {wish} ({share:.3%}), at most {check.max_share:.3%} may"
    return _result(check, share <= check.max_share, message)


def _result(check: Check, ok: bool, message: str) -> CheckResult:
    name = check.kind if check.column is None else f"{check.kind} {check.column}"
    return CheckResult(check=name, level=check.level, ok=ok, message=message)


def _broken_rows(contract: Contract, check: Check, parts: Sequence[str]) -> int:
    """Rows that break a check on one stored column; row group by row group."""
    assert check.column is not None
    if is_virtual(contract.by_name[check.column]):
        return 0
    broken = 0
    for path in parts:
        with fsspec.open(path, "rb") as handle:
            file = pq.ParquetFile(handle)
            for group in range(file.num_row_groups):
                broken += _count(check, file.read_row_group(group, columns=[check.column]).column(0))
    return broken


def _count(check: Check, column: pa.ChunkedArray) -> int:
    if check.kind == "not_null":
        return int(column.null_count)
    if check.kind == "values":
        inside = pc.is_in(column, value_set=pa.array(check.values))
        return int(pc.sum(pc.and_(pc.is_valid(column), pc.invert(inside))).as_py() or 0)
    broken = pa.scalar(False)
    if check.min is not None:
        broken = pc.less(column, check.min)
    if check.max is not None:
        broken = pc.or_(broken, pc.greater(column, check.max))
    return int(pc.sum(broken).as_py() or 0)
