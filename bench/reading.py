r"""Measure batches for training, and sequences of users, against what others do with the same files.

    python -m bench.reading --lake lake --days 2021-12-26:2021-12-27

Each reader runs in turn, some times over, in a process of its own; medians count. CPU seconds are those of the process,
its threads and its workers; "most MB" is the peak of the process, and with workers that of the largest one besides.
"bytes a row" are those of the files that it reads: the lake's, with all columns and what restores the records; or those
that it made of the lake's before, which hold four columns.

A reader is measured where its package is installed: PyTorch, Hugging Face datasets (`make train`), MosaicML streaming,
fairseq2. The last two run with the packages that logpress needs, but refuse them: streaming 0.13 wants NumPy < 2.2,
fairseq2 0.8 wants rich < 15, pandas < 3, and PyTorch 2.9.1 alone. So each has an environment of its own, in which what
it wants of logpress's packages is overridden, and `--python` names its interpreter:

    printf '%s\n' 'numpy>=2.4' 'rich>=15' 'pandas>=3.1' > ../overrides.txt
    .venv/bin/uv venv --python 3.11 ../mosaicml
    .venv/bin/uv pip install --python ../mosaicml --overrides ../overrides.txt --editable . mosaicml-streaming==0.13.0
    .venv/bin/uv venv --python 3.11 ../fairseq2
    .venv/bin/uv pip install --python ../fairseq2 --overrides ../overrides.txt --editable . 'fairseq2[arrow]==0.8.1'
    python -m bench.reading --lake lake --days 2021-12-26:2021-12-27 \
        --python ../mosaicml/bin/python --python ../fairseq2/bin/python

fairseq2 also needs the system's libsndfile, although no sound is read here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from rich.console import Console
from rich.table import Table

from logpress import open_lake
from logpress.reading import TableReader

COLUMNS = ["client_app_id", "func_name", "response_elapsed_ms", "response_status_code"]
CODES = COLUMNS[:2]
FILL = {"response_elapsed_ms": 0, "response_status_code": 0}
ROWS = 4096
KEYS = ["client_app_id", "user_created_at"]
QUIET = ["-W", "ignore", "-m"]
"""Options of an interpreter: warnings of other packages are left out."""
WORKERS = os.cpu_count() or 1
"""Processes of a reader that needs them to use all cores."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--table", default="sdk_log")
    parser.add_argument("--days", required=True, help="FIRST:LAST")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--window-rows", type=int, default=2_000_000)
    parser.add_argument(
        "--python", action="append", default=[], help="an interpreter that has packages that this one does not have"
    )
    parser.add_argument("--folder", type=Path, help="where readers keep files that they make; default: until the end")
    parser.add_argument("--only", help="name of one reader, whose figures are printed as JSON")
    asked = parser.parse_args()
    if asked.only:
        first, _, last = asked.days.partition(":")
        table = open_lake(asked.lake).table(asked.table)
        reader = READERS[asked.only]
        importlib.import_module(NEEDS.get(asked.only, "logpress"))
        with tempfile.TemporaryDirectory() as made:
            folder = (asked.folder or Path(made)) / reader.__name__.strip("_")
            print(json.dumps(_measured(reader, Asked(table, (first, last or first), asked.window_rows, folder))))
        return
    all_pythons = [sys.executable, *asked.python]
    pythons = {name: one for name in READERS if (one := _python_with(NEEDS.get(name, "logpress"), all_pythons))}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory() as made:
        for _ in range(asked.runs):
            for name, runs in found.items():
                folder = str(asked.folder or made)
                command = [pythons[name], *QUIET, "bench.reading", *sys.argv[1:], "--folder", folder, "--only", name]
                output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                runs.append(json.loads(output.splitlines()[-1]))
    _print(found)


