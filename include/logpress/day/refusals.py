"""What is left of a run whose day was refused: its results and examples of rejects, and files that show a defect."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Literal

from logpress.day.proving import staged_files
from logpress.engine.part.rejects import open_rejects
from logpress.errors import CheckError, LogpressError, PartError, ProofError
from logpress.lake import Lake
from logpress.lake.attempts import write_attempt
from logpress.lake.index_tables import follow_or_warn
from logpress.lake.retention import refused_stay, retention_of
from logpress.lake.staged import keep_staging, read_verified
from logpress.manifest import SliceManifest, summed
from logpress.results import Attempt, RejectExample, Verification

log = logging.getLogger(__name__)

EXAMPLES = 5
"""Rejects of a reason that an attempt has at most."""

_SHOWN_CHARACTERS = 200

Stage = Literal["verify", "publish"]


@contextlib.contextmanager
def refusals_kept(
    lake_uri: str,
    table: str,
    day: date,
    run: str,
    stage: Stage,
    manifests: Sequence[SliceManifest],
    *,
    run_id: str | None = None,
    verification: Verification | None = None,
) -> Iterator[None]:
    """Keep what is known of a day that is refused in this context; for the arguments see `keep_refusal`.

    Raises:
        LogpressError: the one that was raised inside, which says where it is kept.
    """
    try:
        yield
    except LogpressError as error:
        keep_refusal(lake_uri, table, day, run, stage, manifests, error, run_id=run_id, verification=verification)
        raise


def keep_refusal(
    lake_uri: str,
    table: str,
    day: date,
    run: str,
    stage: Stage,
    manifests: Sequence[SliceManifest],
    error: LogpressError,
    *,
    run_id: str | None = None,
    verification: Verification | None = None,
    follow: Callable[[Lake, str], object] = follow_or_warn,
) -> None:
    """Keep the attempt of a run whose day was refused, and let the error say where.

    Staged files of a proof that failed are kept, too, because they show whether logpress or the disk has a defect.
    Nothing is raised: why the day was refused is what counts.

    Args:
        lake_uri: the lake.
        table: the table.
        day: the UTC day.
        run: the run whose staging it is.
        stage: where it was refused.
        manifests: the staged slices.
        error: why; what it says is added to.
        run_id: Airflow's run, if it is one.
        verification: what verify found, if the day was refused later and it is not noted in the run's staging; that of
            a CheckError is its own.
        follow: makes the index follow.
    """
    try:
        lake = Lake.open(lake_uri)
        if isinstance(error, CheckError):
            verification = error.verification
        if stage == "publish" and verification is None:
            with contextlib.suppress(LogpressError):
                verification = read_verified(lake, table, day, run)
        told = str(error)
        path = write_attempt(
            lake, _attempt(lake, table, day, run, stage, manifests, told, run_id=run_id, verification=verification)
        )
        if isinstance(error, ProofError | PartError):
            folder = keep_staging(lake, table, day, run, told)
            error.args = (f"{told}; its files stay in {folder} for {_time(lake)}, to be looked into",)
        elif isinstance(error, CheckError):
            error.args = (f"{told}; all results and some rejects stay in {path} for {_time(lake)}",)
        follow(lake, table)
    except LogpressError as other:
        log.warning("%s %s: what is known of the refused run %s could not be kept: %s", table, day, run, other)


def _time(lake: Lake) -> str:
    return f"{refused_stay(retention_of(lake)).total_seconds() / 86400:g} days"


def _attempt(
    lake: Lake,
    table: str,
    day: date,
    run: str,
    stage: Stage,
    manifests: Sequence[SliceManifest],
    error: str,
    *,
    run_id: str | None,
    verification: Verification | None,
) -> Attempt:
    parts = [part for one in manifests for part in (one.part, one.rejects_part) if part is not None]
    reasons = summed(manifest.reject_reasons for manifest in manifests)
    return Attempt(
        table=table, day=day.isoformat(), run=run, run_id=run_id, refused_at=datetime.now(UTC), stage=stage,
        error=error,
        records=sum(one.records for one in manifests),
        rows=sum(one.rows for one in manifests),
        irregular_rows=sum(one.irregular_rows for one in manifests),
        rejects=sum(one.rejects for one in manifests),
        raw_bytes=sum(one.raw_bytes for one in manifests),
        stored_bytes=sum(part.stored_bytes for part in parts),
        reject_reasons=dict(sorted(reasons.items())),
        examples=tuple(_examples(lake, day, run, manifests, reasons)),
        verification=verification,
    )  # fmt: skip


def _examples(
    lake: Lake, day: date, run: str, manifests: Sequence[SliceManifest], reasons: Counter[str]
) -> list[RejectExample]:
    """The first rejects of each reason, slice by slice; of a file that cannot be read, none."""
    found: dict[str, dict[tuple[str, int], RejectExample]] = {reason: {} for reason in reasons}

    def missing() -> bool:
        return any(len(found[reason]) < min(EXAMPLES, count) for reason, count in reasons.items())

    for path in staged_files(lake, day, manifests, run)[1]:
        if not missing():
            break
        with contextlib.suppress(PartError, LogpressError), open_rejects(path) as file:
            for group in range(file.num_row_groups):
                if not missing():
                    break
                rows = file.read_row_group(group, columns=["origin", "record_number", "reason", "record"])
                for number, reason in enumerate(rows.column("reason").to_pylist()):
                    known = found.setdefault(reason, {})
                    if len(known) < EXAMPLES:
                        origin, record, data = (
                            rows.column(name)[number].as_py() for name in ("origin", "record_number", "record")
                        )
                        # of a record in pieces, the first one
                        known.setdefault((origin, record), _example(reason, origin, record, data))
    return [example for reason in sorted(found) for example in found[reason].values()]


def _example(reason: str, origin: str, record: int, data: bytes) -> RejectExample:
    text = data[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
    return RejectExample(reason=reason, origin=origin, record=record, text=shown[:_SHOWN_CHARACTERS])
