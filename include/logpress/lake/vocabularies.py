"""The vocabularies of a table: which number stands for which text of a column, for ever.

A vocabulary is a file that is written anew when words come to it, under the next number. Whoever writes that number
first has added words, and others begin again from them; so no two texts ever get one number. Earlier files are emptied,
and their names stay, so that nobody who is late can take a number that was taken.
"""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from datetime import date

from pydantic import Field, ValidationError

from logpress.errors import LakeError
from logpress.lake.lake import Lake
from logpress.lake.locks import locked
from logpress.lake.storage import lake_errors
from logpress.results import Model

_ENDING = "json"
_TRIES = 3


class Grown(Model):
    """One of the times that words came to a vocabulary."""

    size: int = Field(description="number of words from then on")
    id: str = Field(description="random; names these words, and tells nothing of them")


class Words(Model):
    """What a vocabulary's file holds."""

    format: int = 1
    column: str
    words: tuple[str | None, ...] = Field(default=(), description="in the order of their codes; None: erased")
    counts: tuple[int, ...] = Field(default=(), description="rows that a word had on its best day")
    days: dict[date, str] = Field(default_factory=dict, description="digest of each day's publication that is in it")
    grown: tuple[Grown, ...] = ()

    def with_more(self, words: list[str], counts: tuple[int, ...], days: dict[date, str]) -> Words:
        """The same with more words at its end; counts are those of all words."""
        size = len(self.words) + len(words)
        grown = (*self.grown, Grown(size=size, id=uuid.uuid4().hex)) if words else self.grown
        return self.model_copy(
            update={"words": (*self.words, *words), "counts": counts, "days": {**self.days, **days}, "grown": grown}
        )


@dataclass(frozen=True)
class Version:
    """A vocabulary as it was found.

    Attributes:
        number: of its file; 0 if there is none.
        words: what it holds.
    """

    number: int
    words: Words


def columns(lake: Lake, table: str) -> list[str]:
    """The columns that have a vocabulary.

    Raises:
        LakeError: if the lake cannot be read.
    """
    root = lake.vocabularies_root(table)
    with lake_errors(root):
        return [item.name for item in lake.storage.list(root) if item.is_folder]


def read(lake: Lake, table: str, column: str) -> Version:
    """A vocabulary, as it is now.

    Raises:
        LakeError: if it cannot be read.
    """
    folder = lake.vocabulary_folder(table, column)
    with lake_errors(folder):
        for _ in range(_TRIES):
            numbers = _numbers(lake, folder)
            if not numbers:
                return Version(0, Words(column=column))
            path = _path(folder, numbers[-1])
            data = lake.storage.read(path)
            if data:  # else later ones were written meanwhile
                return Version(numbers[-1], _parsed(data, path, column))
    raise LakeError(f"{folder}: is being written again and again; try again")


def publish(lake: Lake, table: str, found: Version, words: Words, *, keep_earlier: bool = True) -> bool:
    """Write a vocabulary in the place of the one that was found.

    Args:
        lake: the lake.
        table: the table.
        found: what `read` gave.
        words: what it holds from now on.
        keep_earlier: whether the one before stays, for readers that have begun with it.

    Returns:
        False if another process has written it meanwhile: read it and begin again.

    Raises:
        LakeError: if it cannot be written.
    """
    folder = lake.vocabulary_folder(table, words.column)
    path = _path(folder, found.number + 1)
    lake.see_inside(path)
    with contextlib.ExitStack() as stack:
        if lake.is_local:
            lock = lake.lock_path(f"{table}-vocabularies")
            lake.see_inside(lock)
            stack.enter_context(locked(lock))
        stack.enter_context(lake_errors(path))
        if (_numbers(lake, folder) or [0])[-1] != found.number:
            return False
        if not lake.storage.create(path, words.model_dump_json(indent=1).encode()):
            return False
        for item in lake.storage.list(folder):
            number = _number(item.name)
            is_earlier = number is not None and (number < found.number or (number == found.number and not keep_earlier))
            if is_earlier and item.size:
                lake.write(f"{folder}/{item.name}", b"")  # its name stays taken
    return True


def copy(source: Lake, target: Lake, table: str) -> None:
    """Give a copy of a lake the vocabularies of the lake, where they are further than the copy's.

    Raises:
        LakeError: if the copy has a vocabulary of its own, whose codes are others; or one cannot be read or written.
    """
    for column in columns(source, table):
        here = read(source, table, column)
        for _ in range(_TRIES):
            there = read(target, table, column)
            ours, theirs = here.words.grown, there.words.grown
            if theirs != ours[: len(theirs)] and ours != theirs[: len(ours)]:
                raise LakeError(
                    f"{target.vocabulary_folder(table, column)}: has words that the lake {source.uri} does not have, "
                    "so codes would change; remove the folder if nothing was trained with it, and copy again"
                )
            is_behind = len(theirs) < len(ours) or (len(theirs) == len(ours) and there.words != here.words)
            if not is_behind or publish(target, table, there, here.words, keep_earlier=False):
                break
        else:
            raise LakeError(f"{target.vocabulary_folder(table, column)}: is being written by others; copy again")


def faults(lake: Lake, table: str) -> list[str]:
    """What is wrong with the vocabularies of a table, a sentence each.

    Raises:
        LakeError: if the lake cannot be read.
    """
    found = []
    for column in columns(lake, table):
        try:
            read(lake, table, column)
        except LakeError as error:
            found.append(f"{error}")
    return found


def _parsed(data: bytes, path: str, column: str) -> Words:
    try:
        words = Words.model_validate_json(data)
    except ValidationError as error:
        raise LakeError(f"{path}: is damaged, or of a newer logpress: {error.errors()[0]['msg']}") from error
    present = [word for word in words.words if word is not None]
    sizes = [one.size for one in words.grown]
    if (
        words.format != 1
        or words.column != column
        or len(words.counts) != len(words.words)
        or len(set(present)) != len(present)
        or sizes != sorted(set(sizes))
        or sizes[-1:] != [len(words.words)] * bool(words.words)
    ):
        raise LakeError(
            f"{path}: is damaged, or of a newer logpress: its words, counts and sizes do not fit; restore it from a "
            "copy of the lake, because codes that models were trained with are nowhere else"
        )
    return words


def _numbers(lake: Lake, folder: str) -> list[int]:
    """The numbers of a vocabulary's files, ascending."""
    return sorted(number for item in lake.storage.list(folder) if (number := _number(item.name)) is not None)


def _number(name: str) -> int | None:
    """The number of a vocabulary's file; None for any other name."""
    digits, _, ending = name.partition(".")
    return int(digits) if ending == _ENDING and digits.isdigit() else None


def _path(folder: str, number: int) -> str:
    return f"{folder}/{number:09d}.{_ENDING}"
