"""Measures how fast a day is pulled from a search server: `logpress press` beside tools that only fetch.

`python -m bench.pull --records 200000` starts an OpenSearch node of its own (Java 17 and Maven are needed), or takes a
running one with `--port`. The peers are opensearch-py's `helpers.scan`, which gives Python objects, and elasticdump
(npm), which writes NDJSON. All run in turn on the same node; whole commands are timed from start to exit.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.integration.nodes import KINDS, Node, sample_documents, start_node

DAY = "2021-12-26"
INDEX = f"bench-{DAY}"
SCAN = """
import sys
from opensearchpy import OpenSearch, helpers
client = OpenSearch(sys.argv[1], timeout=120)
found = helpers.scan(client, index=sys.argv[2], size=int(sys.argv[3]), query={"query": {"match_all": {}}})
print(sum(1 for _ in found))
"""


def timed(command: list[str]) -> float:
    """Seconds that a command takes from start to exit."""
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stderr[-500:]}")
    return time.monotonic() - began


def commands(node: Node, folder: Path, elasticdump: str | None) -> dict[str, list[str]]:
    """What is measured."""
    press = [sys.executable, "-m", "logpress.cli", "press", "sdk_log", "--day", DAY, "--quiet"]
    found = {
        "logpress press (proof, publication)": [
            *press,
            "--input",
            f"{node.uri}/{INDEX}",
            "--lake",
            str(folder / "lake"),
        ],
        "opensearch-py helpers.scan, 1,000 a page": [sys.executable, "-c", SCAN, node.http, INDEX, "1000"],
        "opensearch-py helpers.scan, 5,000 a page": [sys.executable, "-c", SCAN, node.http, INDEX, "5000"],
    }
    if elasticdump:
        found["elasticdump, 5,000 a page"] = [
            elasticdump, f"--input={node.http}/{INDEX}", f"--output={folder / 'dump.ndjson'}", "--type=data",
            "--limit=5000", "--overwrite", "--quiet",
        ]  # fmt: skip
    return found


def main(
    records: Annotated[int, typer.Option(help="How many records.")] = 200_000,
    runs: Annotated[int, typer.Option(help="Counted runs of each, after one that is not counted.")] = 3,
    port: Annotated[int, typer.Option(help="Port of a server on 127.0.0.1 that has the index already.")] = 0,
    elasticdump: Annotated[str, typer.Option(help="The elasticdump program.")] = shutil.which("elasticdump") or "",
) -> None:
    """Pull the same index in turn, and print medians."""
    with tempfile.TemporaryDirectory(prefix="logpress-bench-") as name:
        folder = Path(name)
        node = Node(KINDS["opensearch-2"], port, [], folder) if port else start_node("opensearch-2")
        try:
            if not port:
                records = node.load(INDEX, sample_documents(folder / "sample", records))
            else:
                records = int(node.ask("GET", f"/_cat/count/{INDEX}?h=count"))
            seconds: dict[str, list[float]] = {}
            for run in range(runs + 1):
                for what, command in commands(node, folder, elasticdump or None).items():
                    took = timed(command)
                    if run:
                        seconds.setdefault(what, []).append(took)
        finally:
            node.remove()
    table = Table(title=f"{records:,} documents, 5 shards, medians of {runs}", box=None)
    for heading in ("", "seconds", "documents a second"):
        table.add_column(heading, justify="left" if not heading else "right")
    for what, took in seconds.items():
        median = statistics.median(took)
        table.add_row(what, f"{median:.2f}", f"{records / median:,.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    typer.run(main)
