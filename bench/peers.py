"""The tools that logpress is compared with: commands to press, restore and read, as their experts would use."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import files_bytes
from bench.sample import DAY, LOGPRESS, Input

LINES = "day.ndjson"
"""Name of a restored file."""


class Peer:
    """A way to store a day of logs, as whole commands.

    Attributes:
        name: name on the command line.
        title: name in tables.
        settings: its exact settings, in one or two sentences of Markdown.
        module: the Python module it needs, if any.
        distribution: the package of that module.
        program: the program it needs, if any.
        takes_damaged: whether it accepts input with lines that are not JSON.
        is_slow: whether it runs once, on a part of the input.
    """

    name: str
    title: str
    settings: str
    module: str | None = None
    distribution: str | None = None
    program: str | None = None
    takes_damaged = True
    is_slow = False

    def missing(self) -> str | None:
        """The package or program that is not installed; None if nothing is missing."""
        if self.module and importlib.util.find_spec(self.module) is None:
            return f"the package {self.distribution}"
        if self.program and shutil.which(self.program) is None:
            return f"the program {self.program}"
        return None

    def version(self) -> str:
        """Version of the tool."""
        if self.distribution:
            return importlib.metadata.version(self.distribution)
        assert self.program
        said = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True).stdout
        numbers = (word.strip("v,") for word in said.split())
        return next((word for word in numbers if word[:1].isdigit()), "?")

    def press(self, given: Input, stored: Path) -> list[str]:
        """The command that presses raw objects into `stored`, a file or folder that does not exist yet."""
        raise NotImplementedError

    def stored_bytes(self, stored: Path) -> int:
        """Its size."""
        return files_bytes(stored)

    def restore(self, stored: Path, target: Path) -> list[str] | None:
        """The command that writes the records as lines to files in the folder `target`; None if there is none."""
        return None

    def reads(self, stored: Path) -> dict[str, list[str]]:
        """By reader: commands that read game, function and elapsed time into pandas and print JSON, as in `step`."""
        return {}


class Compressor(Peer):
    """A general compressor that takes all objects as one stream, as `cat` gives them."""

    def __init__(self, program: str, options: str, restoring: str, *, is_slow: bool = False) -> None:
        self.program = program
        self.title = f"{program} {options}"
        self.name = f"{program}{options.split()[0]}"
        self.options = options
        self.restoring = restoring
        self.is_slow = is_slow
        self.settings = f"`cat objects | {program} {options}`; back with `{program} {restoring}`. One core."

    def press(self, given: Input, stored: Path) -> list[str]:
        """A pipe, as a shell would have it."""
        paths = shlex.join(map(str, given.objects))
        return ["sh", "-c", f"cat {paths} | {self.program} {self.options} -c > {shlex.quote(str(stored))}"]

    def restore(self, stored: Path, target: Path) -> list[str]:
        """Into a file."""
        command = (
            f"{self.program} {self.restoring} -c < {shlex.quote(str(stored))} > {shlex.quote(str(target / LINES))}"
        )
        return ["sh", "-c", command]


class Python(Peer):
    """A peer whose steps are functions of a module of `bench.steps`."""

    steps: str

    def step(self, name: str, *arguments: Path | str) -> list[str]:
        """The command that makes a step."""
        return [sys.executable, "-m", f"bench.steps.{self.steps}", name, *map(str, arguments)]


class Logpress(Python):
    """This project."""

    name = "logpress"
    title = "logpress (proof, publication)"
    settings = (
        "`logpress press`, `logpress restore`: no options. Pressing includes the proof that every record comes back, "
        "the checks, a second reader's reading of the files, and publication in an Iceberg table."
    )
    module = distribution = "logpress"
    steps = "ours"

    def press(self, given: Input, stored: Path) -> list[str]:
        """The whole command: proof and publication included."""
        return [
            LOGPRESS, "press", "sdk_log", "--day", DAY, "--input", str(given.folder), "--lake", str(stored), "--quiet",
        ]  # fmt: skip

    def stored_bytes(self, stored: Path) -> int:
        """Of the day's Parquet files, rejects included."""
        folders = (stored / "sdk_log" / name for name in ("data", "rejects"))
        return sum(path.stat().st_size for folder in folders for path in folder.rglob("*.parquet"))

    def restore(self, stored: Path, target: Path) -> list[str]:
        """In the contract's order."""
        return [
            LOGPRESS, "restore", "sdk_log", "--day", DAY, "--lake", str(stored), "--output", str(target / LINES),
            "--quiet",
        ]  # fmt: skip

    def reads(self, stored: Path) -> dict[str, list[str]]:
        """Its scan, and pandas alone."""
        return {"scan": self.step("read", stored, DAY), "pandas.read_parquet": self.step("read_plain", stored, DAY)}


class DuckDB(Python):
    """The tool of the acceptance figures; do not change its definition."""

    name = "duckdb"
    title = "DuckDB COPY"
    settings = (
        "`COPY (SELECT * FROM read_json(…, format='newline_delimited', ignore_errors=true)) TO … (FORMAT parquet, "
        "COMPRESSION zstd)`: every column that it finds, nested as it comes; lines that it cannot read are dropped."
    )
    module = distribution = "duckdb"
    steps = "duck"

    def press(self, given: Input, stored: Path) -> list[str]:
        """COPY."""
        return self.step("press", f"{given.folder}/*/*/*/*/*.ndjson", stored)

    def restore(self, stored: Path, target: Path) -> list[str] | None:
        """COPY to JSON."""
        return self.step("restore", stored, target / LINES)

    def reads(self, stored: Path) -> dict[str, list[str]]:
        """DuckDB itself, and pyarrow."""
        return {"DuckDB": self.step("read", stored), "pyarrow": self.step("read_pyarrow", stored)}


