"""An empty lake with its catalog, before anything is pressed."""

from __future__ import annotations

from dataclasses import dataclass

from logpress.errors import UsageError
from logpress.lake.catalog import open_catalog, see_not_lost
from logpress.lake.choice import CatalogChoice, choose, configured, embedded, record, recorded
from logpress.lake.lake import Lake
from logpress.lake.storage import normal_uri


@dataclass(frozen=True)
class Begun:
    """A lake that is ready to be pressed into.

    Attributes:
        lake: the lake.
        choice: its catalog.
        is_new: whether it was made now.
        has_made_namespace: whether its namespace in the catalog was.
    """

    lake: Lake
    choice: CatalogChoice
    is_new: bool
    has_made_namespace: bool


def begin_lake(uri: str) -> Begun:
    """Make an empty lake unless there is one, and see that its catalog answers, has its namespace, and is recorded.

    It may be killed and called again.

    Args:
        uri: a new or empty folder, or a URI; or a lake.

    Raises:
        UsageError: if there is something else, nothing names a catalog for an object store, or the lake is of an older
            logpress.
        LakeError: if the lake or its catalog refuses, or the environment names another catalog than the lake's.
    """
    is_new = False
    try:
        Lake.open(uri)
    except UsageError:
        if configured() is None:
            embedded(Lake(normal_uri(uri)))  # raises before a marker is written that would be of no use
        is_new = True
    lake = Lake.create(uri)
    choice = choose(lake)
    for table in lake.tables():
        see_not_lost(lake, table)
    with open_catalog(lake, choice) as catalog:
        has_made = catalog.make_namespace()
        for table in lake.tables():
            catalog.see_known(table)
    if recorded(lake) is None:
        record(lake, choice)
    return Begun(lake, choice, is_new, has_made)
