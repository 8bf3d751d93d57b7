"""Measure a contract's storage on a sample of real records, choose changes, and prove them."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow as pa

from logpress.contract.base import Encoding, Reader
from logpress.contract.edit import Changes, Steps, Value, changed_contract
from logpress.contract.model import Contract
from logpress.engine.part.part_file import open_part
from logpress.engine.registers.stored_columns import stored_columns
from logpress.errors import UsageError
from logpress.progress import CountedProgress, Silent
from logpress.quality.readers import TITLES, encodings_of, gaps_of, readers_of, type_gaps_of
from logpress.tuning.choose import NS_A_BYTE, choose
from logpress.tuning.figures import candidate_report, level_reports, pressed_report, variant_report
from logpress.tuning.measure import Candidate, columns_of, measure_column
from logpress.tuning.pressed import Pressed, press_sample, prove
from logpress.tuning.report import ColumnReport, TuneReport, VariantReport
from logpress.tuning.sample import Sample, objects_of, take_sample
from logpress.tuning.variants import Variant, instants, letters_of, orders, row_groups, stored, uuids

RECORDS = (100_000, 1_000_000)
"""Sample size without --records: two row groups, clamped to this range; one row group if that alone is larger."""

FEWEST_ROWS = 10_000
"""Fewer rows than this, and than a row group, yield no proposals, because page headers would dominate the sizes."""

LEAST_OF_FILE_BY_VARIANT = 0.01
"""A change that concerns the whole file is chosen only if it saves this share."""

WELL_PREDICTED = 0.02
"""Share by which the measured size may differ from the predicted size without a note in the report."""

WholeFile = Literal["show", "choose", "skip"]


@dataclass(frozen=True)
class Options:
    """Options of tuning.

    Attributes:
        day: the UTC day; the most frequent one of the sample if None.
        records: largest number of records in the sample.
        readers: the readers that must read the files; those of the contract if empty.
        ns_a_byte: price of one byte a record, in nanoseconds of writing a record.
        whole_file: whether orders, sizes of row groups and instants are only shown, also chosen, or left out.
        threads: threads that press.
    """

    day: date | None = None
    records: int | None = None
    readers: tuple[Reader, ...] = ()
    ns_a_byte: float = NS_A_BYTE
    whole_file: WholeFile = "show"
    threads: int = 2


@dataclass(frozen=True)
class Tuned:
    """The result of tuning.

    Attributes:
        report: the figures.
        changes: new values for the contract.
    """

    report: TuneReport
    changes: Changes


def tune(
    contract: Contract, inputs: Sequence[str], options: Options | None = None, progress: CountedProgress | None = None
) -> Tuned:
    """Measure, choose and prove.

    Args:
        contract: the table.
        inputs: files, folders, globs or URIs of raw records; those of the contract if empty.
        options: options of tuning.
        progress: receives the progress of the stages.

    Raises:
        UsageError: if the input has no records, or none of the day.
        SourceError: if the input is missing or cannot be read.
        ProofError: if a record is not restored with the chosen storage, which is a defect of logpress.
    """
    options = options or Options()
    with tempfile.TemporaryDirectory(prefix="logpress-tune-") as folder:
        try:
            return _Tuning(contract, options, Path(folder), progress or Silent()).run(inputs)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise UsageError(
                f"{folder}: the disk is full; give fewer --records, or set TMPDIR to a folder with more space"
            ) from error


@dataclass
class _Tuning:
    contract: Contract
    options: Options
    folder: Path
    stages: CountedProgress
    notes: list[str] = field(default_factory=list)
    pressed: int = 0

    def run(self, inputs: Sequence[str]) -> Tuned:
        contract = self.contract
        changes: dict[Steps, Value] = {}
        if self.options.readers and self.options.readers != contract.files.readers:
            changes["files", "readers"] = self.options.readers
        base = changed_contract(contract, changes)
        sample = self._take(inputs)
        day = self._day(sample)
        before = self._press(base, sample.files, day)
        self._see_rows(before, sample, day)
        is_enough = before.manifest.rows >= min(FEWEST_ROWS, contract.files.row_group_rows)
        if not is_enough:
            self.notes.append(
                f"no changes are proposed, because {before.manifest.rows:,} rows are too few; {FEWEST_ROWS:,} are "
                f"enough, or a row group"
            )
        variants: list[VariantReport] = []
        current = before
        if self.options.whole_file != "skip":
            chosen, variants = self._try_variants(before, sample, day, is_enough)
            if chosen:
                changes |= chosen
                current = self._press(changed_contract(contract, changes), sample.files, day)
        columns, costs = self._measure(current, is_enough)
        storage = _storage_changes(current.contract, columns)
        changes |= storage
        after = None
        if changes:
            after = self._press(changed_contract(contract, changes), sample.files, day)
            prove(after, self.options.threads)
        report = self._report(sample, day, before, current, after, columns, costs, variants, changes)
        return Tuned(report, changes)

    # -- the sample

    def _take(self, inputs: Sequence[str]) -> Sample:
        objects = objects_of(self.contract, self.options.day, inputs)
        rows = self.contract.files.row_group_rows
        records = self.options.records or max(rows, min(max(2 * rows, RECORDS[0]), RECORDS[1]))
        folder = self.folder / "raw"
        folder.mkdir()
        tell = self.stages.begin("sample", None, records)
        sample = take_sample(self.contract, objects, records, folder, tell)
        self.stages.end("sample")
        return sample

    def _day(self, sample: Sample) -> date:
        if self.options.day is not None:
            return self.options.day
        if not sample.days:
            column = self.contract.by_name[self.contract.day]
            raise UsageError(f"none of the first records has a readable day at {' or '.join(column.path)}; give --day")
        # The later one of equally frequent days.
        return max(sample.days, key=lambda day: (sample.days[day], day))

    def _see_rows(self, before: Pressed, sample: Sample, day: date) -> None:
        manifest = before.manifest
        if manifest.rows == 0:
            days = ", ".join(f"{day} ({count:,})" for day, count in sample.days.most_common(3))
            of = f"; the first records are of {days}" if days else ""
            raise UsageError(
                f"none of {manifest.records:,} records is a row of {day}: {manifest.other_day:,} are of other days, "
                f"{manifest.rejects:,} are rejects{of}; give another --day or --input"
            )
        for count, text in (
            (manifest.other_day, "are of other days, and are not measured"),
            (manifest.rejects, "are rejects, and are not measured"),
            (manifest.irregular_rows, "are irregular rows, whose text may take more bytes than columns"),
        ):
            if count > manifest.records // 100:
                self.notes.append(f"{count:,} of {manifest.records:,} records {text}")

    # -- variants

    def _press(self, contract: Contract, files: Sequence[str], day: date) -> Pressed:
        self.pressed += 1
        return press_sample(contract, files, day, self.folder / f"pressed-{self.pressed}", self.options.threads)

    def _try_variants(
        self, before: Pressed, sample: Sample, day: date, may_choose: bool
    ) -> tuple[dict[Steps, Value], list[VariantReport]]:
        contract = before.contract
        gaps = type_gaps_of(pa.uuid(), readers_of(contract))
        variants = [
            *orders(contract, _distinct(contract, before.path)),
            *row_groups(contract, before.manifest.rows),
            *instants(contract),
            *stored(contract),
            *uuids(contract, _letters(contract, before.path), [TITLES[gap.reader] for gap in gaps]),
        ]
        titles = {
            "order_by": ", ".join(contract.order_by) or "input order",
            "row_group_rows": f"{contract.files.row_group_rows:,} rows",
            "residual_of": "as it is",
            "codec": "as it is",
            "stored": "not stored, but derived when read",
        }
        tell = self.stages.begin("variants", None, len(variants), "files")
        reports: list[VariantReport] = []
        chosen: dict[Steps, Value] = {}
        today_of: dict[tuple[str, ...], Pressed] = {}
        for kind in ("order_by", "row_group_rows", "residual_of", "codec", "stored"):
            # One row group is enough to compare orders and instants, but not to compare sizes of row groups.
            is_one_enough = kind != "row_group_rows" and sample.runs[0].records >= contract.files.row_group_rows
            files = tuple(sample.runs[0].files) if is_one_enough else sample.files
            if files not in today_of:
                today_of[files] = self._press(contract, files, day)
            today = today_of[files]
            found = [variant_report(kind, titles[kind], today, is_today=True)]
            best: tuple[float, Variant | None] = (today.bytes_a_record * (1 - LEAST_OF_FILE_BY_VARIANT), None)
            for variant in variants:
                if variant.kind != kind:
                    continue
                if variant.contract is None:
                    found.append(VariantReport(kind=kind, title=variant.title, bytes_a_record=None, note=variant.note))
                else:
                    other = self._press(variant.contract, files, day)
                    costs = other.bytes_a_record - today.bytes_a_record if kind == "stored" else None
                    found.append(variant_report(kind, variant.title, other, costs=costs))
                    if variant.changes is not None and other.bytes_a_record < best[0]:
                        best = (other.bytes_a_record, variant)
                    other.remove()
                tell(0, len(reports) + len(found))
            winner = best[1]
            if winner is not None and winner.changes is not None and may_choose and self.options.whole_file == "choose":
                chosen |= winner.changes
                found = [r.model_copy(update={"is_chosen": r.title == winner.title}) for r in found]
            reports += found
        self.stages.end("variants")
        return chosen, reports

    # -- columns

    def _measure(
        self, pressed: Pressed, may_choose: bool
    ) -> tuple[list[ColumnReport], dict[str, dict[Candidate, tuple[int, int]]]]:
        contract = pressed.contract
        readers = readers_of(contract)
        tell = self.stages.begin("measure", None, len(stored_columns(contract)), "columns")
        reports: list[ColumnReport] = []
        costs: dict[str, dict[Candidate, tuple[int, int]]] = {}
        for sample in columns_of(contract, pressed.path):
            type_ = sample.column.type
            gaps = {encoding: gaps_of(type_, encoding, readers) for encoding in encodings_of(type_)}
            allowed: set[Encoding] = {encoding for encoding, found in gaps.items() if not found}
            compared = measure_column(sample, self.options.ns_a_byte, allowed)
            today = sample.today
            chosen = today
            if may_choose:
                measured = {candidate: sample.costs[candidate] for candidate in compared}
                chosen = choose(measured, today, allowed, sample.rows, pressed.stored_bytes, self.options.ns_a_byte)
            titles = {encoding: [TITLES[gap.reader] for gap in found] for encoding, found in gaps.items()}
            shown = {c: candidate_report(sample, c, titles.get(c.encoding, [])) for c in sorted(sample.costs)}
            reports.append(
                ColumnReport(
                    name=sample.column.name, of=sample.column.of, type=str(type_), today=shown[today],
                    proposed=shown[chosen], candidates=tuple(shown.values()),
                )
            )  # fmt: skip
            costs[sample.column.name] = {c: (cost.stored_bytes, cost.write_ns) for c, cost in sample.costs.items()}
            sample.forget()
            tell(0, len(reports))
        self.stages.end("measure")
        return reports, costs

    def _report(
        self,
        sample: Sample,
        day: date,
        before: Pressed,
        current: Pressed,
        after: Pressed | None,
        columns: list[ColumnReport],
        costs: dict[str, dict[Candidate, tuple[int, int]]],
        variants: list[VariantReport],
        changes: Changes,
    ) -> TuneReport:
        manifest = before.manifest
        rows = manifest.rows
        levels = level_reports(columns, costs, rows)
        saved = sum(c.today.bytes_a_record - c.proposed.bytes_a_record for c in columns)
        predicted = current.bytes_a_record - saved
        if after is not None and abs(after.bytes_a_record / predicted - 1) > WELL_PREDICTED:
            self.notes.append(
                f"pressed with the changes, a record takes {after.bytes_a_record:.3f} bytes, but {predicted:.3f} were "
                "predicted; check whether the changes are worth it"
            )
        return TuneReport(
            table=self.contract.table,
            day=day.isoformat(),
            objects=sample.objects,
            records=manifest.records,
            rows=rows,
            row_groups=manifest.part.row_groups if manifest.part else 0,
            rejects=manifest.rejects,
            other_day=manifest.other_day,
            raw_bytes=manifest.raw_bytes,
            readers=readers_of(current.contract),
            ns_a_byte=self.options.ns_a_byte,
            notes=tuple(self.notes),
            columns=tuple(columns),
            levels=tuple(levels),
            variants=tuple(variants),
            changes={".".join(map(str, steps)): value for steps, value in changes.items()},
            before=pressed_report(before, sum(c.today.write_ns_a_record for c in columns)),
            after=None if after is None else pressed_report(after, sum(c.proposed.write_ns_a_record for c in columns)),
            predicted_bytes_a_record=round(predicted, 4),
        )


def _distinct(contract: Contract, path: str) -> dict[str, int]:
    """Number of distinct values in a row group, for each column that is stored as a dictionary of texts."""
    found = {}
    names = [c.name for c in stored_columns(contract) if c.encoding == "dictionary" and pa.types.is_string(c.type)]
    with open_part(path, names) as file:
        for name in names:
            array = file.read_row_group(0, columns=[name], use_threads=False).column(0).chunk(0)
            if pa.types.is_dictionary(array.type):
                found[name] = len(array.indices.drop_null().unique())
    return found


def _letters(contract: Contract, path: str) -> dict[str, str]:
    """The letters of columns of texts that are all UUIDs in the first row group."""
    names = [column.name for column in contract.columns if column.codec in ("category", "text")]
    found = {}
    with open_part(path, names) as file:
        for name in names:
            array = file.read_row_group(0, columns=[name], use_threads=False).column(0).chunk(0)
            texts = array.dictionary if pa.types.is_dictionary(array.type) else array
            if letters_of(texts[:_LOOKED_AT].drop_null().to_pylist()):
                found[name] = letters_of(texts.drop_null().to_pylist())
    return {name: letters for name, letters in found.items() if letters}


_LOOKED_AT = 1_000
"""[speed] Texts that are looked at before all of a column."""


def _storage_changes(contract: Contract, columns: Sequence[ColumnReport]) -> dict[Steps, Value]:
    places = {column.name: number for number, column in enumerate(contract.columns)}
    changes: dict[Steps, Value] = {}
    for column in columns:
        if not column.is_changed:
            continue
        # Storage of a contract's column is in its own entry, that of hidden columns in the contract's `storage`.
        steps: Steps = ("storage", column.name)
        if column.of == column.name and contract.by_name[column.of].storage != "stored":
            steps = ("columns", places[column.name], "storage")
        if column.proposed.encoding != column.today.encoding:
            changes[(*steps, "encoding")] = column.proposed.encoding
        if column.proposed.zstd != column.today.zstd:
            changes[(*steps, "zstd")] = column.proposed.zstd
    return changes
