"""Where a loader is: saved with a checkpoint, and refused by a loader of other batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logpress.errors import UsageError
from logpress.reading.publications import Publications

_FORMAT = 1


def to_state(
    position: Mapping[str, int], settings: Mapping[str, Any], publications: Publications, codes: Mapping[str, str]
) -> dict[str, Any]:
    """A state as JSON has it, less than 1,000 characters.

    Args:
        position: seed, epoch, step.
        settings: what else the batches depend on.
        publications: the days.
        codes: versions of vocabularies, by column.
    """
    return {
        "format": _FORMAT, **position, **settings, "scan": publications.to_json(),
        "codes": [version[:8] for version in codes.values()],
    }  # fmt: skip


def check_state(state: Mapping[str, Any], settings: Mapping[str, Any], publications: Publications) -> None:
    """See that a state is one of a loader of the same batches; vocabularies are the caller's.

    Raises:
        UsageError: if it is not.
    """
    if not isinstance(state, Mapping) or state.get("format") != _FORMAT:
        raise UsageError(f"this is not a state of a loader, or of a newer logpress: {str(state)[:80]!r}")
    for name, value in settings.items():
        if state.get(name) != value:
            if name in ("columns", "where"):
                raise UsageError(
                    f"the state is of a scan with other `{name}`; make the scan and the loader as they were made then"
                )
            raise UsageError(
                f"the state is of a loader with {name}={state.get(name)!r}, and this one has {name}={value!r}; make "
                "the loader as it was made then"
            )
    publications.check(dict(state.get("scan") or {}))
