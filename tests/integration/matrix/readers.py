"""The readers of the matrix: their versions, where they run, and what they are known to do wrong."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.integration.engines import ICEBERG, SPARK, TRINO
from tests.integration.matrix.questions import KINDS, Kind
from tests.integration.matrix.worker import kinds_of
from tests.integration.nodes import CannotStartError

SPARK_35, CHDB, DATAFUSION, DUCKDB_14, DUCKDB_EXTENSIONS = "3.5.9", "4.4.0", "55.0.0", "1.4.4", "1.4.4.20260205"

ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "engines": (f"chdb=={CHDB}", f"datafusion=={DATAFUSION}"),
    "duckdb": (
        f"duckdb=={DUCKDB_14}", f"duckdb-ext-avro=={DUCKDB_EXTENSIONS}", f"duckdb-ext-iceberg=={DUCKDB_EXTENSIONS}",
    ),
    "spark-3.5": (f"pyspark=={SPARK_35}",),
}  # fmt: skip
"""Packages that are in no requirements file, because other versions of them are, or nothing else needs them."""


def python_of(environment: str) -> str:
    """The Python of an environment, which is made on first use and kept; of the empty one, this.

    Raises:
        CannotStartError: if its packages cannot be had.
    """
    if not environment:
        return sys.executable
    wanted = list(ENVIRONMENTS[environment])
    if environment == "engines":
        wanted += [f"{name}=={version(name)}" for name in ("numpy", "pandas", "pyarrow")]
    digest = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("LOGPRESS_TEST_CACHE_DIR") or Path.home() / ".cache" / "logpress-tests")
    home = cache / f"readers-{environment}-{digest}"
    ready = home / ".ready"
    if not ready.exists():
        uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
        if uv is None:
            raise CannotStartError("there is no uv; `make setup` installs it")
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
            [uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), *wanted],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise CannotStartError(f"cannot install {', '.join(wanted)}: {done.stderr.strip()[-500:]}")
        ready.touch()
    return str(home / "bin" / "python")


@dataclass(frozen=True)
class Reader:
    """A reader.

    Attributes:
        name: as `worker.READERS` has it.
        run: the process that asks it: those of a run are asked by one process.
        title: what it is, and how it is called.
        version: of it.
    """

    name: str
    run: str
    title: str
    version: str

    @property
    def key(self) -> str:
        """Unique."""
        return f"{self.run}:{self.name}"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What it is asked."""
        return kinds_of(self.name)


RUNS: dict[str, str] = {
    "spark-4.1": "", "frames": "", "fastparquet": "", "clickhouse": "engines", "datafusion": "engines",
    "duckdb-1.4": "duckdb", "spark-3.5": "spark-3.5", "trino": "",
}  # fmt: skip
"""The processes, and the environment of each; that of Trino is this one. Two run at a time, in this order: while the
first takes longest, so do the others together."""


def _spark(run: str, engine: str) -> list[Reader]:
    iceberg = f"{engine}, Iceberg {ICEBERG}"
    sources = [("files", engine, "`read.parquet`"), ("logpress", iceberg, "JDBC catalog")]
    if run == "spark-4.1":
        sources += [("rest", iceberg, "REST catalog"), ("hadoop", iceberg, "Hadoop catalog")]
    return [
        Reader(f"spark-{source}{suffix}", run, f"Spark, {how}, {mode}", title)
        for source, title, how in sources
        for suffix, mode in (("", "vectorised"), ("-rows", "row by row"))
    ]


READERS: tuple[Reader, ...] = (
    Reader("pyarrow", "frames", "pyarrow `dataset`", version("pyarrow")),
    Reader("pandas", "frames", "pandas `read_parquet`", version("pandas")),
    Reader("pandas-arrow", "frames", 'pandas, `dtype_backend="pyarrow"`', version("pandas")),
    Reader("fastparquet", "fastparquet", "fastparquet", version("fastparquet")),
    Reader("fastparquet-rows", "fastparquet", "fastparquet, `row_filter=True`", version("fastparquet")),
    Reader("polars", "frames", "Polars `scan_parquet`", version("polars")),
    Reader("polars-iceberg", "frames", "Polars `scan_iceberg`", version("polars")),
    Reader("pyiceberg", "frames", "pyiceberg", version("pyiceberg")),
    Reader("duckdb", "frames", "DuckDB `read_parquet`", version("duckdb")),
    Reader("duckdb-iceberg", "duckdb-1.4", "DuckDB `iceberg_scan`", DUCKDB_14),
    Reader("clickhouse", "clickhouse", "ClickHouse `file`", f"chdb {CHDB}"),
    Reader("clickhouse-iceberg", "clickhouse", "ClickHouse `icebergLocal`", f"chdb {CHDB}"),
    Reader("datafusion", "datafusion", "DataFusion", DATAFUSION),
    *_spark("spark-3.5", SPARK_35),
    *_spark("spark-4.1", version("pyspark")),
    Reader("trino", "trino", "Trino, JDBC catalog, S3", TRINO),
)


@dataclass(frozen=True)
class Known:
    """What readers do wrong by themselves. Tests see that they still do, so that a mended one is noticed.

    Attributes:
        readers: names of readers.
        cells: tables, and kinds of questions, with a wrong answer.
        sign: a pattern that is found in the description of each wrong answer.
        why: for the documents: what is wrong, where their project has it, and what to do.
    """

    readers: frozenset[str]
    cells: frozenset[tuple[str, Kind]]
    sign: str
    why: str


def _cells(table: str, *kinds: Kind) -> frozenset[tuple[str, Kind]]:
    return frozenset((table, kind) for kind in kinds)


KNOWN: tuple[Known, ...] = (
    Known(
        frozenset({"pandas"}),
        _cells("every_type", "rows", "bounds"),
        "large",
        "pandas makes `float64` of integers with missing values, so those beyond 2^53 are rounded (pandas-dev/pandas"
        " issue 56678). Give `dtype_backend`.",
    ),
    Known(
        frozenset({"fastparquet", "fastparquet-rows"}),
        _cells("sdk_log", "rows", "instant", "string", "integer", "bounds"),
        "request_begin_at|missing values",
        "`sdk_log` only: deltas of more than 28 bits are read wrongly. No issue of its project has it;"
        " `tests/unit/quality/test_readers.py` does. Use pandas' default engine, or contracts with fastparquet among"
        " their readers.",
    ),
    Known(
        frozenset({"fastparquet-rows"}),
        _cells("every_type", "instant", "string", "integer"),
        "every_type",
        "Values beside missing ones are wrong or missing if it leaves out rows by itself (dask/fastparquet issue 957)."
        " Leave out rows with pandas.",
    ),
)


def known_of(reader: Reader, table: str, kind: Kind) -> Known | None:
    """What a reader is known to do wrong with the questions of a kind to a table."""
    found = [known for known in KNOWN if reader.name in known.readers and (table, kind) in known.cells]
    assert len(found) <= 1
    return found[0] if found else None


assert {kind for known in KNOWN for _, kind in known.cells} <= set(KINDS)
assert SPARK in version("pyspark")
