"""Hashes on disk: what is written is read, in pieces that have all equal ones; places of faults are named."""

from __future__ import annotations

from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logpress.errors import UsageError
from logpress.records.hashes_on_disk import BINS, NamelessFile, cuts_of, sorted_pieces, write_sorted

LOCAL = fsspec.filesystem("file")
WORDS = st.integers(0, 3) | st.integers(0, BINS - 1).map(lambda first: first << 56) | st.integers(0, 2**64 - 1)
FILES = st.lists(st.lists(st.tuples(WORDS, WORDS), max_size=30), max_size=4)


@given(FILES, st.integers(1, 2), st.integers(1, 40))
@example([[], []], 2, 1)
@example([[(2**64 - 1, 0)], [(2**64 - 1, 0), (2**64 - 1, 1)]], 2, 1)
def test_sorted_files_are_read_in_pieces(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[int, int]]], words: int, most: int
) -> None:
    folder = tmp_path_factory.mktemp("hashes")
    paths = [str(folder / str(number)) for number in range(len(files))]
    hashes = [sorted(pair[:words] for pair in pairs) for pairs in files]
    for path, pairs in zip(paths, hashes, strict=True):
        array = np.array(pairs, dtype=np.uint64).reshape(-1, words).T
        write_sorted(LOCAL, path, array)
        data = Path(path).read_bytes()  # the layout that other releases of logpress read
        assert np.frombuffer(data[: 8 * (BINS + 1)], dtype="<i8").tolist() == [
            sum(pair[0] >> 56 < bin_ for pair in pairs) for bin_ in range(BINS + 1)
        ]
        assert data[8 * (BINS + 1) :] == array.astype("<u8").tobytes()
    pieces = list(sorted_pieces(paths, words, most))
    found = [tuple(map(int, row)) for piece in pieces for row in piece.T]
    assert sorted(found) == sorted(pair for pairs in hashes for pair in pairs)
    first_bytes = [{int(word) >> 56 for word in piece[0]} for piece in pieces]
    assert sum(map(len, first_bytes)) == len(set().union(*first_bytes))
    for piece, bins in zip(pieces, first_bytes, strict=True):
        assert piece.shape[0] == words
        assert piece.shape[1] <= most or len(bins) == 1


def test_a_file_that_is_too_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hashes"
    write_sorted(LOCAL, str(path), np.arange(9, dtype=np.uint64)[np.newaxis])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OSError, match="hashes: is too short"):
        list(sorted_pieces([str(path)], 1, 9))
    path.write_bytes(b"")
    with pytest.raises(OSError, match="hashes: is too short"):
        list(sorted_pieces([str(path)], 1, 9))


def test_rows_of_a_nameless_file() -> None:
    file = NamelessFile("rows")
    rows = np.arange(60, dtype=np.uint64).reshape(20, 3)
    assert (file.append(rows[::2]), file.append(rows[1:1]), file.append(rows[1:2])) == (0, 240, 240)
    assert file.size == 264
    assert file.read(24, 2, 3).tolist() == rows[[2, 4]].tolist()
    assert file.read(240, 1, 3).tolist() == rows[1:2].tolist()
    with pytest.raises(OSError, match="became shorter"):
        file.read(240, 2, 3)
    file.close()


def test_a_folder_without_room_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"none: rows cannot be written there: .*; name a folder with room in TMPDIR"):
        NamelessFile("rows").append(np.zeros((1, 1), dtype=np.uint64))


@given(st.lists(WORDS, max_size=30).map(sorted))
def test_cuts(words: list[int]) -> None:
    cuts = cuts_of(np.array(words, dtype=np.uint64)).tolist()
    assert cuts == [sum(word >> 56 < bin_ for word in words) for bin_ in range(BINS + 1)]