def _python_with(module: str, pythons: list[str]) -> str | None:
    """The first interpreter that has the package of a module."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module.partition('.')[0]!r}) is None)"
    return next((one for one in pythons if subprocess.run([one, "-c", code]).returncode == 0), None)


def _print(found: dict[str, list[dict[str, float]]]) -> None:
    """A line a reader."""
    shown = Table(
        "reader", "M rows", "s", "CPU s", "M rows/s", "M rows/CPU s", "games in a batch", "most MB", "bytes a row"
    )
    for name, runs in found.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        rows, seconds, cpu = middle["rows"] / 1e6, middle["seconds"], middle["cpu"]
        shown.add_row(
            name, f"{rows:.3f}", f"{seconds:.2f}", f"{cpu:.2f}", f"{rows / seconds:.3g}", f"{rows / cpu:.3g}",
            f"{middle['games']:.0f}", f"{middle['most_mb']:.0f}", f"{middle['stored'] / middle['rows']:.2f}",
        )  # fmt: skip
    Console(width=150).print(shown)


@dataclass(frozen=True)
class Asked:
    """What readers are asked for.

    Attributes:
        table: the table of the lake.
        days: first and last day.
        window_rows: rows in memory, whose order is shuffled.
        folder: for files that the reader makes from the lake's; what is there is of an earlier run.
    """

    table: TableReader
    days: tuple[str, str]
    window_rows: int
    folder: Path

    @property
    def files(self) -> list[str]:
        """Part files of the days."""
        return self.table.files(*self.days)


Reader = Callable[[Asked], Any]


def _measured(reader: Reader, asked: Asked) -> dict[str, float]:
    """An epoch, once the files are in the system's cache, the reader's own are made, and the vocabularies are there."""
    for name in CODES:
        asked.table.vocabulary(name, *asked.days)
    made = reader(asked)
    begin, cpu, rows, games = time.perf_counter(), _cpu_seconds(), 0, []
    for number, (count, of_games) in enumerate(made):
        rows += count
        if of_games is not None and number % 50 == 0:
            games.append(len(np.unique(of_games)))
    return {
        "rows": rows,
        "seconds": time.perf_counter() - begin,
        "cpu": _cpu_seconds() - cpu,
        "games": statistics.median(games) if games else 0,
        "most_mb": sum(resource.getrusage(whose).ru_maxrss for whose in WHOSE) / 1024,
        "stored": sum(path.stat().st_size for path in (asked.folder / "shards").glob("*"))
        or sum(Path(path).stat().st_size for path in asked.files),
    }


WHOSE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
"""The process, and workers that have ended."""


def _cpu_seconds() -> float:
    used = [resource.getrusage(whose) for whose in WHOSE]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _to_numpy(asked: Asked) -> Any:
    loader = asked.table.scan(*asked.days, columns=COLUMNS).to_numpy_batches(
        batch_rows=ROWS, codes=CODES, seed=1, window_rows=asked.window_rows, fill=FILL, drop_last=False
    )
    return ((len(batch["func_name"]), batch["client_app_id"]) for batch in loader)


def _to_torch(asked: Asked) -> Any:
    import torch

    torch.set_num_threads(1)
    loader = asked.table.scan(*asked.days, columns=COLUMNS).to_torch(
        batch_rows=ROWS, codes=CODES, seed=1, window_rows=asked.window_rows, fill=FILL, drop_last=False
    )
    return ((len(batch["func_name"]), batch["client_app_id"].numpy()) for batch in loader)


def _pyarrow(asked: Asked) -> Any:
    """Unshuffled, texts as they are."""
    batches = ds.dataset(asked.files).to_batches(columns=COLUMNS, batch_size=ROWS)
    return ((batch.num_rows, batch.column(0)) for batch in batches)


def _pyarrow_codes(asked: Asked) -> Any:
    """Unshuffled, dictionaries looked up in the vocabulary: the quickest that the same files can give by hand."""
    words = [asked.table.vocabulary(name, *asked.days) for name in CODES]
    form = ds.ParquetFileFormat(dictionary_columns=CODES)
    for batch in ds.dataset(asked.files, format=form).to_batches(columns=COLUMNS, batch_size=ROWS):
        codes = [one.encode(batch.column(number)) for number, one in enumerate(words)]
        _numbers = [batch.column(name).fill_null(0).to_numpy() for name in COLUMNS[2:]]
        yield batch.num_rows, codes[0]


def _hugging_face(asked: Asked) -> Any:
    """Unshuffled, streaming, in its arrow format: its quickest way, without codes."""
    import datasets

    datasets.disable_progress_bars()
    stream = datasets.load_dataset("parquet", data_files=asked.files, split="train", streaming=True, columns=COLUMNS)
    return ((batch.num_rows, batch.column(0)) for batch in stream.with_format("arrow").iter(batch_size=ROWS))


def _mosaicml(asked: Asked) -> Any:
    """Shuffled, from shards of its own (MDS, zstd) that hold codes; they are unpacked in the first epoch, this one.

    A row is a sample: if a sample were a block of rows, blocks would be shuffled, but no rows. Threads may be ahead by
    any number of rows, which takes 35 % less time than the default (594,000 rows, no workers).
    """
    import streaming
    import torch

    torch.set_num_threads(1)
    shards = asked.folder / "shards"
    if not shards.exists():
        _write_shards(asked, asked.folder / "unfinished")
        (asked.folder / "unfinished").rename(shards)
    local = asked.folder / "local"
    shutil.rmtree(local, ignore_errors=True)
    shutil.copytree(shards, local)
    rows = streaming.StreamingDataset(
        local=str(local), batch_size=ROWS, shuffle=True, shuffle_seed=1, predownload=1 << 40
    )
    loader = streaming.StreamingDataLoader(rows, batch_size=ROWS, num_workers=WORKERS)
    return ((len(batch["func_name"]), batch["client_app_id"].numpy()) for batch in loader)


def _write_shards(asked: Asked, folder: Path) -> None:
    import streaming

    batches = asked.table.scan(*asked.days, columns=COLUMNS).to_numpy_batches(
        batch_rows=ROWS, codes=CODES, fill=FILL, shuffle=False, drop_last=False
    )
    columns = {name: values.dtype.name for name, values in next(iter(batches)).items()}
    shutil.rmtree(folder, ignore_errors=True)
    with streaming.MDSWriter(out=str(folder), columns=columns, compression="zstd") as writer:
        for batch in batches:
            for values in zip(*batch.values(), strict=True):
                writer.write(dict(zip(batch, values, strict=True)))


def _fairseq2(asked: Asked) -> Any:
    """Shuffled: row groups in a random order, rows among `window_rows`; texts as they are."""
    import torch
    from fairseq2.data import parquet

    torch.set_num_threads(1)
    names = parquet.NamedColumns()
    names.extra_columns = COLUMNS
    pipeline = parquet.build_basic_parquet_data_pipeline(
        parquet.BasicDataLoadingConfig(
            parquet.FragmentStreamingConfig(
                parquet_path=asked.files, nb_epochs=1, seed=1, fragment_shuffle_window=-1, split_to_row_groups=True
            ),
            parquet.FragmentLoadingConfig(
                columns=names, rename_columns=False, add_fragment_traces=False, drop_null=False,
                num_parallel_fragments=WORKERS, nb_prefetch=WORKERS,
            ),
            parquet.TableBucketingConfig(
                target_table_size=asked.window_rows, batch_size=ROWS, shuffle=True, seed=1,
                num_parallel_calls=WORKERS, nb_prefetch=1,
            ),
        )
    ).and_return()  # fmt: skip
    for table in pipeline:
        _numbers = [parquet.pyarrow_to_torch_tensor(table[name].fill_null(0)) for name in COLUMNS[2:]]
        yield table.num_rows, table["client_app_id"]


def _sequences(asked: Asked) -> Any:
    names = ["func_name", "response_elapsed_ms", "request_begin_at"]
    sequences = asked.table.sequences(*asked.days, columns=names, last=512, codes=["func_name"])
    for batch in sequences.to_batches(users=4096):
        yield len(batch.column("func_name").flatten()), None


def _duckdb_lists(asked: Asked) -> Any:
    """The last 512 calls of each user by list(), from the same files."""
    import duckdb

    files = ", ".join(f"'{path}'" for path in asked.files)
    lists = ", ".join(
        f"list({name} ORDER BY request_begin_at)[-512:] AS {name}"
        for name in ("func_name", "response_elapsed_ms", "request_begin_at")
    )
    query = f"SELECT {', '.join(KEYS)}, {lists} FROM read_parquet([{files}]) GROUP BY {', '.join(KEYS)}"
    found: Any = duckdb.sql(query)
    for batch in found.to_arrow_reader(4096):
        yield len(batch.column("func_name").flatten()), None


READERS: dict[str, Reader] = {
    "logpress to_numpy_batches": _to_numpy,
    "logpress to_torch": _to_torch,
    "pyarrow.dataset, unshuffled": _pyarrow,
    "pyarrow.dataset, unshuffled, codes": _pyarrow_codes,
    "Hugging Face, arrow format": _hugging_face,
    "MosaicML streaming, MDS, shuffled": _mosaicml,
    "fairseq2, shuffled": _fairseq2,
    "sequences, logpress": _sequences,
    "sequences, DuckDB list()": _duckdb_lists,
}
NEEDS = {
    "logpress to_torch": "torch",
    "Hugging Face, arrow format": "datasets",
    "MosaicML streaming, MDS, shuffled": "streaming",
    "fairseq2, shuffled": "fairseq2.data.parquet",
    "sequences, DuckDB list()": "duckdb",
}
"""Modules that are imported before a reader is measured, and that not every environment has."""

if __name__ == "__main__":
    main()
