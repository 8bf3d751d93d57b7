"""The documents in which two sides differ, by name: hashes tell that they differ, the sides say where they stand."""

from __future__ import annotations

from logpress.comparing.document_hashes import Prints
from logpress.comparing.matching import KIND_COLUMNS, Wanted, match_sides
from logpress.comparing.output import Outputs
from logpress.comparing.reading import Finding, read_side
from logpress.comparing.result import SIDE_NAMES, Difference, Kind, SideName
from logpress.comparing.sides import OpenSide
from logpress.contract.model import Contract
from logpress.progress import StageProgress


class Search:
    """Reads the sides again for the documents that differ; several times, where they are too many for memory.

    Args:
        contract: the table.
        sides: both, in the order of `SIDE_NAMES`.
        shown: how many examples of each kind and side are kept.
        outputs: gets every record that differs; None ends the search once there are examples enough.
        heard: hears of each reading.
        most_documents: different documents of both sides that are looked for at a time.
    """

    def __init__(
        self,
        contract: Contract,
        sides: list[OpenSide],
        shown: int,
        outputs: Outputs | None,
        heard: StageProgress,
        most_documents: int,
    ) -> None:
        self._contract = contract
        self._sides = sides
        self._shown = shown
        self._outputs = outputs
        self._heard = heard
        self._most_documents = most_documents
        self._examples: list[Difference] = []

    def run(self, a: Prints, b: Prints) -> None:
        """Search both sides, whose documents these are.

        Raises:
            SourceError: if an input cannot be read, or changed since its hashes were taken.
            UsageError: if an output cannot be written.
        """
        for matched in match_sides(a, b, self._most_documents):
            for place, side in enumerate(self._sides):
                wanted = matched.wanted(place)
                if len(wanted.keys) and not self._has_enough(place, wanted):
                    self._find(SIDE_NAMES[place], side, wanted)

    def _has_enough(self, place: int, wanted: Wanted) -> bool:
        if self._outputs is not None:
            return False
        return not any(
            wanted.left[:, column].any() and self._count(SIDE_NAMES[place], kind) < self._shown
            for column, kind in KIND_COLUMNS
        )

    def _count(self, name: SideName, kind: Kind) -> int:
        return sum(example.side == name and example.kind == kind for example in self._examples)

    def _find(self, name: SideName, side: OpenSide, wanted: Wanted) -> None:
        stage = f"find in {name.upper()}"
        tell = self._heard.begin(stage, side.raw_bytes)
        finding = Finding(name, wanted, self._shown, self._outputs)
        read_side(side, finding, self._contract.source.restarts, tell)
        finding.check()
        self._examples += finding.examples
        self._heard.end(stage)

    def in_order(self) -> list[Difference]:
        """The examples: what only one side has, then what is spelt differently; no more of each than are shown."""
        kinds: tuple[Kind, Kind] = ("only", "spelling")
        return [
            example
            for kind in kinds
            for name in SIDE_NAMES
            for example in [e for e in self._examples if (e.kind, e.side) == (kind, name)][: self._shown]
        ]
