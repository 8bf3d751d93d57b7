"""What OpenLineage is told of a published day: inputs, the table, its size, and the results of its checks.

Airflow's provider for OpenLineage makes the run and job; without it, or while it is disabled, nothing happens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from logpress.manifest import DayManifest
    from logpress.results import CheckResult

log = logging.getLogger(__name__)

_SEVERITIES = {"fail": "error", "warn": "warn"}


def day_checked(table: str, lake: str, checks: Sequence[CheckResult]) -> None:
    """Send the results of a day's checks, as facets of the table that the current task has read.

    An input's facets, because OpenLineage has assertions of no others.
    """
    _send(lambda: {"inputs": [_checked(table, lake, checks)]} if checks else None)


def day_published(manifest: DayManifest, lake: str, inputs: Sequence[str]) -> None:
    """Send what the current task has published: the table, its size, and where its records come from.

    Args:
        manifest: of the day.
        lake: path or URI of the lake.
        inputs: paths and URIs that the run was given, without secrets.
    """
    _send(lambda: {"inputs": _inputs(inputs), "outputs": [_output(manifest, lake)]})


def _send(datasets: Callable[[], dict[str, list[Any]] | None]) -> None:
    """Send a RUNNING event of the current task with datasets; what fails is logged."""
    try:
        from airflow.providers.openlineage.api import emit_dataset_lineage, is_openlineage_active
    except ImportError:
        return
    try:
        if is_openlineage_active() and (found := datasets()) is not None:
            emit_dataset_lineage(**found)
    except Exception as error:
        log.warning("OpenLineage is not told of the day: %s: %s", type(error).__name__, error)


def name_of(uri: str) -> tuple[str, str]:
    """Namespace and name of a path or URI, as OpenLineage's naming rules have them (spec/Naming.md)."""
    parts = urlsplit(uri)
    if len(parts.scheme) < 2:  # a path
        return "file", uri
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/") or "/"


def _inputs(uris: Iterable[str]) -> list[Any]:
    from openlineage.client.event_v2 import InputDataset

    return [InputDataset(namespace=namespace, name=name) for namespace, name in map(name_of, uris)]


def _checked(table: str, lake: str, checks: Sequence[CheckResult]) -> Any:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import data_quality_assertions_dataset

    assertions = [
        data_quality_assertions_dataset.Assertion(
            assertion=check.kind or check.check,
            success=check.ok,
            column=check.columns[0] if len(check.columns) == 1 else None,
            severity=_SEVERITIES[check.level],
            name=check.check,
            description=check.message,
            actual=None if check.observed is None else str(check.observed),
        )
        for check in checks
    ]
    facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=assertions)
    namespace, name = name_of(f"{lake.rstrip('/')}/{table}")
    return InputDataset(namespace=namespace, name=name, inputFacets={"dataQualityAssertions": facet})


def _output(manifest: DayManifest, lake: str) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import dataset_version_dataset, output_statistics_output_dataset

    namespace, name = name_of(f"{lake.rstrip('/')}/{manifest.table}")
    version = dataset_version_dataset.DatasetVersionDatasetFacet(
        datasetVersion=f"dt={manifest.day} snapshot={manifest.snapshot_id}"
    )
    files = len(manifest.parts) + len(manifest.rejects_parts)
    size = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=manifest.rows, size=manifest.stored_bytes, fileCount=files
    )
    return OutputDataset(
        namespace=namespace, name=name, facets={"version": version}, outputFacets={"outputStatistics": size}
    )
