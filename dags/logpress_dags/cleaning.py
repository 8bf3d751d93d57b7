"""What the tasks of the DAG `logpress_lake_clean` do."""

from __future__ import annotations

import logging

from airflow.sdk import Param, get_current_context

from logpress.errors import UsageError
from logpress_dags.settings import lake, storage_access
from logpress_dags.task_log import show_name

log = logging.getLogger(__name__)


def form() -> dict[str, Param]:
    """The form of a run."""
    return {
        "lake": Param(
            None,
            type=["null", "string"],
            title="Lake",
            description="Folder or URI of the lake; left empty: as configured",
        ),
        "retention": Param(
            None,
            type=["null", "string"],
            title="Retention",
            description="How long earlier publications stay, as 7d, 12h or 30m; left empty: LOGPRESS_RETENTION",
        ),
        "dry_run": Param(
            False, type="boolean", title="Only list", description="List what would be removed, and remove nothing"
        ),
    }


def tables() -> list[str]:
    """The tables of the lake; none if nothing was pressed yet."""
    from logpress.lake import Lake

    uri = _lake()
    with storage_access(uri):
        try:
            return Lake.open(uri).tables()
        except UsageError as error:
            log.info("%s; there is nothing to clean", error)
            return []


def clean(table: str) -> None:
    """Remove what nobody needs of a table, or list it only, as the form says.

    Raises:
        UsageError: if the form's retention is no time.
        LakeError: if the lake or its catalog cannot be read, or something cannot be removed.
    """
    from logpress.lake import Lake
    from logpress.lake.clean import clean_table
    from logpress.lake.retention import parse_retention

    form = get_current_context()["params"]
    show_name(table, "table_name")
    kept = parse_retention(form["retention"], "the form's retention") if form["retention"] else None
    uri = _lake()
    with storage_access(uri):
        done = clean_table(Lake.open(uri), table, remove=not form["dry_run"], retention=kept)
    for one in done.needless:
        log.info("%s bytes  %s  (%s)", f"{one.size:,}", one.path, one.why)
    size = sum(one.size for one in done.needless)
    log.info(
        "%s: %d files and folders, %s bytes, and %d snapshots %s", table, len(done.needless), f"{size:,}",
        done.snapshots, "would be removed" if form["dry_run"] else "removed",
    )  # fmt: skip


def _lake() -> str:
    return str(get_current_context()["params"]["lake"] or lake())
