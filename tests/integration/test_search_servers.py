"""A day pulled from real servers: every hit byte for byte as a plain search gives it, and put back again."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.integration.nodes import Node, sample_documents
from tests.integration.pulling import ODD, records_in

from logpress.comparing import Named, compare_day
from logpress.contract import Contract, load_contract
from logpress.day import one_machine as whole_day
from logpress.day import published, stages
from logpress.day.proving import heal_all
from logpress.day.stages import plan
from logpress.engine.part.decode import GroupDecoder
from logpress.errors import MismatchError, ProofError
from logpress.lake import Lake
from logpress.manifest import DayManifest
from logpress.progress import Summed

pytestmark = pytest.mark.long

DAY = date(2021, 12, 26)
INDEX = f"sdk-log-{DAY}"
RECORDS = 200_000 if os.environ.get("LOGPRESS_FULL") == "1" else 20_000
SHARDS = 5

LATER = b'{"func_name":"Backend.NextDay","timestamp":"2021-12-27T00:00:00Z"}'


@pytest.fixture(scope="session")
def loaded(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A server with a day."""
    node.load(INDEX, sample_documents(tmp_path_factory.mktemp("sample"), RECORDS), SHARDS)
    for name, source in {**ODD, "later": LATER}.items():
        node.put(INDEX, name, source)
    return node


def sdk_log(**source: object) -> Contract:
    found = load_contract("sdk_log")
    return found.model_copy(update={"source": found.source.model_copy(update=source)})


def press(contract: Contract, uri: str, folder: Path) -> tuple[DayManifest, Counter[bytes]]:
    """Press a day, and give it back."""
    lake = str(folder / "lake")
    whole_day.run_day(contract, DAY, [uri], lake, grace=timedelta(0))
    published.restore_to_file(contract, DAY, lake, folder / "day")
    return Lake.open(lake).need_day(contract.table, DAY), records_in(folder / "day")


def open_scrolls(node: Node) -> int:
    nodes = json.loads(node.ask("GET", "/_nodes/stats/indices/search"))["nodes"].values()
    return sum(entry["indices"]["search"]["open_contexts"] for entry in nodes)


def test_every_hit_comes_back_as_a_plain_search_gives_it(loaded, tmp_path):
    plain = Counter(loaded.hits(INDEX))
    later = Counter({hit: 1 for hit in plain if b"Backend.NextDay" in hit})
    before = open_scrolls(loaded)
    manifest, restored = press(sdk_log(page_bytes=300_000), loaded.uri, tmp_path)
    assert restored == plain - later
    assert later.total() == 1
    assert sum(entry.other_day for entry in manifest.slices) == 1
    assert sum(entry.records for entry in manifest.slices) == plain.total()
    assert {entry.source_records for entry in manifest.slices} == {plain.total()}
    assert open_scrolls(loaded) == before
    assert not any(b'"sort"' in hit for hit in restored)
    has_types = {b'"_type":"_doc"' in hit for hit in restored}
    assert has_types == {loaded.kind.name == "elasticsearch-7"}


@pytest.mark.parametrize("most", [6_000, 1_000])
def test_slices_by_hour_and_shard_give_the_same(loaded, tmp_path, most):
    if RECORDS > 20_000:
        most *= 10
    loaded.ask("DELETE", f"/{INDEX}/_doc/two-times?refresh=true")  # no hour alone has it: see the next test
    try:
        contract = sdk_log(slice_documents=most, scrolls_at_a_time=3)
        specs = plan(contract, DAY, [loaded.uri])
        assert len(specs) > 3
        assert any(spec.name.startswith("index-rest") for spec in specs)
        manifest, restored = press(contract, loaded.uri, tmp_path)
        assert restored == Counter(hit for hit in loaded.hits(INDEX) if b"Backend.NextDay" not in hit)
        assert {entry.slice for entry in manifest.slices} == {spec.name for spec in specs}
    finally:
        loaded.put(INDEX, "two-times", ODD["two-times"])


def test_documents_of_two_hours_are_cut_by_shards_only(loaded):
    specs = plan(sdk_log(slice_documents=1_000), DAY, [loaded.uri])
    assert len(specs) == SHARDS
    assert not any("hours=" in uri for spec in specs for uri in spec.inputs)
    assert sum(sum(spec.expected) for spec in specs) == specs[0].source_records


def test_compressed_responses_hold_the_same(loaded, tmp_path):
    manifest, restored = press(sdk_log(compressed=True), loaded.uri, tmp_path)
    assert restored.total() == sum(entry.rows + entry.rejects for entry in manifest.slices)
    origins = [origin for entry in manifest.slices for origin in entry.origins]
    assert all(origin.compression == "gzip" and origin.stored_bytes < origin.raw_bytes / 2 for origin in origins)


def test_version_and_fields_where_the_contract_asks(loaded, tmp_path):
    contract = sdk_log(hit_version=True, hit_fields=("timestamp",))
    _, restored = press(contract, loaded.uri, tmp_path)
    assert all(b'"_version":' in hit for hit in restored)
    assert any(b'"fields":{"timestamp":["2021-12-26T' in hit for hit in restored)


