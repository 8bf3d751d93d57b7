"""Vocabularies: a code never stands for another text, whoever adds words, wherever the lake is, whatever is erased."""

from __future__ import annotations

import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.lake_bytes import holding
from tests.unit.reading.test_reading import DAYS, press, sdk_log_row

from logpress import open_lake
from logpress.contract import Contract
from logpress.day import erasing
from logpress.errors import LakeError, UsageError
from logpress.lake import Lake, vocabularies
from logpress.lake.check import check_lake
from logpress.lake.copying import copy_lake
from logpress.lake.vocabularies import Grown, Version, Words
from logpress.reading import TableReader

NAME = "지워질 사람"
FUNCTIONS = {
    DAYS[0]: ["Login"] * 5 + ["Data.Get"] * 3,
    DAYS[1]: ["Chat.Send"] * 4 + ["Login", "Data.Get", "Gacha/Draw"],
}


def publish(contract: Contract, home: Path, day: date, functions: list[str], name: str | None = None) -> TableReader:
    """A day with a record for each of these functions; the first is of a player of this name."""
    rng, records = random.Random(1), []
    for number, function in enumerate(functions):
        document = json.loads(sdk_log_row(rng, day, number)[0])
        document["_source"] |= {"func_name": function, "nickName": name if number == 0 and name else "other"}
        records.append(json.dumps(document).encode())
    press(contract, home / "lake", home, day, records, parts=1)
    return open_lake(home / "lake").table("sdk_log")


@pytest.fixture
def table(sdk_log: Contract, tmp_path: Path) -> TableReader:
    for day, functions in FUNCTIONS.items():
        found = publish(sdk_log, tmp_path, day, functions)
    return found


def test_words_are_numbered_by_day_and_count(table: TableReader) -> None:
    words = table.vocabulary("func_name")
    assert words.words == ("Login", "Data.Get", "Chat.Send", "Gacha/Draw")
    assert words.counts.tolist() == [5, 3, 4, 1]  # on the best day
    assert (len(words), words.size) == (6, 6)
    texts = ["Chat.Send", None, "Login", "nothing", "Gacha/Draw"]
    for values in (texts, pd.Series(texts), pl.Series(texts), pa.array(texts), pa.array(texts).dictionary_encode()):
        codes = words.encode(values)
        assert codes.dtype == np.int32
        assert codes.tolist() == [4, 0, 2, 1, 5]
    assert words.encode(pa.chunked_array([texts[:2], texts[2:]])).tolist() == [4, 0, 2, 1, 5]
    assert words.encode([]).tolist() == []
    assert words.decode([4, 0, 2, 1, 5, 99, -1]).to_pylist() == [
        "Chat.Send",
        None,
        "Login",
        None,
        "Gacha/Draw",
        None,
        None,
    ]


def test_days_add_words_and_change_none(table: TableReader, sdk_log: Contract, tmp_path: Path) -> None:
    first = table.vocabulary("func_name", DAYS[0])
    assert first.words == ("Login", "Data.Get")
    assert table.vocabulary("func_name", DAYS[0]).version == first.version
    second = table.vocabulary("func_name")
    assert second.words[:2] == first.words
    assert second.version != first.version
    assert second.has_been(first.version)
    assert not first.has_been(second.version)
    assert second.has_been(second.version[:8])
    # published again, with a word more and a word less
    again = publish(sdk_log, tmp_path, DAYS[0], ["Data.Get"] * 9 + ["New"]).vocabulary("func_name")
    assert again.words == (*second.words, "New")
    assert again.counts.tolist() == [5, 9, 4, 1, 1]
    files = sorted((tmp_path / "lake" / "sdk_log" / "vocabularies" / "func_name").iterdir())
    assert [path.name for path in files] == ["000000001.json", "000000002.json", "000000003.json"]
    assert [path.stat().st_size > 0 for path in files] == [False, True, True]  # the one before is still being read


def test_nothing_is_read_again_or_written_without_need(table: TableReader, tmp_path: Path, monkeypatch) -> None:
    table.vocabulary("func_name")
    monkeypatch.setattr("logpress.reading.vocabulary.word_counts", None)
    monkeypatch.setattr("logpress.lake.vocabularies.publish", None)
    assert table.vocabulary("func_name").size == 6
    assert table.scan(*DAYS, columns=["func_name"]).to_numpy_batches(codes=["func_name"]).steps == 0


def test_rare_words_have_the_code_of_unknown_ones(table: TableReader) -> None:
    words = table.vocabulary("func_name", min_count=4)
    assert words.encode(["Login", "Data.Get", "Chat.Send", "Gacha/Draw", None]).tolist() == [2, 1, 4, 1, 0]
    assert len(words) == 5
    assert words.version != table.vocabulary("func_name").version
    with pytest.raises(UsageError, match="min_count is 0"):
        table.vocabulary("func_name", min_count=0)
    with pytest.raises(UsageError, match="only texts have a vocabulary"):
        table.vocabulary("response_elapsed_ms")
    with pytest.raises(UsageError, match="did you mean 'func_name'"):
        table.vocabulary("func_names")


