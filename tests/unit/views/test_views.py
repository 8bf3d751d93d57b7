"""Views: contracts that change, parts without lookups, days that are published again, and what the command says."""

from __future__ import annotations

import os
import random
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.lakes import plain, values_of
from tests.unit.reading.test_reading import sdk_log_row
from typer.testing import CliRunner

from logpress import open_lake
from logpress.cli.app import app
from logpress.contract import Contract
from logpress.day import one_machine, stages
from logpress.errors import LakeError, UsageError
from logpress.lake import Lake, lookups
from logpress.lake.catalog import open_catalog
from logpress.lake.clean import clean_table
from logpress.lake.commit import replace_day
from logpress.lake.rollback import drop_day
from logpress.lake.snapshots import metadata_files
from logpress.views.lookups import lookups_of
from logpress.views.periods import contracts_of, periods_of

DAYS = (date(2021, 12, 26), date(2021, 12, 27))
GUIDE = Path(__file__).parents[3] / "docs" / "reading.md"


@pytest.fixture(autouse=True)
def no_lake_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names a lake where other tests run Airflow."""
    monkeypatch.delenv("LOGPRESS_LAKE", raising=False)


def publish(contract: Contract, day: date, home: Path, seed: int = 1, rows: int = 300, **options: Any) -> None:
    rng = random.Random(f"{seed} {day}")
    folder = home / f"raw-{day}-{seed}"
    folder.mkdir(exist_ok=True)
    records = [sdk_log_row(rng, day, number)[0] + b"\n" for number in range(rows)]
    (folder / f"{day}.ndjson").write_bytes(b"".join(records))
    one_machine.run_day(contract, day, [str(folder)], str(home / "lake"), **options)


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["view", "sdk_log", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["view", "sdk_log", *arguments])
    assert isinstance(done.exception, UsageError)
    return str(done.exception)


def shown(home: Path, *options: str) -> pa.Table:
    """What the view for DuckDB gives."""
    query = printed("--dialect", "duckdb", "--lake", str(home / "lake"), "--query", *options)
    return plain(duckdb.sql(query).to_arrow_table())


def see_equal(found: pa.Table, home: Path) -> None:
    """Compare with a scan."""
    scan = open_lake(home / "lake").table("sdk_log").scan(columns=found.column_names)
    assert values_of(found) == values_of(plain(scan.to_arrow()))


def changed(contract: Contract, **updates: dict[str, Any]) -> Contract:
    """The contract with other columns."""
    columns = tuple(column.model_copy(update=updates.get(column.name, {})) for column in contract.columns)
    return contract.model_copy(update={"columns": columns})


def test_days_of_other_contracts_have_other_formulas(sdk_log: Contract, tmp_path: Path) -> None:
    other = changed(
        sdk_log,
        request_begin_at={"type": "timestamp[us]"},
        request_end_at={"type": "timestamp[us]"},
        ingested_at={"type": "timestamp[ms]", "residual_of": ("request_begin_at",)},
    )
    for day, contract in zip(DAYS, (sdk_log, other), strict=True):
        publish(contract, day, tmp_path)
    see_equal(shown(tmp_path), tmp_path)
    made: dict[str, Any] = {}
    exec(printed("--dialect", "polars", "--lake", str(tmp_path / "lake")), made)
    see_equal(plain(made["sdk_log_all"].collect().to_arrow()), tmp_path)


def test_a_column_that_was_stored_before_it_was_virtual(sdk_log: Contract, tmp_path: Path) -> None:
    stored = changed(sdk_log, request_end_at={"residual_of": ()}, ingested_at={"residual_of": ()})
    for day, contract in zip(DAYS, (stored, sdk_log), strict=True):
        publish(contract, day, tmp_path)
    see_equal(shown(tmp_path), tmp_path)


def test_days_that_agree_are_one_period(sdk_log: Contract, tmp_path: Path) -> None:
    described = changed(sdk_log, func_name={"description": "another one", "path": ("fn", "func_name")})
    for day, contract in zip(DAYS, (sdk_log, described), strict=True):
        publish(contract, day, tmp_path)
    lake = Lake.open(str(tmp_path / "lake"))
    found = contracts_of(lake, "sdk_log")
    assert [day for day, _ in found] == list(DAYS)
    assert len(periods_of(found)) == 1
    other = changed(sdk_log, ingested_at={"type": "timestamp[ms]"})
    assert [period.last for period in periods_of(found, other)] == [DAYS[-1], None]


def test_a_part_without_lookups_is_an_error_until_they_are_made(sdk_log: Contract, tmp_path: Path) -> None:
    publish(sdk_log, DAYS[0], tmp_path)
    publish(sdk_log, DAYS[1], tmp_path)
    [path] = (tmp_path / "lake" / "sdk_log" / "lookups" / f"dt={DAYS[0]}").iterdir()
    path.unlink()
    with pytest.raises(duckdb.Error, match="no lookups, or none that hold for all rows, are published of the part"):
        shown(tmp_path)
    with pytest.raises(ValueError, match="a part has no lookups"):
        exec(printed("--dialect", "polars", "--lake", str(tmp_path / "lake")), {})
    see_equal(shown(tmp_path, "--columns", "ingested_at,func_name"), tmp_path)
    see_equal(shown(tmp_path, "--make-lookups"), tmp_path)


def test_a_day_that_is_published_again_has_the_lookups_of_both(sdk_log: Contract, tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "sdk_log" / "lookups" / f"dt={DAYS[0]}"

    def names() -> set[str]:
        return {path.name for path in folder.iterdir()}

    publish(sdk_log, DAYS[0], tmp_path)
    first = names()
    publish(sdk_log, DAYS[0], tmp_path)
    assert names() == first
    publish(sdk_log, DAYS[0], tmp_path, seed=2)
    assert len(names()) == 2
    files = open_lake(tmp_path / "lake").table("sdk_log").files()
    parts = [path.name for path in (tmp_path / "lake" / "sdk_log" / "files" / f"dt={DAYS[0]}").glob("part-*")]
    known = pq.read_table([str(folder / name) for name in names()], columns=["file"])["file"].unique().to_pylist()
    assert set(known) == set(parts) > {path.rsplit("/", 1)[-1] for path in files}
    # the first publication leaves the folder; its lookups follow when they are a day old
    publish(sdk_log, DAYS[0], tmp_path, seed=3, grace=timedelta(0))
    publish(sdk_log, DAYS[0], tmp_path, seed=3, grace=timedelta(0))
    see_equal(shown(tmp_path), tmp_path)
    before = names()
    for name in before:
        os.utime(folder / name, (time.time() - 90_000,) * 2)
    publish(sdk_log, DAYS[0], tmp_path, seed=4, grace=timedelta(0))
    assert len(names() & before) == 1
    assert len(names()) == 2
    assert catalog_files(tmp_path / "lake") == names()


def catalog_files(home: Path) -> set[str]:
    """The files of lookups that the catalog knows."""
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("logpress", uri=f"sqlite:///{home}/catalog.sqlite", warehouse=str(home))
    try:
        tasks = catalog.load_table("logpress.sdk_log_lookups").scan().plan_files()
        return {task.file.file_path.rsplit("/", 1)[-1] for task in tasks}
    finally:
        catalog.close()


def test_lookups_that_another_run_writes_meanwhile_stay(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an object store nobody waits: a run that saw the folder before another wrote commits again."""
    publish(sdk_log, DAYS[0], tmp_path)
    folder = tmp_path / "lake" / "sdk_log" / "lookups" / f"dt={DAYS[0]}"
    [known] = folder.iterdir()
    replace, other = replace_day, folder / "lookups-000000000000.parquet"

    def disturbed(*arguments: Any) -> int | None:
        if not other.exists():
            other.write_bytes(known.read_bytes())
        return replace(*arguments)

    monkeypatch.setattr(lookups, "replace_day", disturbed)
    lake = Lake.open(str(tmp_path / "lake"))
    [path] = lake.files(lake.need_day("sdk_log", DAYS[0]))[0]
    lookups.keep_lookups(lake, "sdk_log", DAYS[0], {"part-new.parquet": lookups_of(path, "part-new.parquet", DAYS[0])})
    assert len(catalog_files(tmp_path / "lake")) == 3


