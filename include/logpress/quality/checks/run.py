"""Run a contract's checks on a day, and make the day's profile, in one pass over its parts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from logpress.contract.checks import Check
from logpress.contract.model import Contract
from logpress.errors import CheckError
from logpress.manifest import SliceManifest
from logpress.quality.checks.day import judge_day
from logpress.quality.checks.rows import Counted, counted
from logpress.quality.columns import PartColumns
from logpress.quality.drift.figures import DayFigures
from logpress.quality.drift.judge import judge_drift
from logpress.quality.profile.day import DayCounts
from logpress.quality.unique import repeated_rows
from logpress.results import CheckResult, Profile

SHOWN_PLACES = 5
"""Number of records that a warning names."""

_SHOWN_DAMAGE = 5
"""Number of damaged inputs that a warning names; the manifests name all."""


@dataclass(frozen=True)
class Findings:
    """What checks found of a day.

    Attributes:
        checks: the results, in the contract's order.
        profile: the values of the columns.
        seconds: time that checks and profile took, reading included.
    """

    checks: tuple[CheckResult, ...]
    profile: Profile
    seconds: float


@dataclass
class DayChecks:
    """The checks of a day while its parts go by, one after the other, in any order.

    Attributes:
        contract: the table.
        seconds: time that the parts took so far.
    """

    contract: Contract
    seconds: float = 0.0
    _counted: list[tuple[Check, Counted | None]] = field(init=False)
    _profile: DayCounts = field(init=False)
    _together: tuple[str, ...] = field(init=False)
    _parts: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Compile conditions and patterns.

        Raises:
            ContractError: if one cannot be used.
        """
        personal = frozenset(self.contract.personal)
        self._counted = [(check, counted(self.contract, check, personal)) for check in self.contract.checks]
        self._profile = DayCounts(self.contract, self.contract.personal)
        read = [name for _, rows in self._counted if rows is not None for name in rows.columns]
        self._together = tuple(dict.fromkeys(read))

    def add(self, path: str) -> None:
        """Look at the rows of a part.

        Raises:
            PartError: if it is missing or damaged.
            ContractError: if a condition does not fit its columns.
        """
        began = time.perf_counter()
        part = PartColumns(path)
        for number in range(part.row_groups):
            sets = part.sets(number, self._together, self._profile.names, self.contract.day)
            for place, names in enumerate(sets):
                group = part.read(number, names, self._profile.helpers_of(names))
                self._profile.add(group, names, is_first=place == 0)
                if place == 0:
                    for _, rows in self._counted:
                        if rows is not None:
                            rows.add(group)
        self._parts.append(path)
        self.seconds += time.perf_counter() - began

    def findings(self, manifests: Sequence[SliceManifest], past: Sequence[DayFigures] = ()) -> Findings:
        """The results of all checks of the day.

        Args:
            manifests: the day's slices.
            past: earlier days, for checks of drift; those that are published.

        Raises:
            PartError: if a part is damaged.
        """
        began = time.perf_counter()
        profile = self._profile.profile(manifests)
        today = DayFigures.of(manifests, profile)
        results = []
        for check, rows in self._counted:
            if check.kind == "filled":
                nulls = None if rows is None else rows.broken
                results.append(judge_day(check, today, profile, nulls=nulls))
            elif rows is not None:
                results.append(rows.result())
            elif check.kind == "unique":
                broken, examples = repeated_rows(self.contract, check.named, self._parts)
                is_told = not set(self.contract.personal).intersection(check.named)
                results.append(judge_day(check, today, profile, repeated=(broken, tuple(examples) if is_told else ())))
            elif check.kind == "drift":
                results.append(judge_drift(check, today, past))
            else:
                results.append(judge_day(check, today, profile))
        self.seconds += time.perf_counter() - began
        return Findings(tuple(_apart(results)), profile, self.seconds)


def run_checks(
    contract: Contract,
    manifests: Sequence[SliceManifest],
    parts: Sequence[str],
    past: Sequence[DayFigures] = (),
) -> Findings:
    """Run all checks of the contract.

    Args:
        contract: the table.
        manifests: the day's slices.
        parts: their part files.
        past: earlier days, for checks of drift.

    Raises:
        ContractError: if a condition or a pattern cannot be used.
        PartError: if a part is missing or damaged.
    """
    checks = DayChecks(contract)
    for path in parts:
        checks.add(path)
    return checks.findings(manifests, past)


def see_checks(contract: Contract) -> None:
    """See that all conditions and patterns of a contract's checks can be used, before hours are spent on a day.

    Raises:
        ContractError: if one cannot.
    """
    DayChecks(contract)


def _apart(results: Sequence[CheckResult]) -> list[CheckResult]:
    """The results with names that differ: of two levels of a check, or two bounds, the second one gets a number."""
    seen: Counter[str] = Counter()
    found = []
    for result in results:
        seen[result.check] += 1
        count = seen[result.check]
        found.append(result if count == 1 else result.model_copy(update={"check": f"{result.check} ({count})"}))
    return found


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
    return [_warning("kept whole", count, message)]


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
        found.append(_warning("records without a day", count, message))
    damage = {uri: text for manifest in manifests for uri, text in manifest.damage.items()}
    if damage:
        named = [f"{uri}: {text}" for uri, text in list(damage.items())[:_SHOWN_DAMAGE]]
        if len(damage) > len(named):
            named.append(f"and {len(damage) - len(named):,} more")
        message = f"{len(damage):,} damaged input{'s' * (len(damage) > 1)} could only be read in part: "
        message += "; ".join(named)
        found.append(_warning("damaged inputs", len(damage), message))
    return found


def _warning(name: str, count: int, message: str) -> CheckResult:
    return CheckResult(
        check=name, kind=name.replace(" ", "_"), level="warn", ok=False, message=message, observed=count, high=0
    )


def raise_if_failed(results: Sequence[CheckResult]) -> None:
    """Raise an error if a check of level `fail` failed.

    Raises:
        CheckError: naming each that failed.
    """
    failed = [result.message for result in results if not result.ok and result.level == "fail"]
    if failed:
        raise CheckError("; ".join(failed), results)
