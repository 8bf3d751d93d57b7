"""A lake with manifests, rejects files and attempts of many days, and no parts: what the page reads, with faults."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.contract import load_contract
from logpress.contract.model import Contract
from logpress.engine.part.rejects import REJECTS_SCHEMA
from logpress.lake import Lake
from logpress.lake.attempts import write_attempt
from logpress.lake.catalog import open_catalog
from logpress.lake.index_tables import follow
from logpress.manifest import ColumnStats, DayManifest, OriginStats, PartStats, SliceManifest, file_name
from logpress.results import (
    Attempt,
    CheckResult,
    ColumnProfile,
    Profile,
    RejectExample,
    Verification,
)

TABLE = "sdk_log"
HOURS = 24
_A_RECORD = 871


def hours_of(day: date, seed: int = 0) -> list[int]:
    """Rows by hour of a day, with the rhythm of a week and of a day."""
    rng = random.Random(f"{seed} {day}")
    total = 2_000_000 * (1.25 if day.weekday() >= 5 else 1.0) * rng.gauss(1.0, 0.02)
    weights = [1.1 + math.sin((hour - 9) / 24 * 2 * math.pi) * 0.8 + rng.gauss(0, 0.02) for hour in range(HOURS)]
    return [max(1, int(total * weight / sum(weights))) for weight in weights]


def manifest_of(day: date, hours: list[int] | None = None, *, seed: int = 0, **fault: Any) -> DayManifest:
    """The manifest of a day.

    Args:
        day: the day.
        hours: rows by hour; those of `hours_of` if None.
        seed: for figures.
        fault: `irregular` and `rejects` as shares, `larger` as a factor of stored bytes, `broken` as results of checks,
            `unknown` as paths, `slices` as their number, `verified` false for a manifest as older versions wrote it.
    """
    rng = random.Random(f"{seed} {day} figures")
    hours = hours_of(day, seed) if hours is None else hours
    contract = _contract()
    weights = {
        column.name: rng.uniform(0.9, 1.1) * 3.2 / (number + 1.2) ** 1.3
        for number, column in enumerate(contract.columns)
    }
    weights |= {"_extra": 0.02, "_layout": 0.05}
    width = HOURS // fault.get("slices", HOURS)
    of_slices = {hour: sum(hours[hour : hour + width]) for hour in range(0, HOURS, width)}
    slices = [_slice(day, hour, rows, weights, fault, rng) for hour, rows in of_slices.items() if rows]
    rows = sum(one.rows for one in slices)
    published_at = datetime.combine(day + timedelta(days=1), time(1, 6), tzinfo=UTC) + timedelta(
        seconds=rng.uniform(0, 600)
    )
    manifest = DayManifest(
        table=TABLE,
        day=day.isoformat(),
        published_at=published_at,
        snapshot_id=rng.getrandbits(62),
        run=f"scheduled-{day}",
        run_id=f"scheduled__{day + timedelta(days=1)}T00:00:00+00:00",
        slices=tuple(slices),
    )
    if not fault.get("verified", True):
        return manifest
    checks = (*_checks(rows, hours), *fault.get("broken", ()))
    profile = Profile(
        rows=rows,
        hours=tuple(hours),
        layouts=17,
        unknown_paths=dict(fault.get("unknown", {})),
        columns=tuple(
            ColumnProfile(
                name=column.name,
                nulls=int(rows * (0.0 if number % 4 else 0.03)),
                distinct=int(10 ** rng.uniform(1, 6)),
                entropy=rng.uniform(1, 12),
                top={"a": rows // 2},
            )
            for number, column in enumerate(contract.columns)
        ),
    )
    verification = Verification(
        proven_at=published_at - timedelta(seconds=40),
        records=rows,
        raw_bytes=manifest.raw_bytes,
        files=len(slices),
        digest=f"{rng.getrandbits(128):032x}",
        prove_seconds=2.1,
        check_seconds=0.2,
        checks=checks,
        profile=profile,
    )
    return manifest.model_copy(update={"verification": verification})


@cache
def _contract() -> Contract:
    return load_contract(TABLE)


def _slice(
    day: date, hour: int, rows: int, weights: dict[str, float], fault: dict[str, Any], rng: random.Random
) -> SliceManifest:
    digest = f"{rng.getrandbits(256):064x}"
    name = f"{day}T{hour:02d}"
    larger = fault.get("larger", 1.0)
    columns = tuple(
        ColumnStats(name=column, stored_bytes=int(rows * weight * larger), encodings=("DELTA_BINARY_PACKED",))
        for column, weight in weights.items()
    )
    stored = sum(column.stored_bytes for column in columns) + 9_000
    rejects = int(rows * fault.get("rejects", 0.0003)) if hour == 12 else 0
    raw = (rows + rejects) * _A_RECORD
    origin = OriginStats(
        uri=f"s3://raw-logs/sdk/{day:%Y/%m/%d}/{hour:02d}/part-0.gz",
        stored_bytes=raw // 8,
        raw_bytes=raw,
        compression="gzip",
        records=rows + rejects,
    )
    return SliceManifest(
        table=TABLE,
        day=day.isoformat(),
        slice=name,
        origins=(origin,),
        records=rows + rejects,
        rows=rows,
        irregular_rows=int(rows * fault.get("irregular", 0.0004) * rng.uniform(0.8, 1.2)),
        rejects=rejects,
        other_day=0,
        raw_bytes=raw,
        digest=digest[:32],
        seconds=rows * 1.1e-6 * rng.uniform(0.9, 1.2),
        layouts=17,
        part=PartStats(
            path=file_name("part", name, digest),
            rows=rows,
            row_groups=1,
            stored_bytes=stored,
            sha256=digest,
            columns=columns,
        ),
        rejects_part=PartStats(
            path=file_name("_rejects", name, digest),
            rows=rejects,
            row_groups=1,
            stored_bytes=2_400,
            sha256=digest,
            columns=(),
        )
        if rejects
        else None,
        reject_reasons={"duplicate": rejects} if rejects else {},
        unknown_paths=dict(fault.get("unknown", {})) if hour == 0 else {},
        contract_sha256="ab" * 32,
        written_by="0.9.0",
    )


def _checks(rows: int, hours: list[int]) -> tuple[CheckResult, ...]:
    present = sum(count > 0 for count in hours)
    return (
        CheckResult(
            check="completeness", kind="completeness", level="fail", ok=True, message="every record is counted"
        ),
        CheckResult(
            check="rows against the same weekday",
            kind="rows_change",
            level="warn",
            ok=True,
            observed=0.01,
            high=0.5,
            message=f"{rows:,} rows, 1.0 % more than the median of 4 days, at most 50 % may be",
        ),
        CheckResult(
            check="hours present",
            kind="hours_present",
            level="warn",
            ok=present == HOURS,
            observed=present,
            low=HOURS,
            message=f"{present} of 24 hours have rows, 24 are expected",
        ),
        CheckResult(
            check="values http_status",
            kind="values",
            columns=("http_status",),
            level="fail",
            ok=True,
            message="every value is allowed",
        ),
        CheckResult(
            check="irregular",
            kind="max_irregular_share",
            level="warn",
            ok=True,
            observed=0.0004,
            high=0.05,
            message="0.04 % of the rows are irregular, at most 5 % may be",
        ),
    )


def broken_check() -> CheckResult:
    """A check that warns."""
    return CheckResult(
        check="new values sdk_version",
        kind="new_values",
        columns=("sdk_version",),
        level="warn",
        ok=False,
        observed=0.31,
        high=0.05,
        message="31.0 % of the rows have a value that no day before had, at most 5 % may",
        examples=("6.0.0",),
        compared_with=tuple(date(2026, 1, 1) + timedelta(days=number) for number in range(7)),
    )


def attempt_of(day: date) -> Attempt:
    """What a refused run left."""
    rows = 410_233
    failed = CheckResult(
        check="max_reject_share",
        kind="max_reject_share",
        level="fail",
        ok=False,
        observed=0.79,
        high=0.01,
        message="79.2 % of the records are rejects (not_json), at most 1 % may be",
    )
    return Attempt(
        table=TABLE,
        day=day.isoformat(),
        run=f"scheduled-{day}-tried",
        run_id=f"scheduled__{day + timedelta(days=1)}T00:00:00+00:00",
        refused_at=datetime.combine(day + timedelta(days=1), time(1, 9), tzinfo=UTC),
        stage="verify",
        error="CheckError: 79.2 % of the records are rejects (not_json), at most 1 % may be; correct the raw objects, "
        "or change the check in the contract",
        records=1_972_274,
        rows=rows,
        rejects=1_562_041,
        raw_bytes=1_717_000_000,
        stored_bytes=9_120_000,
        reject_reasons={"not_json": 1_562_041},
        examples=tuple(
            RejectExample(
                reason="not_json",
                origin=f"s3://raw-logs/sdk/{day:%Y/%m/%d}/{hour:02d}/part-0.gz",
                record=number,
                text="<html><head><title>503 Service Unavailable</title></head><body>",
            )
            for hour, number in ((4, 17), (4, 18), (5, 1))
        ),
        verification=Verification(
            proven_at=datetime.combine(day + timedelta(days=1), time(1, 8), tzinfo=UTC),
            records=rows,
            raw_bytes=1,
            files=24,
            digest="0f" * 16,
            checks=(failed, *_checks(rows, hours_of(day))),
        ),
    )


def write_manifest(lake: Path, manifest: DayManifest) -> Path:
    """Put a manifest into a lake; its path."""
    found = Lake.create(str(lake))
    path = Path(found.manifest_path(manifest.table, date.fromisoformat(manifest.day)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(manifest.to_bytes())
    for slice_ in manifest.slices:
        if slice_.rejects_part is not None:
            _write_rejects(Path(found.files(manifest)[1][0]), slice_)
    return path


def _write_rejects(path: Path, slice_: SliceManifest) -> None:
    text = b'{"_source":{"client_app_id":"game-7","func_name":"GetUserInfo","nickName":"Kim"},"_id":"AX9"}'
    rows = [
        {
            "origin": slice_.origins[0].uri,
            "record_number": 100 + 7 * number,
            "reason": "duplicate",
            "message": "equals an earlier record",
            "continued": False,
            "record": text,
        }
        for number in range(slice_.rejects)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=REJECTS_SCHEMA), path)


def make_lake(folder: Path, last: date, days: int = 60, seed: int = 0, slices: int = HOURS) -> None:
    """A lake of many days up to the last one.

    Four days are not there, one was refused and one twice as large, a game's outage leaves an hour empty, a check warns
    of a new version, and a manifest is damaged.
    """
    gaps, refused, warned, outage, larger, damaged = {19, 20, 33, 47}, 5, 9, 13, 26, 40
    Lake.create(str(folder))
    for back in range(days):
        day = last - timedelta(days=back)
        if back in gaps and days <= 100:
            continue
        if back == refused:
            write_attempt(Lake.open(str(folder)), attempt_of(day))
            continue
        fault: dict[str, Any] = {"slices": slices} if days <= 100 else {"slices": slices, "rejects": 0}
        hours = hours_of(day, seed)
        if back == warned:
            fault |= {"broken": (broken_check(),), "unknown": {"_source.device.battery": 700_121}, "irregular": 0.03}
        elif back == outage:
            hours[14] = hours[15] = 0
        elif back == larger:
            fault |= {"larger": 1.5}
        path = write_manifest(folder, manifest_of(day, hours, seed=seed, **fault))
        if back == damaged:
            path.write_bytes(path.read_bytes()[:-40])
    lake = Lake.open(str(folder))
    with open_catalog(lake) as catalog:
        follow(lake, TABLE, catalog)
