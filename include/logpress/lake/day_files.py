"""The files of days, as the catalog has them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_EPOCH = date(1970, 1, 1)


def published_files(table: Table, day: date) -> dict[str, DataFile]:
    """The files that the catalog has for a day, by path."""
    tasks = table.scan(row_filter=is_day(day), selected_fields=("day",)).plan_files()
    return {task.file.file_path: task.file for task in tasks}


def known_days(table: Table) -> dict[date, dict[str, DataFile]]:
    """All files that the catalog has now, by day and path."""
    found: dict[date, dict[str, DataFile]] = defaultdict(dict)
    for task in table.scan(selected_fields=("day",)).plan_files():
        found[_EPOCH + timedelta(days=task.file.partition[0])][task.file.file_path] = task.file
    return dict(found)


def is_day(day: date) -> BooleanExpression:
    """The condition that a row, or a partition, is of a day."""
    from pyiceberg.expressions import EqualTo

    equal_to: Any = EqualTo  # its annotations are not what its documentation has
    expression: BooleanExpression = equal_to("day", day.isoformat())
    return expression
