"""Measure lookups of users' last calls: in process, by scans, in SQLite and Lance, and through `logpress serve`.

    logpress sample --days 7 --day 2021-12-20 --records 300000 --output raw
    for day in 2021-12-2{0..6}; do logpress press sdk_log --day $day --input raw --lake lake; done
    logpress history build sdk_log --lake lake
    python -m bench.serving --lake lake

Users are drawn evenly from those who have calls, with a seed; each reader is asked for the same ones, after as many
others that do not count. Peers get the same rows and columns: SQLite a table with an index on user and time; Lance, if
it is installed (`pip install pylance`), a data set sorted by user and time, with a BTREE index on a column that names
the user. Sizes are those on disk.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import importlib
import importlib.util
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from logpress import open_lake
from logpress.contract import load_contract
from logpress.reading import TableReader

User = tuple[Any, ...]
Ask = Callable[[User], int]
"""Asks for the last calls of a user; gives how many there were."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--table", default="sdk_log")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--users", type=int, default=1000, help="lookups of each reader that count")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16], help="of the server, at a time")
    asked = parser.parse_args()
    table = open_lake(asked.lake).table(asked.table)
    contract = load_contract(asked.table)
    entity, by = contract.entity, contract.time or contract.day
    history = table.history(days=asked.days)
    rows = table.scan(history.days[0], history.days[-1], columns=history.schema.names).to_arrow()
    users = _users(rows, entity, 2 * asked.users)
    shown = Table("reader", "p50 ms", "p99 ms", "a second", "calls a user", "bytes a row")
    size = sum(path.stat().st_size for path in Path(asked.lake, asked.table, "by_user", "data").rglob("*.parquet"))
    ask = lambda user: history.last(*user, calls=asked.calls).num_rows  # noqa: E731
    shown.add_row("logpress history", *_lookups(ask, users), f"{size / rows.num_rows:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in {"SQLite, indexed": _sqlite, "Lance, BTREE": _lance}.items():
            if make is _lance and importlib.util.find_spec("lance") is None:
                continue
            peer, bytes_ = make(rows, entity, by, asked.calls, Path(folder))
            shown.add_row(name, *_lookups(peer, users), f"{bytes_ / rows.num_rows:.2f}")
    shown.add_row("logpress scan(where=user)", *_lookups(_scanning(table, history.days, entity), users[-20:]), "")
    with _server(asked.lake, asked.days) as (port, token):
        for clients in asked.clients:
            name = f"logpress serve, {clients} at a time"
            shown.add_row(name, *_served(port, token, asked.table, users, asked.calls, clients), "")
    Console(width=140).print(shown)


def _users(rows: pa.Table, entity: Sequence[str], count: int) -> list[User]:
    found = rows.select(list(entity)).group_by(list(entity)).aggregate([])
    chosen = np.random.default_rng(7).choice(found.num_rows, count, replace=found.num_rows < count)
    return [tuple(row.values()) for row in found.take(pa.array(chosen)).to_pylist() if None not in row.values()]


def _lookups(ask: Ask, users: Sequence[User]) -> tuple[str, str, str, str]:
    """The first half of the users warms up; medians and the rate are those of the second."""
    half, seconds, calls = len(users) // 2, [], 0
    for number, user in enumerate(users):
        began = time.perf_counter()
        found = ask(user)
        if number >= half:
            seconds.append(time.perf_counter() - began)
            calls += found
    return _figures(seconds, sum(seconds), calls)


def _figures(seconds: Sequence[float], whole: float, calls: int) -> tuple[str, str, str, str]:
    p50, p99 = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.99))
    return f"{p50:.2f}", f"{p99:.2f}", f"{len(seconds) / whole:,.0f}", f"{calls / len(seconds):.1f}"


