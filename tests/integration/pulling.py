"""What tests of pulling share: a contract with small pages, a whole day pulled and given back."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from tests.integration.nodes import Node

from logpress import published, whole_day
from logpress.contract import Contract, load_contract

DAY = date(2021, 12, 26)
INDEX = f"sdk-log-{DAY}"


def sdk_log(**source: object) -> Contract:
    """The contract with small pages: about 20 of each of the two shards."""
    found = load_contract("sdk_log")
    settings = {"page_bytes": 50_000, "restarts": 2, "timeout_seconds": 5, **source}
    return found.model_copy(update={"source": found.source.model_copy(update=settings)})


def run(contract: Contract, uri: str, folder: Path) -> Counter[bytes]:
    lake = str(folder / "lake")
    whole_day.run_day(contract, DAY, [uri], lake, grace=timedelta(0))
    published.restore_to_file(contract, DAY, lake, folder / "day")
    return Counter((folder / "day").read_bytes().split(b"\n")[:-1])


def is_published(folder: Path) -> bool:
    return any((folder / "lake").glob("sdk_log/dt=*/*.parquet"))


def open_scrolls(node: Node) -> int:
    nodes = json.loads(node.ask("GET", "/_nodes/stats/indices/search"))["nodes"].values()
    return sum(entry["indices"]["search"]["open_contexts"] for entry in nodes)