class DuckDBTuned(DuckDB):
    """DuckDB, tuned for size."""

    name = "duckdb-tuned"
    title = "DuckDB, sorted, no copies"
    settings = (
        "The same with `unnest(_source)`, without the copies in `fields` and `sort`, `ORDER BY client_app_id, "
        "user_inDate, request_begin_timestamp`, `COMPRESSION_LEVEL 9, ROW_GROUP_SIZE 1000000`; `PARQUET_VERSION v2` "
        "makes it larger."
    )

    def press(self, given: Input, stored: Path) -> list[str]:
        """COPY, sorted."""
        return self.step("press_tuned", f"{given.folder}/*/*/*/*/*.ndjson", stored)

    def restore(self, stored: Path, target: Path) -> list[str] | None:
        """The flat file has another shape."""
        return None

    def reads(self, stored: Path) -> dict[str, list[str]]:
        """DuckDB itself."""
        return {"DuckDB": self.step("read_tuned", stored)}


class PyArrow(Python):
    """Parsed with a full schema, flattened."""

    name = "pyarrow"
    title = "pyarrow, flattened"
    settings = (
        "`pyarrow.json.read_json` object by object with an explicit schema of all fields (instants as texts, so that "
        "their labels stay), blocks of 4 MB, `Table.flatten()`, `ParquetWriter` with zstd 9, row groups of half a "
        "million; smaller unsorted than sorted. It writes no JSON."
    )
    module = distribution = "pyarrow"
    steps = "arrow"
    takes_damaged = False

    def press(self, given: Input, stored: Path) -> list[str]:
        """Object by object."""
        return self.step("press", given.folder, stored)

    def reads(self, stored: Path) -> dict[str, list[str]]:
        """Itself."""
        return {"pyarrow": self.step("read", stored)}


class Polars(Python):
    """Streamed with a full schema."""

    name = "polars"
    title = "Polars"
    settings = (
        "`scan_ndjson` with a schema of all fields (instants as texts), `sink_parquet` with zstd 9; back with "
        "`sink_ndjson`."
    )
    module = distribution = "polars"
    steps = "polar"
    takes_damaged = False

    def press(self, given: Input, stored: Path) -> list[str]:
        """Scan and sink."""
        return self.step("press", given.folder, stored)

    def restore(self, stored: Path, target: Path) -> list[str]:
        """Scan and sink."""
        return self.step("restore", stored, target / LINES)

    def reads(self, stored: Path) -> dict[str, list[str]]:
        """Itself."""
        return {"Polars": self.step("read", stored)}


class ClickHouse(Python):
    """A table made for these records."""

    name = "clickhouse"
    title = "ClickHouse, tuned"
    settings = (
        "Embedded as chdb: a MergeTree table, `ORDER BY (client_app_id, user_inDate, request_begin_timestamp)`, "
        "`LowCardinality(String)` for names, `DateTime64(3)` with `Delta, ZSTD(9)`, numbers with `T64, ZSTD(9)`, the "
        "56 digits of `_id` as `UInt256`; `INSERT … SELECT … FROM file(…, JSONEachRow)`, `OPTIMIZE … FINAL`; stored "
        "are the active parts. Whatever the table does not name (labels of instants, `fields`, `sort`, rare fields, "
        "missing against empty) is dropped, so there is nothing to restore records from."
    )
    module, distribution = "chdb", "chdb"
    steps = "clickhouse"
    takes_damaged = False

    def press(self, given: Input, stored: Path) -> list[str]:
        """INSERT and OPTIMIZE."""
        return self.step("press", given.folder, stored)

    def stored_bytes(self, stored: Path) -> int:
        """Of the active parts."""
        return int((stored / "stored_bytes").read_text())

    def reads(self, stored: Path) -> dict[str, list[str]]:
        """Itself."""
        return {"chdb": self.step("read", stored)}


class ClpS(Peer):
    """The nearest system to this one."""

    name = "clp-s"
    title = "clp-s"
    settings = (
        "`clp-s c --compression-level 9 --timestamp-key _source.timestamp --structurize-arrays`, `clp-s x`. One core."
    )
    module, distribution = "yscope_clp_core", "yscope-clp-core"
    takes_damaged = False

    def program_path(self) -> str:
        """The package's binary, without its Python wrapper."""
        found = importlib.util.find_spec("yscope_clp_core")
        assert found is not None
        assert found.origin is not None
        return str(Path(found.origin).with_name("bin") / "clp-s")

    def press(self, given: Input, stored: Path) -> list[str]:
        """Into a folder of archives."""
        return [
            self.program_path(), "c", "--compression-level", "9", "--timestamp-key", "_source.timestamp",
            "--structurize-arrays", str(stored), str(given.folder),
        ]  # fmt: skip

    def restore(self, stored: Path, target: Path) -> list[str]:
        """Into a folder."""
        return [self.program_path(), "x", str(stored), str(target)]


PEERS: tuple[Peer, ...] = (
    Logpress(),
    DuckDB(),
    DuckDBTuned(),
    PyArrow(),
    Polars(),
    ClickHouse(),
    ClpS(),
    Compressor("gzip", "-6", "-d"),
    Compressor("zstd", "-3", "-d"),
    Compressor("zstd", "-19 --long=27", "-d --long=27", is_slow=True),
)
"""All tools in the order of their turns; the first two are adjacent, because they are compared in pairs of runs."""
