"""Figures for the report of tuning, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from logpress.tuning.measure import COARSE_LEVELS, Candidate, ColumnSample
from logpress.tuning.pressed import Pressed
from logpress.tuning.report import CandidateReport, ColumnReport, LevelReport, PressedReport, VariantReport


def candidate_report(sample: ColumnSample, candidate: Candidate, not_read_by: Sequence[str]) -> CandidateReport:
    """The figures of a candidate of a column."""
    cost, rows = sample.costs[candidate], max(1, sample.rows)
    return CandidateReport(
        encoding=candidate.encoding,
        zstd=candidate.zstd,
        bytes_a_record=round(cost.stored_bytes / rows, 5),
        write_ns_a_record=round(cost.write_ns / rows, 2),
        read_ns_a_record=round(cost.read_ns / rows, 2),
        not_read_by=tuple(not_read_by),
    )


def variant_report(
    kind: str, title: str, pressed: Pressed, *, is_today: bool = False, costs: float | None = None
) -> VariantReport:
    """The figures of a variant of the whole file."""
    return VariantReport(
        kind=kind,
        title=title,
        bytes_a_record=round(pressed.bytes_a_record, 4),
        press_seconds=round(pressed.seconds, 3),
        is_today=is_today,
        costs_bytes_a_record=None if costs is None else round(costs, 4),
    )


def pressed_report(pressed: Pressed, write_ns: float) -> PressedReport:
    """The figures of the whole file; `write_ns` is nanoseconds of writing a record."""
    return PressedReport(
        stored_bytes=pressed.stored_bytes,
        bytes_a_record=round(pressed.bytes_a_record, 4),
        write_ns_a_record=round(write_ns, 2),
    )


def level_reports(
    columns: Sequence[ColumnReport], costs: Mapping[str, Mapping[Candidate, tuple[int, int]]], rows: int
) -> list[LevelReport]:
    """The figures of the whole file with one zstd level for all columns, for levels measured for all of them.

    Args:
        columns: the stored columns.
        costs: by column, bytes and nanoseconds of its candidates, for all rows.
        rows: number of rows.
    """
    levels = []
    for level in COARSE_LEVELS:
        pairs = [costs[column.name].get(Candidate(column.today.encoding, level)) for column in columns]
        if all(pairs):
            size, ns = (sum(pair[place] for pair in pairs if pair) for place in (0, 1))
            levels.append(
                LevelReport(zstd=level, bytes_a_record=round(size / rows, 4), write_ns_a_record=round(ns / rows, 2))
            )
    return levels
