"""Records come back in one order over all row groups, whether their rows fit into memory or go through files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from tests.conftest import DAY

from logpress.contract.model import Contract
from logpress.engine.part import part_reader
from logpress.engine.press import press_slice
from logpress.engine.registers import row_major as packed
from logpress.engine.restore import buckets as ordering
from logpress.engine.restore import digest_parts
from logpress.engine.restore import in_order as restoring
from logpress.engine.restore.deal import Packer
from logpress.engine.restore.kernels_buckets import choose_buckets
from logpress.engine.restore.wanted import WantedGroup
from logpress.errors import PartError
from logpress.hashing import digest as digests
from logpress.limits import Limits
from logpress.manifest import SliceSpec
from logpress.sample import write_sample

RECORDS = 9_000


def press_parts(contracts: Sequence[Contract], raw: Path, folder: Path) -> list[str]:
    """The objects of each hour as one part, each with its own contract; row groups of a thousand rows."""
    parts = []
    for number, (contract, hour) in enumerate(zip(contracts, sorted(raw.rglob("[0-9][0-9]/*.ndjson")), strict=False)):
        small = contract.model_copy(update={"files": contract.files.model_copy(update={"row_group_rows": 1_000})})
        out = folder / f"{number}"
        manifest = press_slice(small, DAY, SliceSpec(name=f"s{number}", inputs=(str(hour),)), str(out))
        assert manifest.part is not None
        parts.append(str(out / manifest.part.path))
    return parts


def restored(parts: Sequence[str], **options: Any) -> bytes:
    chunks: list[bytes] = []
    count = restoring.restore(parts, [], lambda chunk: chunks.append(bytes(chunk)), **options)
    data = b"".join(chunks)
    assert data.count(b"\n") == count
    return data


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("restore") / "raw"
    write_sample(folder, DAY, RECORDS, hours=(10, 12), compression="none")
    return folder


@pytest.fixture(scope="module")
def parts(sdk_log: Contract, raw: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return press_parts([sdk_log] * 100, raw, tmp_path_factory.mktemp("parts"))


def test_records_of_many_parts_come_back_in_the_order_of_their_ids(parts: list[str]) -> None:
    ids = [json.loads(line)["_id"] for line in restored(parts).splitlines()]
    assert len(parts) > 1
    assert len(ids) > 0.99 * RECORDS
    assert ids == sorted(ids)


@pytest.mark.parametrize("memory", [0, 200_000, 1 << 30])
@pytest.mark.parametrize("threads", [1, 3])
def test_buckets_change_nothing(
    parts: list[str], memory: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = restored(parts)
    made: list[int] = []
    add = ordering.Buckets.add

    def watched(buckets: ordering.Buckets, bucket: int, run: ordering.Run) -> None:
        made.append(bucket)
        add(buckets, bucket, run)

    monkeypatch.setattr(ordering.Buckets, "add", watched)
    limits = Limits(bucket_bytes=100_000, kept_bytes=memory)
    assert restored(parts, threads=threads, spill_folder=str(tmp_path), limits=limits) == expected
    assert len(set(made)) > 4
    assert list(tmp_path.iterdir()) == []


def test_buckets_of_one_row_group_and_of_several_come_in_turn(
    parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = restored(parts[:2])
    runs: list[int] = []
    rows = ordering.Buckets.rows

    def watched(buckets: ordering.Buckets, bucket: int) -> packed.Packed | None:
        runs.append(len(buckets._runs[bucket]))
        return rows(buckets, bucket)

    monkeypatch.setattr(ordering.Buckets, "rows", watched)
    limits = Limits(bucket_bytes=700, kept_bytes=0)
    assert restored(parts[:2], spill_folder=str(tmp_path), limits=limits) == expected
    assert {1, 2} <= set(runs)


def test_memory_does_not_grow_with_the_number_of_buckets(
    parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: list[int] = []
    give_back = packed.Space.give_back

    def watched(space: packed.Space, wide: NDArray[np.int64], narrow: NDArray[np.int32]) -> None:
        give_back(space, wide, narrow)
        free.append(len(space._free))

    monkeypatch.setattr(packed.Space, "give_back", watched)
    restored(parts[:1], spill_folder=str(tmp_path), limits=Limits(bucket_bytes=700, kept_bytes=0))
    assert len(free) > 100
    assert max(free) <= 2


@pytest.mark.parametrize("kept", [0, 1 << 30])
@pytest.mark.parametrize("threads", [0, 2])
def test_buckets_that_come_out_too_large_are_dealt_again(
    parts: list[str], threads: int, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the wanted keys differ from those of their row groups."""
    expected = restored(parts)
    sizes: list[int] = []
    rows = ordering.Buckets.rows

    def watched(buckets: ordering.Buckets, bucket: int) -> packed.Packed | None:
        found = rows(buckets, bucket)
        sizes.append(0 if found is None else found.wide.nbytes + found.narrow.nbytes)
        return found

    def all_alike(reader: part_reader.PartReader, group: int, words: int) -> NDArray[np.int64]:
        return np.zeros((words + 1, 1), dtype=np.int64)

    monkeypatch.setattr(ordering.Buckets, "rows", watched)
    monkeypatch.setattr(part_reader.PartReader, "sample", all_alike)
    limits = Limits(bucket_bytes=40_000, kept_bytes=kept)
    assert restored(parts, threads=threads, spill_folder=str(tmp_path), limits=limits) == expected
    assert list(tmp_path.iterdir()) == []
    assert max(sizes) < 160_000


