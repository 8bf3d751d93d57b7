"""The table of readers in docs/reading.md has all readers, in the versions that the tests run."""

from __future__ import annotations

from tests.integration.matrix import report
from tests.integration.matrix.questions import KINDS
from tests.integration.matrix.readers import KNOWN, READERS, RUNS, known_of
from tests.integration.matrix.worker import READERS as WORKERS


def test_the_table_has_each_reader_in_its_version_and_nothing_else() -> None:
    rows = {}
    for reader in READERS:
        row = report.row_of(reader)
        assert row, f"{reader.title} {reader.version} is not in docs/reading.md: run `make reader-matrix`"
        rows[reader.key] = row
    assert report.written() == report.table(rows)


def test_a_cell_is_wrong_where_a_reader_is_known_to_be_wrong() -> None:
    for reader in READERS:
        row = report.row_of(reader)
        assert row
        for kind, cell in zip(KINDS, row.strip("| ").split(" | ")[2:], strict=False):
            known = [known_of(reader, table, kind) for table in ("sdk_log", "every_type")]
            shown = [str(number) for number, found in enumerate(KNOWN, 1) if found in known]
            assert kind not in reader.kinds or cell.strip() == (f"wrong: {', '.join(shown)}" if shown else "right")


def test_each_reader_is_asked() -> None:
    assert {reader.name for reader in READERS} == {*WORKERS, "trino"}
    assert {reader.run for reader in READERS} == set(RUNS)
    assert len({reader.key for reader in READERS}) == len(READERS)
