"""A published day of which one file is damaged: every way to read it ends in an error that names the file, or is right.

LOGPRESS_DAMAGES says how many flips and cuts are tried; LOGPRESS_SEED, the seed.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import DAY
from tests.parquet_files import read_struct

from logpress.contract import Contract, load_contract
from logpress.day import stages
from logpress.day.published import restore_day, verify_published
from logpress.errors import LogpressError
from logpress.lake import Lake
from logpress.manifest import SliceSpec
from logpress.reading import open_lake

FROZEN = Path(__file__).parents[2] / "frozen"
DAMAGES = int(os.environ.get("LOGPRESS_DAMAGES") or 300)
SEED = int(os.environ.get("LOGPRESS_SEED", "0"))
KEPT = os.environ.get("LOGPRESS_CORPUS", "")
"""Folder for damaged files that no check detects, in a campaign."""
RUN = "run"

Damage = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Published:
    """A day of two slices, with every codec, and rejects.

    Attributes:
        contract: the table.
        uri: the lake.
        files: parts, rejects files and the manifest, by kind.
        restored: what restoring gives.
        table: what a scan gives.
    """

    contract: Contract
    uri: str
    files: dict[str, list[Path]]
    restored: bytes
    table: pa.Table


def restore(contract: Contract, uri: str) -> bytes:
    output = io.BytesIO()
    restore_day(contract, DAY, uri, output, threads=1)
    return output.getvalue()


def scan(contract: Contract, uri: str) -> pa.Table:
    return open_lake(uri).table(contract.table).scan(DAY, threads=1).to_arrow()


def publish(folder: Path) -> Published:
    contract, uri = load_contract(FROZEN / "every.yaml"), str(folder / "lake")
    files = contract.files.model_copy(update={"readers": ("pyarrow",)})  # fastparquet does not know all encodings of it
    contract = contract.model_copy(update={"files": files})
    lines = (FROZEN / "4" / "every.ndjson").read_bytes().splitlines()
    manifests = []
    for number in range(2):
        raw = folder / f"raw-{number}.ndjson"
        raw.write_bytes(b"\n".join([*lines[number::2], b"no record", b'{"cut":']) + b"\n")
        spec = SliceSpec(name=f"slice{number}", inputs=(str(raw),))
        manifests.append(stages.press(contract, DAY, spec, uri, RUN, threads=1))
    manifests = stages.prove(contract, DAY, manifests, uri, RUN, threads=1)
    stages.publish(contract, DAY, manifests, uri, RUN)
    lake = Lake.open(uri)
    parts, rejects = lake.files(lake.need_day(contract.table, DAY))
    kinds = {
        "part": [Path(path) for path in parts],
        "rejects": [Path(path) for path in rejects],
        "manifest": [Path(lake.manifest_path(contract.table, DAY))],
    }
    assert [len(some) for some in kinds.values()] == [2, 2, 1]
    return Published(contract, uri, kinds, restore(contract, uri), scan(contract, uri))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish(tmp_path_factory.mktemp("damage"))


# ------------------------------------------------------------------------------------------------------------- damages


def spans(path: Path) -> dict[str, list[tuple[int, int]]]:
    """Spans of a Parquet file's page headers, page bodies, and footer."""
    data = path.read_bytes()
    footer_at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    found: dict[str, list[tuple[int, int]]] = {"headers": [], "bodies": [], "footer": [(footer_at, len(data))]}
    at = 4
    while at < footer_at:
        header, body = read_struct(data, at)
        found["headers"].append((at, body))
        at = body + header[3]
        found["bodies"].append((body, at))
    assert at == footer_at
    return found


def flipped(random_: random.Random, data: bytes, some: list[tuple[int, int]]) -> bytes:
    """With one to three bits flipped in one of these spans."""
    begin, end = random_.choice([span for span in some if span[0] < span[1]])
    changed = bytearray(data)
    for place in random_.sample(range(8 * begin, 8 * end), random_.choice([1, 1, 2, 3])):
        changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def cut(random_: random.Random, data: bytes) -> bytes:
    """With its end, a middle piece or all of it gone, a piece doubled, or bytes behind it."""
    begin, end = sorted(random_.sample(range(len(data)), 2))
    return random_.choice(
        [data[:begin], data[:begin] + data[end:], data[:end] + data[begin:], data + data[begin:end], b"",
         data[:begin] + bytes(end - begin) + data[end:]]
    )  # fmt: skip


def damaged(published: Published, kind: str, count: int) -> Iterator[tuple[Path, bytes]]:
    """So many damaged files."""
    what, _, where = kind.partition(" ")
    chance = random.Random(f"{SEED} {kind}")
    for _ in range(count):
        path = chance.choice(published.files[what])
        data = path.read_bytes()
        if where == "cut":
            yield path, cut(chance, data)
        else:
            yield path, flipped(chance, data, spans(path)[where] if where else [(0, len(data))])


# --------------------------------------------------------------------------------------------------------------- reads


def faults(published: Published, path: Path, data: bytes) -> list[str]:
    """The faults in how a file with other bytes is treated."""
    sound = path.read_bytes()
    ways: list[tuple[str, Callable[[], Any], Any]] = [
        ("restore", lambda: restore(published.contract, published.uri), published.restored),
        ("scan", lambda: scan(published.contract, published.uri), published.table),
        ("verify", lambda: verify_published(published.contract, DAY, published.uri, threads=1), None),
    ]
    found = []
    path.write_bytes(data)
    try:
        for name, way, expected in ways:
            try:
                given = way()
            except LogpressError as error:
                if path.name not in str(error) or "\n" in str(error):
                    found.append(f"{name}: does not name the file, or not in one line: {error!r}")
            except BaseException as error:
                found.append(f"{name}: {type(error).__name__}: {error}")
            else:
                if data != sound and not (expected is not None and given == expected):
                    found.append(f"{name}: gives something else, or says nothing")
    finally:
        path.write_bytes(sound)
    return found


KINDS = [
    "part headers", "part bodies", "part footer", "part cut", "rejects", "rejects cut",
    "manifest", "manifest cut",
]  # fmt: skip


def test_the_sound_day_is_read(published: Published) -> None:
    assert published.table.num_rows == sum(pq.read_metadata(path).num_rows for path in published.files["part"])
    assert published.restored.count(b"\n") == published.table.num_rows + 4
    for path in (path for some in published.files.values() for path in some):
        assert faults(published, path, path.read_bytes()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told_or_has_no_effect(published: Published, kind: str) -> None:
    wrong = []
    for number, (path, data) in enumerate(damaged(published, kind, -(-DAMAGES // len(KINDS)))):
        found = faults(published, path, data)
        wrong += [f"{number}: {fault}" for fault in found]
        if found and KEPT:
            Path(KEPT, f"{number}-{path.name}").write_bytes(data)
    assert not wrong, "\n".join(wrong[:20])