def test_a_slice_that_does_not_come_back_is_pulled_again(loaded, tmp_path, monkeypatch):
    fill, null = GroupDecoder.fill, -(2**63)

    def wrong(self, regs, table, first):
        fill(self, regs, table, first)
        if {"response_status_code", "_layout"} <= regs.keys():
            regs["response_status_code"][(regs["_layout"] != null) & (regs["response_status_code"] == 400)] = 401

    contract, lake, before = sdk_log(page_bytes=300_000), str(tmp_path / "lake"), open_scrolls(loaded)
    specs = plan(contract, DAY, [loaded.uri])
    manifests = [stages.press(contract, DAY, spec, lake, "run") for spec in specs]
    monkeypatch.setattr(GroupDecoder, "fill", wrong)
    healed = stages.prove(contract, DAY, manifests, lake, "run", specs=specs)
    lost = sum(b'"response_status_code":400' in hit for hit in loaded.hits(INDEX))
    assert sum(entry.kept_whole for entry in healed) == lost > 0
    stages.prove_counts(contract, DAY, healed, Lake.open(lake), "run")
    loaded.put(INDEX, "meanwhile", ODD["korean"])  # what is pulled again has one document more
    failures = {manifest.slice: MismatchError("other records") for manifest in healed}
    summed = Summed(None)
    with pytest.raises(ProofError, match="plan the day again"):
        heal_all(contract, DAY, specs, healed, failures, Lake.open(lake), "run", threads=0, summed=summed)
    loaded.ask("DELETE", f"/{INDEX}/_doc/meanwhile?refresh=true")
    stages.publish(contract, DAY, healed, lake, "run")
    published.restore_to_file(contract, DAY, lake, tmp_path / "day")
    restored = records_in(tmp_path / "day")
    assert restored == Counter(hit for hit in loaded.hits(INDEX) if b"Backend.NextDay" not in hit)
    assert open_scrolls(loaded) == before


def test_an_alias_and_a_pattern_over_two_indices(loaded, tmp_path):
    loaded.ask("PUT", "/other-log", {"settings": {"number_of_replicas": 0, "number_of_shards": 2}})
    try:
        loaded.put("other-log", "pretty", ODD["korean"])  # an id that the other index has too
        actions = [{"add": {"index": name, "alias": "all-logs"}} for name in (INDEX, "other-log")]
        loaded.ask("POST", "/_aliases", {"actions": actions})
        _, by_alias = press(sdk_log(), f"{loaded.uri}/all-logs", tmp_path)
        (tmp_path / "more").mkdir()
        _, by_pattern = press(sdk_log(), f"{loaded.uri}/sdk-log-*,other-log", tmp_path / "more")
        assert by_alias == by_pattern
        assert sum(b'"_index":"other-log"' in hit for hit in by_alias) == 1
        assert not any(b"Backend.NextDay" in hit or b"Backend.NoTime" in hit for hit in by_alias)
    finally:
        loaded.ask("DELETE", "/other-log")


def test_a_day_put_back_into_an_empty_index_has_the_same_sources(loaded, tmp_path):
    contract = sdk_log()
    press(contract, loaded.uri, tmp_path)
    body = tmp_path / "day.bulk"
    rows = published.restore_to_file(contract, DAY, str(tmp_path / "lake"), body, bulk=True)
    lines = body.read_bytes().replace(f'"_index":"{INDEX}"'.encode(), b'"_index":"again"').split(b"\n")[:-1]
    assert len(lines) == 2 * rows
    loaded.ask("PUT", "/again", {"settings": {"number_of_replicas": 0}, "mappings": {"enabled": False}})
    try:
        for first in range(0, len(lines), 20_000):
            answer = json.loads(loaded.ask("POST", "/_bulk", b"\n".join([*lines[first : first + 20_000], b""])))
            assert not answer["errors"]
        loaded.ask("POST", "/again/_refresh")
        before, after = (
            {
                found[1]: found[2]
                for hit in loaded.hits(index)
                if (found := re.match(rb'.*?"_id":"([^"]+)".*?"_source":(.*)\}$', hit, re.DOTALL))
            }
            for index in (INDEX, "again")
        )
        before.pop(b"later")
        spaced = {name: source.replace(b"\r", b" ").replace(b"\n", b" ") for name, source in before.items()}
        assert after == spaced
        changed = {name for name, source in before.items() if source != spaced[name]}
        assert changed == {b"pretty", b"tabs"}
    finally:
        loaded.ask("DELETE", "/again")


def test_an_archive_of_bare_documents_is_compared_to_the_index(loaded, tmp_path):
    """The archive is made by plain Python of what a plain search gives."""
    sources = [said[1] for hit in loaded.hits(INDEX) if (said := re.match(rb'.*?"_source":(.*)\}$', hit, re.DOTALL))]
    archive = tmp_path / "2021" / "12" / "26" / "10"
    archive.mkdir(parents=True)
    is_plain = [b"\n" not in source and b"Backend.NextDay" not in source for source in sources]
    lines = [source for source, plain in zip(sources, is_plain, strict=True) if plain]
    (archive / "lines.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    (archive / "pretty").write_bytes(b"".join(s for s, plain in zip(sources, is_plain, strict=True) if not plain))
    contract = sdk_log(page_bytes=300_000)
    a, b = Named((str(tmp_path),)), Named((loaded.uri,))
    before = open_scrolls(loaded)
    found = compare_day(contract, DAY, a, b)
    assert found.is_same, found
    assert found.equal_bytes == found.b.hits == len(sources) - 1
    assert (found.a.hits, found.a.other_day, found.b.other_day) == (0, 1, 1)
    changed = lines[0].replace(b'":"', b'": "')
    (archive / "lines.gz").write_bytes(gzip.compress(b"\n".join([changed, *lines[2:], lines[5]])))
    found = compare_day(contract, DAY, a, b, output=tmp_path / "out")
    assert (found.equal_value, found.a.only, found.a.more_copies, found.b.only) == (1, 1, 1, 1)
    assert open_scrolls(loaded) == before
    (tmp_path / "out" / "only-b.ndjson").read_bytes().index(lines[1])
    assert (tmp_path / "out" / "spelling-a.ndjson").read_bytes() == changed + b"\n"
    (only_b,) = (d for d in found.differences if (d.side, d.kind) == ("b", "only"))
    assert only_b.origin.startswith(loaded.uri)