def test_a_run_that_is_killed_before_its_commit_is_made_good_by_the_next(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(Exception):
        pass

    def killed(*arguments: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(lookups, "replace_day", killed)
        with pytest.raises(LakeError):
            publish_in_process(sdk_log, tmp_path)
    folder = tmp_path / "lake" / "sdk_log" / "lookups" / f"dt={DAYS[0]}"
    [left] = folder.iterdir()
    assert not list((tmp_path / "lake" / "sdk_log").glob("*/dt=*/part-*"))
    publish_in_process(sdk_log, tmp_path)
    assert catalog_files(tmp_path / "lake") == {left.name}


def publish_in_process(contract: Contract, home: Path) -> None:
    """Publish a day's hundred records, without another process."""
    (home / "2021-12-26.ndjson").write_bytes(
        b"".join(sdk_log_row(random.Random(number), DAYS[0], number)[0] + b"\n" for number in range(100))
    )
    uri = str(home / "lake")
    [spec] = stages.plan(contract, DAYS[0], [str(home / "2021-12-26.ndjson")])
    manifest = stages.press(contract, DAYS[0], spec, uri, "run", threads=1)
    stages.publish(contract, DAYS[0], [manifest], uri, "run")


def test_lookups_of_parts_that_are_gone_are_cleaned_with_their_metadata(sdk_log: Contract, tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        publish(sdk_log, DAYS[0], tmp_path, seed, grace=timedelta(0))
    publish(sdk_log, DAYS[1], tmp_path)
    lake = Lake.open(str(tmp_path / "lake"))
    drop_day(lake, "sdk_log", DAYS[1], grace=timedelta(0))
    metadata = Path(lake.metadata_folder(lookups.lookups_table("sdk_log")))

    def lookup_files() -> list[Path]:
        return sorted(Path(lake.lookups_root("sdk_log")).rglob("*.parquet"))

    assert len(lookup_files()) == 4

    def clean(**options: Any) -> list[str]:
        return [one.path for one in clean_table(lake, "sdk_log", **options).needless]

    young = clean(remove=True, retention=timedelta(0))  # they may be of parts that are about to be published
    assert len(lookup_files()) == 4
    assert any(path.startswith(str(metadata)) for path in young)
    shown_first = clean(remove=False, retention=timedelta(0), age=timedelta(0))
    assert len(lookup_files()) == 4
    removed = clean(remove=True, retention=timedelta(0), age=timedelta(0))
    assert {path for path in shown_first if "/lookups/" in path} == {path for path in removed if "/lookups/" in path}
    assert len(lookup_files()) == 1
    with open_catalog(lake) as catalog:
        table = catalog.load(lookups.lookups_table("sdk_log"))
        assert table is not None
        assert {str(path) for path in metadata.iterdir()} <= metadata_files(table, table.snapshots())
        assert [snapshot.snapshot_id for snapshot in table.snapshots()] == [table.metadata.current_snapshot_id]
        assert {task.file.file_path for task in table.scan().plan_files()} == {str(path) for path in lookup_files()}
    assert clean(remove=False, retention=timedelta(0), age=timedelta(0)) == []
    see_equal(shown(tmp_path), tmp_path)


def test_lookups_stay_as_long_as_a_snapshot_has_them(sdk_log: Contract, tmp_path: Path) -> None:
    for seed in (1, 2):
        publish(sdk_log, DAYS[0], tmp_path, seed, grace=timedelta(0))
    lake = Lake.open(str(tmp_path / "lake"))
    clean_table(lake, "sdk_log", remove=True, retention=timedelta(days=7), age=timedelta(0))
    with open_catalog(lake) as catalog:
        table = catalog.load(lookups.lookups_table("sdk_log"))
        assert table is not None
        read = [table.scan(snapshot_id=one.snapshot_id).to_arrow().num_rows for one in table.snapshots()]
    assert len(read) >= 3
    assert all(read)


def test_tables_without_lookups_have_no_table_of_lookups(sdk_log: Contract, tmp_path: Path) -> None:
    columns = tuple(column for column in sdk_log.columns if column.codec != "lookup")
    publish(sdk_log.model_copy(update={"columns": columns}), DAYS[0], tmp_path)
    assert not (tmp_path / "lake" / "sdk_log" / "lookups").exists()
    see_equal(shown(tmp_path), tmp_path)
    assert open_lake(tmp_path / "lake").tables() == ["sdk_log"]


def test_the_guide_has_what_the_command_prints(
    sdk_log: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(sdk_log, DAYS[0], tmp_path)
    monkeypatch.chdir(tmp_path)
    text = printed("--dialect", "duckdb", "--lake", "lake", "--columns", "request_end_at,ingested_at")
    text = text.replace(f"{tmp_path}/lake", "lake")
    guide = GUIDE.read_text(encoding="utf-8")
    assert f"```sql\n{text}```" in guide, f"docs/reading.md should have:\n{text}"


def test_views_say_what_they_leave_out() -> None:
    text = printed(
        "--dialect", "trino", "--contract", "sdk_log", "--from", "lake.logs.calls", "--name", "lake.logs.all"
    )
    assert text.startswith("-- _id is not here: a sequence number")
    assert "CREATE OR REPLACE VIEW lake.logs.all AS\nSELECT" in text
    assert "FROM lake.logs.calls\n" in text
    assert "FROM lake.logs.calls_lookups\n" in text
    assert not printed("--dialect", "trino", "--columns", "func_name").startswith("--")
    assert 'FROM logs."calls_lookups"\n' in printed("--dialect", "athena", "--from", 'logs."calls"')
    assert printed("--dialect", "spark", "--columns", "func_name").startswith("CREATE OR REPLACE TEMPORARY VIEW sdk_l")
    assert "REPLACE VIEW a.b AS" in printed("--dialect", "spark", "--name", "a.b")


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    Lake.create(str(tmp_path))
    assert "there are spark, trino" in refused("--dialect", "oracle")
    assert "give --lake" in refused("--dialect", "duckdb")
    assert "has no column 'nothing'" in refused("--dialect", "spark", "--columns", "nothing")
    assert "not a table of a catalog" in refused(
        "--dialect", "polars", "--lake", str(tmp_path), "--contract", "sdk_log", "--from", "t"
    )
    assert "no published rows" in refused("--dialect", "duckdb", "--lake", str(tmp_path))
    assert "give --lake" in refused("--dialect", "spark", "--make-lookups")