def test_rows_are_dealt_again_until_one_of_them_is_left(
    parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = restored(parts[:1])
    rows = ordering.Buckets.rows
    monkeypatch.setattr(ordering.Buckets, "rows", lambda self, bucket: (single(self, bucket), rows(self, bucket))[1])
    again = ordering.Buckets.dealt_again
    monkeypatch.setattr(ordering.Buckets, "dealt_again", lambda self, bucket, size: again(self, bucket, 1))

    def single(buckets: ordering.Buckets, bucket: int) -> None:
        assert sum(run.rows for run in buckets._runs[bucket]) <= 1

    assert restored(parts[:1], spill_folder=str(tmp_path), limits=Limits(bucket_bytes=1 << 20)) == expected


@pytest.mark.parametrize("bucket_bytes", [1 << 30, 20_000])
def test_records_of_one_key_come_back_as_they_stood(sdk_log: Contract, bucket_bytes: int, tmp_path: Path) -> None:
    """So that restoring twice gives the same bytes, however threads take turns."""
    for number in range(4):
        folder = tmp_path / "raw" / "10"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.ndjson").write_bytes(b"".join(b'{"n":"%d-%d"}\n' % (number, k) for k in range(3_000)))
    source = tmp_path / "raw" / "10"
    small = sdk_log.model_copy(update={"files": sdk_log.files.model_copy(update={"row_group_rows": 1_000})})
    inputs = tuple(str(path) for path in sorted(source.iterdir()))
    spec = SliceSpec(name="s", inputs=inputs, named_after=dict.fromkeys(inputs, DAY))
    manifest = press_slice(small, DAY, spec, str(tmp_path / "out"))
    assert manifest.part is not None
    limits = Limits(bucket_bytes=bucket_bytes)
    expected = b"".join(Path(path).read_bytes() for path in inputs)
    for _ in range(3):
        assert restored([str(tmp_path / "out" / manifest.part.path)], threads=3, limits=limits) == expected


def test_what_was_spilled_and_then_cut_is_an_error(
    parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ordering.Buckets.rows

    def cut(buckets: ordering.Buckets, bucket: int) -> packed.Packed | None:
        if any(run.pieces is None for run in buckets._runs[bucket]):
            path = buckets._path(bucket)
            path.write_bytes(path.read_bytes()[:100])
        return rows(buckets, bucket)

    monkeypatch.setattr(ordering.Buckets, "rows", cut)
    with pytest.raises(OSError, match="ends within what was written"):
        restored(parts, spill_folder=str(tmp_path), limits=Limits(kept_bytes=0))


def test_long_records_fill_more_than_a_buffer(sdk_log: Contract, tmp_path: Path) -> None:
    model = {"_id": "49623735927354776182646864847313121695850829503304564770.0", "pad": ""}
    records = [json.dumps(model | {"pad": letter * 900_000}).encode() for letter in "abcdefgh"]
    source = tmp_path / "raw.ndjson"
    source.write_bytes(b"\n".join(records))
    spec = SliceSpec(name="s", inputs=(str(source),), named_after={str(source): DAY})
    manifest = press_slice(sdk_log, DAY, spec, str(tmp_path / "out"))
    assert manifest.part is not None
    assert sorted(restored([str(tmp_path / "out" / manifest.part.path)]).splitlines()) == sorted(records)


def test_parts_of_another_version_of_the_contract_come_back_in_the_same_order(
    parts: list[str], sdk_log: Contract, raw: Path, tmp_path: Path
) -> None:
    other = sdk_log.model_copy(update={"description": "as it was before"})
    mixed = press_parts([sdk_log, other] * 50, raw, tmp_path)
    assert restored(mixed) == restored(parts)


def test_what_a_stopped_restore_spilled_is_removed(parts: list[str], tmp_path: Path) -> None:
    limits = Limits(bucket_bytes=100_000, kept_bytes=0)

    def full(chunk: object) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        restoring.restore(parts, [], full, spill_folder=str(tmp_path), limits=limits)
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_is_how_many_splitters_a_key_has_reached() -> None:
    random = np.random.default_rng(5)
    keys = random.integers(-2, 3, (3, 500))
    splitters = np.array(sorted(map(tuple, random.integers(-2, 3, (7, 3)).tolist()))).T.copy()
    buckets = np.empty(500, dtype=np.int32)
    choose_buckets(keys, splitters, buckets)
    expected = [sum(tuple(splitter) <= tuple(key) for splitter in splitters.T) for key in keys.T]
    assert buckets.tolist() == expected


@pytest.mark.parametrize("threads", [0, 3])
@pytest.mark.parametrize("shares", [1, 2, 7])
def test_shares_of_row_groups_add_up(parts: list[str], shares: int, threads: int) -> None:
    found = [digest_parts.digest_files(parts, [], threads=threads, share=(k, shares)) for k in range(shares)]
    records, size, digest = digest_parts.digest_files(parts, [], threads=0)
    assert (sum(one[0] for one in found), sum(one[1] for one in found)) == (records, size)
    assert digests.combine([one[2] for one in found]) == digest


def test_a_part_that_another_writer_has_rewritten_is_refused(parts: list[str], tmp_path: Path) -> None:
    """It may hold the same values, but nothing tells: what it says of itself is said of other bytes."""
    file = pq.ParquetFile(parts[0])
    again = tmp_path / "again.parquet"
    with pq.ParquetWriter(again, file.schema_arrow, store_schema=False) as writer:
        for group in range(file.num_row_groups):
            writer.write_table(file.read_row_group(group))
        texts = file.metadata.metadata
        writer.add_key_value_metadata({name.decode(): text.decode() for name, text in texts.items()})
    with pytest.raises(PartError, match=r"again\.parquet: is damaged: its footer "):
        restored([str(again)])


def test_an_error_of_one_row_group_is_told_when_others_are_being_dealt_out(
    parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not one of removing what these are writing."""
    limits = Limits(bucket_bytes=20_000, kept_bytes=0)
    sound = Packer.deal

    def broken(packer: Packer, group: WantedGroup, number: int, buckets: ordering.Buckets) -> None:
        if number == 3:
            raise PartError("damaged")
        sound(packer, group, number, buckets)

    monkeypatch.setattr(Packer, "deal", broken)
    for _ in range(10):
        with pytest.raises(PartError, match="damaged"):
            restored(parts, threads=3, spill_folder=str(tmp_path), limits=limits)
        assert list(tmp_path.iterdir()) == []
