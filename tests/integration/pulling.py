"""Shared by tests of pulling: a contract with small pages, a whole day pulled and restored."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from tests.integration.nodes import Node
from tests.integration.proxy import answer

from logpress.contract import Contract, load_contract
from logpress.day import one_machine as whole_day
from logpress.day import published

DAY = date(2021, 12, 26)
INDEX = f"pulled-log-{DAY}"
FORBIDDEN = answer(403, b'{"error":{"type":"security_exception","reason":"no permissions for [indices:admin/x]"}}')


PLAIN = {"func_name": "Backend.Odd", "timestamp": "2021-12-26T09:30:00Z"}
ODD = {
    "pretty": json.dumps({**PLAIN, "nested": {"list": [1, {}, []]}}, indent=2).encode(),
    "tabs": b'{\t"func_name" :\r\n"Backend.Tabs" , "timestamp":"2021-12-26T10:00:00Z" }',
    "escapes": rb'{"func_name":"Backend.\u00c9\/\ud83d\ude00\\\"","n":1e3,"m":-0.0,"timestamp":"2021-12-26T10:00:00Z"}',
    "like-an-envelope": rb'{"func_name":"\"hits\":[{","a":"}]}}","timestamp":"2021-12-26T10:00:00Z","hits":[]}',
    "no-time": b'{"func_name":"Backend.NoTime"}',
    "bad-time": b'{"func_name":"Backend.BadTime","timestamp":"yesterday"}',
    "two-times": b'{"func_name":"Backend.TwoTimes","timestamp":["2021-12-26T09:00:00Z","2021-12-26T10:00:00Z"]}',
    "empty": b"{}",
    "korean": '{"func_name":"게임","timestamp":"2021-12-26T11:59:59.999Z"}'.encode(),
}
"""Documents that are pretty-printed, oddly escaped, or of no one day."""


DOCUMENT = b'{"func_name":"Backend.Some","timestamp":"2021-12-26T10:00:00Z"}'


def make(node: Node, index: str, documents: int) -> None:
    """Make an index that makes nothing searchable by itself, with some equal documents that are."""
    settings = {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "-1"}
    mapping = {"dynamic": False, "properties": {"timestamp": {"type": "date"}}}
    node.ask("PUT", f"/{index}", {"settings": settings, "mappings": mapping})
    for number in range(documents):
        node.put(index, str(number), DOCUMENT)


def records_in(path: Path) -> Counter[bytes]:
    """The records of a restored day: odd ones hold line breaks, so they are cut by what JSON says."""
    text = path.read_bytes().decode()
    decoder, at, found = json.JSONDecoder(), 0, Counter[bytes]()
    while at < len(text):
        _, end = decoder.raw_decode(text, at)
        found[text[at:end].encode()] += 1
        assert text[end] == "\n"
        at = end + 1
    return found


def sdk_log(**source: object) -> Contract:
    """The contract with small pages: about 20 of each of the two shards."""
    found = load_contract("sdk_log")
    settings = {"index": "pulled-log-{day}", "page_bytes": 50_000, "restarts": 2, "timeout_seconds": 5, **source}
    return found.model_copy(update={"source": found.source.model_copy(update=settings)})


def run(contract: Contract, uri: str, folder: Path, threads: int | None = None) -> Counter[bytes]:
    """Press a day, and give it back."""
    lake = str(folder / "lake")
    whole_day.run_day(contract, DAY, [uri], lake, threads=threads, grace=timedelta(0))
    published.restore_to_file(contract, DAY, lake, folder / "day")
    return Counter((folder / "day").read_bytes().split(b"\n")[:-1])


def is_published(folder: Path) -> bool:
    return any((folder / "lake").glob("sdk_log/data/dt=*/*.parquet"))


def open_scrolls(node: Node) -> int:
    nodes = json.loads(node.ask("GET", "/_nodes/stats/indices/search"))["nodes"].values()
    return sum(entry["indices"]["search"]["open_contexts"] for entry in nodes)
