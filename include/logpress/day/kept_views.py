"""A view that the lake's catalog keeps of a table follows the contracts of its days."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from logpress.contract.model import Contract
from logpress.engine.part.opened_part import OpenedPart
from logpress.errors import LogpressError
from logpress.lake import Lake
from logpress.lake.catalog_views import noted_view, put_view, view_name

log = logging.getLogger(__name__)

Call = Callable[..., Any]
"""Calls a function with arguments, here or in another process."""

PressedWith = Callable[[], Contract | None]
"""Gives the contract of a day; None if it has no rows."""


@contextlib.contextmanager
def kept_view(lake: Lake, table: str, day: date, pressed_with: PressedWith, call: Call | None = None) -> Iterator[None]:
    """Publish a day within this, and a kept view follows its contract.

    Of a new day the view knows before it is there, of another day once that is replaced: until then the old formulas
    are the right ones.

    Args:
        lake: the lake.
        table: the table.
        day: the UTC day.
        pressed_with: gives the contract that the day is pressed with; only called if a view is kept.
        call: makes calls that need the catalog; in this process if None.
    """
    is_there = day in lake.days(table)
    if not is_there:
        follow_contract(lake, table, day, pressed_with, call)
    yield
    if is_there:
        follow_contract(lake, table, day, pressed_with, call)


def follow_contract(lake: Lake, table: str, day: date, pressed_with: PressedWith, call: Call | None = None) -> None:
    """Make a kept view know of which contract a day is, or is about to be; does nothing where no view is kept.

    A view that cannot be kept is no reason not to publish: that is told as a warning. For the arguments see
    `kept_view`.
    """
    call = call or (lambda function, *args: function(*args))
    name = view_name(table)
    try:
        before = call(noted_view, lake, name)
        contract = pressed_with() if before else None
        if contract is None:
            return
        from logpress.day.catalog_view import changed_view  # only where a view is kept

        view = changed_view(lake, table, before, day, contract)
        if view is None:
            return
        call(put_view, lake, view)
        log.info("%s: the view %s follows the contract of %s %s", lake.uri, name, table, day)
    except (LogpressError, KeyError) as error:
        log.warning(
            "%s: the view %s in the catalog cannot follow the contract of %s %s (%s); run `logpress lake views %s "
            "--lake %s`", lake.uri, name, table, day, error, table, lake.uri,
        )  # fmt: skip


def contract_of_part(path: str) -> Contract:
    """The contract that a part was pressed with.

    Raises:
        PartError: if it is gone or damaged.
    """
    return OpenedPart.open(path).metadata.contract


def published_contract(lake: Lake, table: str, day: date) -> Contract | None:
    """The contract that a published day was pressed with: that of its first part; None if it has no rows.

    Raises:
        LakeError: if the lake cannot be read.
        PartError: if the part is gone or damaged.
    """
    manifest = lake.read_day(table, day)
    parts = lake.files(manifest)[0] if manifest is not None else []
    return contract_of_part(parts[0]) if parts else None
