"""A loader: the batches of an epoch as NumPy arrays, in a seeded order that can be resumed anywhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from logpress.errors import UsageError
from logpress.reading.batches.epoch import Epoch
from logpress.reading.batches.plan import Plan, Steps, window_of
from logpress.reading.batches.source import Arrays, Group, Source
from logpress.reading.batches.state import check_state, to_state
from logpress.reading.publications import Publications, digest

if TYPE_CHECKING:
    from logpress.reading.vocabulary import Vocabulary

WINDOW_ROWS = 2_000_000
"""[memory] Rows of the row groups that are decoded at a time, unless asked otherwise."""


@dataclass(frozen=True)
class Settings:
    """How the batches of a loader are made.

    Attributes:
        batch_rows: rows of a batch.
        seed: of the order; the same seed gives the same batches on every machine.
        shuffle: whether rows are shuffled; else they come in the order of the scan.
        window_rows: about how many rows are decoded, and shuffled with each other, at a time.
        rank: this process, of those that train together.
        world: how many processes train together.
        drop_last: whether rows that do not fill a batch of each rank are left out.
    """

    batch_rows: int = 4096
    seed: int = 0
    shuffle: bool = True
    window_rows: int = WINDOW_ROWS
    rank: int = 0
    world: int = 1
    drop_last: bool = True

    def check(self) -> None:
        """See that they make sense.

        Raises:
            UsageError: if they do not.
        """
        for name in ("batch_rows", "window_rows", "world"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; give a number, 1 or more")
        if not 0 <= self.rank < self.world:
            raise UsageError(f"there is no rank {self.rank} of {self.world}; the first is 0, the last {self.world - 1}")


class Reader(Protocol):
    """Gives rows of an epoch, which are asked for in ascending order."""

    def rows(self, first: int, last: int) -> Arrays:
        """The arrays of the rows from `first` to before `last`, in the order of the epoch."""


class Loader(ABC):
    """Batches as dicts of NumPy arrays, in an order that a plan knows before anything is read.

    Iterating gives the batches of the current epoch, from its begin, or once from where a loaded state was. It can be
    pickled. Which batches come depends on the days, the vocabularies and the settings alone: not on threads, workers or
    the machine.
    """

    def __init__(self, publications: Publications, settings: Settings) -> None:
        """Prepare; nothing is read yet."""
        settings.check()
        self._publications, self._options = publications, settings
        self._epoch = 0
        self._next = 0
        self._resume: tuple[int, tuple[int, int] | None] | None = None
        self._worker: tuple[int, int] | None = None

    # -- what there is

    @property
    def steps(self) -> int:
        """Number of batches of an epoch, the same at every rank.

        The first call may read, to count: of a scan with a condition, the columns of the condition; of sequences, all.
        """
        return self._steps.count

    def __len__(self) -> int:
        """As `steps`."""
        return self.steps

    @property
    def rows(self) -> int:
        """Number of rows, or of users, of an epoch; counted as for `steps`."""
        return self._steps.rows

    @property
    def epoch(self) -> int:
        """The epoch whose batches come next."""
        return self._epoch

    # -- where it is

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; each has an order of its own.

        A state that was loaded stays where it is if it is of this epoch.
        """
        if epoch != self.epoch:
            self._resume, self._next = None, 0
        self._epoch = int(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: after the last batch that it gave. Less than 1 KB as JSON; the same at every rank."""
        position = {"seed": self._options.seed, "epoch": self.epoch, "step": self._next}
        state = to_state(position, self._identity, self._publications, self._versions)
        if self._worker is not None:
            state["worker"] = list(self._worker)
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go where a state was: the next batch is the one that would have come then.

        Raises:
            UsageError: if the state is of other batches: of another scan, of days that were published again since, or
                of a loader that was made otherwise.
        """
        check_state(state, {"seed": self._options.seed, **self._identity}, self._publications)
        versions = list(state.get("codes") or ())
        for (name, words), version in zip(self._coded.items(), versions, strict=True):
            if not words.has_been(version):
                raise UsageError(
                    f"the state is of another vocabulary of {name}; use that of the lake that it was made with"
                )
        self.set_epoch(int(state["epoch"]))
        self._next = int(state["step"])
        worker = state.get("worker")
        self._resume = (self._next, None if worker is None else (int(worker[0]), int(worker[1])))

    # -- the batches

    def __iter__(self) -> Iterator[Arrays]:
        """The batches of the epoch.

        Raises:
            PartError: if a file is gone or damaged.
        """
        return self._batches(0, 1)

    def _batches(self, worker: int, workers: int) -> Iterator[Arrays]:
        """Those of one of some workers, whose batches come in turn."""
        (begin, of), self._resume = self._resume or (0, None), None
        if of is None:
            begin += worker  # worker 0 is asked first, wherever the epoch begins
        elif of != (worker, workers):
            raise UsageError(f"the state is of worker {of[0]} of {of[1]}, and this is worker {worker} of {workers}")
        self._worker = (worker, workers) if workers > 1 else None
        self._next = begin
        window = window_of(self._sizes, self._options.window_rows) if self._options.shuffle else 1
        plan = Plan(tuple(self._sizes), window, self._options.seed, self.epoch, self._options.shuffle)
        with self._reader(plan) as reader:
            for step in range(begin, self.steps, workers):
                batch = reader.rows(*self._steps.span(step, self._options.rank))
                self._next = step + workers
                yield batch

    @cached_property
    def _steps(self) -> Steps:
        options = self._options
        return Steps(sum(self._sizes), options.batch_rows, options.world, options.drop_last)

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """What the batches depend on, besides days, codes, seed and epoch."""
        options = self._options
        return {
            "batch_rows": options.batch_rows, "shuffle": options.shuffle, "window_rows": options.window_rows,
            "world": options.world, "drop_last": options.drop_last, **self._asked(),
        }  # fmt: skip

    @property
    def _versions(self) -> dict[str, str]:
        return {name: words.version for name, words in self._coded.items()}

    # -- what is read

    @property
    @abstractmethod
    def _sizes(self) -> Sequence[int]:
        """Numbers of rows of what is decoded at a time."""

    @property
    @abstractmethod
    def _coded(self) -> Mapping[str, Vocabulary]:
        """The vocabularies of the columns that are codes."""

    @property
    def _code_arrays(self) -> frozenset[str]:
        """Names of arrays of codes."""
        return frozenset(self._coded)

    @abstractmethod
    def _asked(self) -> dict[str, str | None]:
        """Digests of the columns, and of the condition."""

    @abstractmethod
    def _reader(self, plan: Plan) -> AbstractContextManager[Reader]:
        """Begin to read an epoch."""


class NumpyLoader(Loader):
    """Batches of a scan as dicts of NumPy arrays. Make one with `Scan.to_numpy_batches`."""

    def __init__(self, source: Source, publications: Publications, settings: Settings) -> None:
        """Prepare; nothing is read yet."""
        super().__init__(publications, settings)
        self._source = source

    @property
    def made_of(self) -> tuple[Source, Publications, Settings]:
        """What another loader of the same batches is made of."""
        return self._source, self._publications, self._options

    @cached_property
    def _groups(self) -> list[Group]:
        return self._source.groups()

    @property
    def _sizes(self) -> Sequence[int]:
        return [group.rows for group in self._groups]

    @property
    def _coded(self) -> Mapping[str, Vocabulary]:
        return {column.name: column.words for column in self._source.columns if column.words is not None}

    def _asked(self) -> dict[str, str | None]:
        wanted = self._source.request.filter
        columns = [(column.name, str(column.dtype), str(column.fill)) for column in self._source.columns]
        return {
            "columns": digest(columns)[:16],
            "where": None if wanted is None else digest(str(wanted.expression))[:16],
        }

    def _reader(self, plan: Plan) -> AbstractContextManager[Reader]:
        return Epoch(self._source, self._groups, plan)
