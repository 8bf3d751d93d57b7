"""Views over the files of a lake: every value of every row is the one that `scan` gives, virtual columns included."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.every_type import every_type
from tests.integration import lakes
from tests.integration.engines import skip_loudly
from tests.integration.lakes import DAYS, Table
from tests.integration.nodes import CannotStartError
from tests.moved import moved
from typer.testing import CliRunner

from logpress.cli.app import app
from logpress.contract import Contract

pytestmark = pytest.mark.long

TABLES = ("sdk_log", "sdk_log_us", "every_type", "moved")


@dataclass(frozen=True)
class Local:
    """A lake on a disk.

    Attributes:
        uri: where it lies.
        tables: by name.
    """

    uri: str
    tables: dict[str, Table]

    def view(self, table: str, dialect: str, *options: str) -> str:
        """What the command prints."""
        done = CliRunner().invoke(app, ["view", table, "--dialect", dialect, "--lake", self.uri, *options])
        assert done.exit_code == 0, done.output
        return done.output


@pytest.fixture(scope="module")
def local(sdk_log: Contract, tmp_path_factory: pytest.TempPathFactory) -> Local:
    home = tmp_path_factory.mktemp("views")
    files = sdk_log.files.model_copy(update={"row_group_rows": 1000})
    calls = sdk_log.model_copy(update={"files": files, "checks": ()})
    uri, tables = str(home / "lake"), {}
    for contract in (calls, lakes.in_microseconds(calls), every_type(), moved()):
        for day in DAYS:
            lakes.press(contract, day, lakes.records_of(contract, day), uri, home)
        tables[contract.table] = lakes.read(uri, contract)
    return Local(uri, tables)


def in_duckdb(text: str, name: str) -> pa.Table:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Seoul'")
        connection.execute(text)
        return connection.table(name).to_arrow_table()


def in_polars(text: str, name: str) -> pa.Table:
    made: dict[str, Any] = {}
    exec(text, made)
    table: pa.Table = made[name].collect().to_arrow()
    return table


def in_clickhouse(text: str, name: str) -> pa.Table:
    try:
        from chdb import session as clickhouse
    except ImportError as error:
        skip_loudly("ClickHouse", CannotStartError(f"chdb is not installed ({error})"))
    session = clickhouse.Session()
    try:
        session.query("CREATE DATABASE IF NOT EXISTS v")
        session.query("USE v")
        session.query(text)
        found = pq.read_table(io.BytesIO(session.query(f"SELECT * FROM {name}", "Parquet").bytes()))
    finally:
        session.close()
    place = found.column_names.index("_raw")
    return found.set_column(place, "_raw", found["_raw"].cast(pa.binary()))  # its only type for bytes is that of texts


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("run", [in_duckdb, in_polars, in_clickhouse])
def test_all_values_are_those_of_a_scan(local: Local, table: str, run: Callable[[str, str], pa.Table]) -> None:
    if (table, run) == ("moved", in_polars):
        with pytest.raises(ValueError, match="a key means several values within one part"):
            run(local.view(table, "polars"), "moved_all")
        return
    dialect = run.__name__.removeprefix("in_")
    local.tables[table].see_all_shown(run(local.view(table, dialect), f"{table}_all"))
