"""Measure reading a day from a search server: `logpress press` compared with tools that only fetch.

`python -m bench.pull --records 200000` starts an OpenSearch node of its own (Java 17 and Maven are needed), or takes a
running one with `--port`. The peers are opensearch-py's `helpers.scan`, which gives Python objects, and elasticdump
(npm), which writes NDJSON. All run in turn on the same node; whole commands are timed from start to exit, and what each
has fetched is counted: one that stops early does not count.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.measure import published_records

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.integration.nodes import KINDS, Node, sample_documents, start_node

DAY = "2021-12-26"
INDEX = f"bench-{DAY}"
LOGPRESS = (sys.executable, "-m", "logpress.cli")
OURS = "logpress press (proof, publication)"
SCAN = """
import sys
from opensearchpy import OpenSearch, helpers
client = OpenSearch(sys.argv[1], timeout=120)
found = helpers.scan(client, index=sys.argv[2], size=int(sys.argv[3]), query={"query": {"match_all": {}}})
print(sum(1 for _ in found))
"""


@dataclass(frozen=True)
class Puller:
    """A command that reads the index, and the number of documents that it fetched, from its output."""

    command: list[str]
    fetched: Callable[[str], int]

    def run(self, expected: int) -> float:
        """Seconds from start to exit; ends the measurement if the command fails, or did not fetch everything."""
        began = time.monotonic()
        done = subprocess.run(self.command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
        if done.returncode:
            sys.exit(f"{' '.join(self.command)} failed: {done.stderr[-500:]}")
        fetched = self.fetched(done.stdout)
        if fetched != expected:
            sys.exit(f"{' '.join(self.command)} has fetched {fetched:,} documents of {expected:,}: it does not count")
        return seconds


def pullers(node: Node, folder: Path, elasticdump: str | None) -> dict[str, Puller]:
    """The commands to measure."""
    lake, dump = folder / "lake", folder / "dump.ndjson"
    press = [*LOGPRESS, "press", "sdk_log", "--day", DAY, "--quiet", "--lake", str(lake)]
    found = {OURS: Puller([*press, "--input", f"{node.uri}/{INDEX}"], lambda _: published_records(lake, DAY))}
    for page in (1_000, 5_000):
        found[f"opensearch-py helpers.scan, {page:,} a page"] = Puller(
            [sys.executable, "-c", SCAN, node.http, INDEX, str(page)], int
        )
    if elasticdump:
        found["elasticdump, 5,000 a page"] = Puller(
            [elasticdump, f"--input={node.http}/{INDEX}", f"--output={dump}", "--type=data", "--limit=5000",
             "--overwrite", "--quiet"],
            lambda _: lines(dump),
        )  # fmt: skip
    return found


def lines(path: Path) -> int:
    """Lines of a file."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def fastest_peer_ratios(seconds: dict[str, list[float]]) -> list[float]:
    """Time of the fastest other tool relative to logpress, for each run."""
    others = [took for what, took in seconds.items() if what != OURS]
    return [min(peers) / ours for ours, *peers in zip(seconds[OURS], *others, strict=True)]


def main(
    records: Annotated[int, typer.Option(help="How many records.")] = 200_000,
    runs: Annotated[int, typer.Option(min=1, help="Counted runs of each, after one that is not counted.")] = 3,
    port: Annotated[int, typer.Option(help="Port of a server on 127.0.0.1 that has the index already.")] = 0,
    elasticdump: Annotated[str, typer.Option(help="The elasticdump program.")] = shutil.which("elasticdump") or "",
    without_elasticdump: Annotated[bool, typer.Option("--without-elasticdump", help="Leave that peer out.")] = False,
) -> None:
    """Read the same index with each command in turn, and print medians."""
    if not elasticdump and not without_elasticdump:
        sys.exit(
            "elasticdump is not installed: npm install --global elasticdump, or name it with --elasticdump; "
            "--without-elasticdump measures without it"
        )
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
                for what, puller in pullers(node, folder, "" if without_elasticdump else elasticdump).items():
                    took = puller.run(records)
                    if run:
                        seconds.setdefault(what, []).append(took)
        finally:
            node.remove()
    table = Table(title=f"{records:,} documents, 5 shards, medians of {runs}", box=None)
    for heading in ("", "seconds", "documents a second"):
        table.add_column(heading, justify="left" if not heading else "right")
    for what, each in seconds.items():
        middle = statistics.median(each)
        table.add_row(what, f"{middle:.2f}", f"{records / middle:,.0f}")
    console = Console(width=100)
    console.print(table)
    ratios = fastest_peer_ratios(seconds)
    console.print(
        f"the fastest peer took {statistics.median(ratios):.2f} times as long as logpress, run by run, in the median "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    typer.run(main)
