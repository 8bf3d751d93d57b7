"""`logpress verify`: a published day proven again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from logpress.cli.options import Day, Inputs, LakeUri, Memory, Quiet, Table, Threads, contract_of, day_of, memory_of

if TYPE_CHECKING:
    from logpress.results import Verification

EPILOG = (
    "Examples:\n\n"
    "  logpress verify sdk_log --day 2021-12-26 --lake lake\n\n"
    "  logpress verify sdk_log --day 2021-12-26 --lake lake --input raw/"
)


def verify(
    table: Table,
    day: Day,
    lake: LakeUri,
    inputs: Inputs = None,
    threads: Threads = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Prove a published day again: its files against its manifests and, if given, the raw input."""
    contract, when = contract_of(table), day_of(day)
    from logpress.cli.bars import Bars
    from logpress.day import published
    from logpress.hashing.digest import combine

    with Bars(quiet=quiet) as bars:
        verified = published.verify_published(
            contract, when, lake, inputs or [], threads=threads, progress=bars, memory=memory_of(memory)
        )
    manifest = verified.manifest
    against = "its manifests"
    if inputs:
        against += " and what can be read of the raw input" if verified.damage else " and the raw input"
    digest = combine(entry.digest for entry in manifest.slices)
    print(
        f"{contract.table} {when}: {manifest.rows + manifest.rejects:,} records, digest {digest}: agrees with {against}"
    )
    if manifest.verification is not None:
        print(_before(manifest.verification))
    if manifest.erasures:
        last = manifest.erasures[-1].erased_at
        print(
            f"{manifest.erased:,} records were erased since the day was pressed, the last at {last:%Y-%m-%d %H:%M} UTC"
        )
    if verified.erased_in_raw:
        print(
            f"logpress: warning: the raw input still has {verified.erased_in_raw:,} records that were erased; pressing "
            "the day again would bring them back",
            file=sys.stderr,
        )
    for uri, damage in verified.damage.items():
        print(f"logpress: warning: {uri} is damaged, and could be read in part only: {damage}", file=sys.stderr)


def _before(verification: Verification) -> str:
    """What was found before the day was published."""
    broken = [check for check in verification.checks if not check.ok]
    checks = f"{len(verification.checks)} checks, {len(broken)} of them broken" if verification.checks else "no checks"
    named = f" ({', '.join(check.check for check in broken)})" if broken else ""
    return (
        f"when it was pressed, {verification.records:,} records were proven at {verification.proven_at:%Y-%m-%d %H:%M} "
        f"UTC, with {checks}{named}"
    )