def _sqlite(rows: pa.Table, entity: Sequence[str], time_: str, calls: int, folder: Path) -> tuple[Ask, int]:
    path = folder / "calls.sqlite"
    plain = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in rows.columns]
    names = ", ".join(f'"{name}"' for name in rows.column_names)
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE calls ({names})")
    marks = ", ".join("?" * rows.num_columns)
    for batch in pa.Table.from_arrays(plain, rows.column_names).to_batches(max_chunksize=50_000):
        values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        connection.executemany(f"INSERT INTO calls VALUES ({marks})", values)
    connection.execute(f"CREATE INDEX by_user ON calls ({', '.join([*entity, time_])})")
    connection.commit()
    where = " AND ".join(f'"{name}" = ?' for name in entity)
    query = f'SELECT * FROM calls WHERE {where} ORDER BY "{time_}" DESC LIMIT {calls}'
    ask = lambda user: len(connection.execute(query, [_micros(value) for value in user]).fetchall())  # noqa: E731
    return ask, path.stat().st_size


def _micros(value: Any) -> Any:
    return int(pa.scalar(value, pa.timestamp("us", "UTC")).value) if isinstance(value, datetime) else value


def _lance(rows: pa.Table, entity: Sequence[str], time_: str, calls: int, folder: Path) -> tuple[Ask, int]:
    lance = importlib.import_module("lance")
    path = folder / "calls.lance"
    names = [pc.cast(rows[name], pa.string()) for name in entity]
    named = rows.append_column("user", pc.binary_join_element_wise(*names, "|"))
    made = lance.write_dataset(named.sort_by([("user", "ascending"), (time_, "ascending")]), path)
    made.create_scalar_index("user", "BTREE")
    found = lance.dataset(path)

    def ask(user: User) -> int:
        texts = [str(pa.scalar(v, named[n].type).cast(pa.string())) for v, n in zip(user, entity, strict=True)]
        called = "|".join(texts).replace("'", "''")
        own = found.to_table(columns=rows.column_names, filter=f"user = '{called}'")
        return int(own.slice(max(0, own.num_rows - calls)).num_rows)

    return ask, sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def _scanning(table: TableReader, days: Sequence[Any], entity: Sequence[str]) -> Ask:
    def ask(user: User) -> int:
        where = [(name, "=", value) for name, value in zip(entity, user, strict=True)]
        return int(table.scan(days[0], days[-1], where=where).to_arrow().num_rows)

    return ask


@contextlib.contextmanager
def _server(lake: str, days: int) -> Iterator[tuple[int, str]]:
    """`logpress serve` in a process of its own: its port and its token."""
    token = secrets.token_hex(24)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "logpress.cli", "serve", "--lake", lake, "--port", str(port), "--days", str(days)]
    process = subprocess.Popen(command, env={**os.environ, "LOGPRESS_SERVE_TOKEN": token}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as one:
                one.request("GET", "/health")
                one.getresponse().read()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("logpress serve does not start")
            time.sleep(0.1)
        yield port, token
    finally:
        process.terminate()
        process.wait()


def _served(
    port: int, token: str, table: str, users: Sequence[User], calls: int, clients: int
) -> tuple[str, str, str, str]:
    """The users shared out among clients that each keep a connection, and take answers as Arrow streams."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.apache.arrow.stream"}
    found: list[tuple[float, int]] = []
    lock = threading.Lock()

    def ask(own: Sequence[User]) -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
            for user in own:
                pairs = [("user", v.isoformat() if isinstance(v, datetime) else str(v)) for v in user]
                began = time.perf_counter()
                query = urllib.parse.urlencode([*pairs, ("calls", calls)])
                connection.request("GET", f"/history/{table}?{query}", headers=headers)
                answer = connection.getresponse()
                data = answer.read()
                seconds = time.perf_counter() - began
                if answer.status != 200:
                    raise SystemExit(f"{answer.status}: {data[:300]!r}")
                rows = pa.ipc.open_stream(data).read_all().num_rows
                with lock:
                    found.append((seconds, rows))

    for some in (users[: len(users) // 2], users[len(users) // 2 :]):  # the first half warms up
        found.clear()
        began = time.perf_counter()
        threads = [threading.Thread(target=ask, args=(some[n::clients],)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        whole = time.perf_counter() - began
    if len(found) < len(some):
        raise SystemExit("some lookups failed")
    return _figures([seconds for seconds, _ in found], whole, sum(rows for _, rows in found))


if __name__ == "__main__":
    main()