def test_many_that_add_words_at_once_agree(table: TableReader) -> None:
    def ask(number: int) -> tuple[tuple[str | None, ...], str]:
        words = open_lake(table._lake.uri).table("sdk_log").vocabulary("func_name", DAYS[number % 2])
        return words.words, words.version

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(16)))
    final = table.vocabulary("func_name")
    assert sorted(word or "" for word in final.words) == ["Chat.Send", "Data.Get", "Gacha/Draw", "Login"]
    for words, version in found:
        assert final.words[: len(words)] == words
        assert final.has_been(version)


@pytest.mark.parametrize("place", ["disk", "disk without links", "memory"])
def test_one_of_two_publications_wins(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "disk without links":
        monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError(1, "no")))
    lake = Lake(f"memory://{tmp_path.name}" if place == "memory" else str(tmp_path / "lake"))
    found = vocabularies.read(lake, "t", "c")
    assert found == Version(0, Words(column="c"))
    one, other = (found.words.with_more([word], (1,), {}) for word in "ab")
    assert vocabularies.publish(lake, "t", found, one)
    assert not vocabularies.publish(lake, "t", found, other)
    assert not lake.storage.create(f"{lake.vocabulary_folder('t', 'c')}/000000001.json", b"x")
    assert vocabularies.read(lake, "t", "c") == Version(1, one)
    for number in range(1, 4):  # who is late finds that its number is taken, though the file is empty now
        version = vocabularies.read(lake, "t", "c")
        assert vocabularies.publish(lake, "t", version, version.words.with_more([f"{number}"], (1,) * (number + 1), {}))
    assert not lake.storage.create(f"{lake.vocabulary_folder('t', 'c')}/000000002.json", b"x")
    assert not vocabularies.publish(lake, "t", found, other)
    assert vocabularies.read(lake, "t", "c").words.words == ("a", "1", "2", "3")
    assert vocabularies.columns(lake, "t") == ["c"]
    if place == "memory":
        fsspec.filesystem("memory").rm(f"/{tmp_path.name}", recursive=True)


def test_a_copy_has_the_same_codes(table: TableReader, tmp_path: Path) -> None:
    words = table.vocabulary("func_name", DAYS[0])
    lake, target = table._lake, str(tmp_path / "copy")
    assert len(list(copy_lake(lake, target))) == 2
    assert open_lake(target).table("sdk_log").vocabulary("func_name", DAYS[0]).version == words.version
    later = table.vocabulary("func_name")
    list(copy_lake(lake, target))
    assert open_lake(target).table("sdk_log").vocabulary("func_name").version == later.version
    # a copy that added words of its own would give other codes
    copy = Lake.open(target)
    shutil.rmtree(copy.vocabularies_root("sdk_log"))
    open_lake(target).table("sdk_log").vocabulary("func_name")
    with pytest.raises(LakeError, match=r"has words that the lake .* does not have, so codes would change"):
        list(copy_lake(lake, target))


@pytest.mark.parametrize(
    "damage",
    [
        {"counts": [1]},
        {"words": ["Login", "Login", "Chat.Send", "Gacha/Draw"]},
        {"column": "nickname"},
        {"grown": []},
        {"grown": [{"size": 3, "id": "x"}]},
        {"format": 2},
        {"words": 7},
    ],
)
def test_a_damaged_vocabulary_is_told(table: TableReader, damage: dict[str, object]) -> None:
    table.vocabulary("func_name")
    assert list(check_lake(table._lake, ["sdk_log"])) == []
    (path,) = Path(table._lake.vocabulary_folder("sdk_log", "func_name")).iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    with pytest.raises(LakeError, match="is damaged, or of a newer logpress"):
        table.vocabulary("func_name")
    (finding,) = check_lake(table._lake, ["sdk_log"])
    assert "is damaged, or of a newer logpress" in finding.text


def test_erasing_takes_words_out_and_keeps_their_codes(sdk_log: Contract, tmp_path: Path) -> None:
    table = publish(sdk_log, tmp_path, DAYS[0], ["Login"] * 4, NAME)
    before = table.vocabulary("nickname")
    assert before.words == ("other", NAME)
    publish(sdk_log, tmp_path, DAYS[1], ["Login"] * 4)
    table.vocabulary("nickname")  # so that there is an earlier file
    erasing.erase(sdk_log, str(tmp_path / "lake"), [f'nickname = "{NAME}"'], at_once=True)
    shutil.rmtree(tmp_path / "raw-sdk_log")
    assert holding(tmp_path / "lake", [NAME]) == []
    after = table.vocabulary("nickname")
    assert after.words == ("other", None)
    assert after.encode([NAME, "other"]).tolist() == [1, 2]
    assert after.decode([3]).to_pylist() == [None]
    assert after.version == before.version
    again = publish(sdk_log, tmp_path, DAYS[1], ["Login"] * 2, NAME).vocabulary("nickname")
    assert again.words == ("other", None, NAME)  # the old code stays reserved


def test_a_words_file_says_what_it_holds() -> None:
    words = Words(column="c").with_more(["a"], (3,), {DAYS[0]: "x"}).with_more([], (4,), {DAYS[1]: "y"})
    assert (words.words, words.counts, words.days) == (("a",), (4,), {DAYS[0]: "x", DAYS[1]: "y"})
    assert words.grown == (Grown(size=1, id=words.grown[0].id),)
