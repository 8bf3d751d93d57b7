"""Commits that others thwart are tried again, wherever the catalog's client says so."""

from __future__ import annotations

import pytest
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException, ValidationException

from logpress.errors import LakeError
from logpress.lake import conflicts


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(conflicts, "_LONGEST_WAIT_SECONDS", 0.1)


@pytest.mark.parametrize("error", [CommitFailedException, CommitStateUnknownException, ValidationException])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_commit_of_another_is_tried_again(error, is_wrapped):
    tries: list[int] = []

    def attempt() -> str:
        tries.append(1)
        if len(tries) == 1:
            if is_wrapped:
                raise LakeError("the catalog: changed") from error("changed")
            raise error("changed")
        return "done"

    assert conflicts.until_deadline(attempt, "the catalog", "publish") == "done"
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("raised", "expected"), [(OSError(28, "No space left"), LakeError), (TypeError("x"), TypeError)]
)
def test_what_nobody_else_has_done_is_not_tried_again(raised, expected):
    tries: list[int] = []

    def attempt() -> None:
        tries.append(1)
        raise raised

    with pytest.raises(expected):
        conflicts.until_deadline(attempt, "the catalog", "publish")
    assert len(tries) == 1
