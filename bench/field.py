"""Compare all tools: each one presses, restores and reads the same records, in turn."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.exact import Exactness, compare
from bench.measure import MeasureError, Run, answered, measured
from bench.peers import Peer
from bench.results import PeerResult, Reading
from bench.sample import Input, first_part, objects_of, without_damaged

Tell = Callable[[str], None]
PHASES = ("press", "restore", "read")


@dataclass
class Turn:
    """A tool, its input, and its results so far."""

    peer: Peer
    given: Input
    is_part: bool
    folder: Path
    presses: list[Run] = field(default_factory=list)
    restores: list[Run] = field(default_factory=list)
    reads: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    exact: Exactness | None = None
    failure: str | None = None

    @property
    def stored(self) -> Path:
        """The file or folder that it writes."""
        return self.folder / "stored"

    def press(self, counted: bool) -> None:
        """Press again."""
        remove(self.stored)
        self.folder.mkdir(parents=True, exist_ok=True)
        run = measured(self.peer.press(self.given, self.stored))
        if counted:
            self.presses.append(run)

    def restore(self, counted: bool) -> None:
        """Restore again, and compare the lines in the first counted run."""
        target = self.folder / "restored"
        command = self.peer.restore(self.stored, target)
        if command is None:
            return
        target.mkdir()
        run = measured(command)
        if counted:
            self.restores.append(run)
            self.exact = self.exact or compare(self.given.objects, objects_of(target))
        remove(target)

    def read(self, counted: bool) -> None:
        """Read with each of its readers."""
        for reader, command in self.peer.reads(self.stored).items():
            answer = answered(command)
            if counted:
                self.reads.setdefault(reader, []).append(answer)

    def result(self) -> PeerResult:
        """Its results."""
        readings = {
            reader: Reading(
                seconds=[answer["seconds"] for answer in answers],
                rows=int(answers[-1]["rows"]),
                elapsed_ms=int(answers[-1]["elapsed_ms"]),
                characters=int(answers[-1]["characters"]),
            )
            for reader, answers in self.reads.items()
        }
        return PeerResult(
            name=self.peer.name,
            title=self.peer.title,
            version=self.peer.version(),
            settings=self.peer.settings,
            records=self.given.records,
            raw_bytes=self.given.raw_bytes,
            left_out=self.given.left_out,
            is_part=self.is_part,
            stored_bytes=self.peer.stored_bytes(self.stored),
            presses=self.presses,
            restores=self.restores,
            exact=self.exact,
            reads=readings,
        )


def measure_field(
    peers: Sequence[Peer],
    whole: Input,
    folder: Path,
    *,
    runs: int,
    phases: Sequence[str],
    slow_bytes: int,
    tell: Tell,
    warn: Tell,
    warm_up: bool = True,
) -> tuple[list[PeerResult], dict[str, str]]:
    """Let tools press, then restore, then read, in turn, so that changes of the machine's speed affect all of them.

    Args:
        peers: the tools.
        whole: the sample.
        folder: folder for all output.
        runs: counted runs of each, after one that is not counted; slow tools run once.
        phases: some of `PHASES`; the first is needed by the others.
        slow_bytes: bytes of input for slow tools.
        tell: called with the next step.
        warn: called with the failure of a tool; the others continue.
        warm_up: whether there is a run that is not counted.

    Returns:
        The results of each tool, and the failures.

    Raises:
        MeasureError: if logpress itself fails.
    """
    clean = whole if all(peer.takes_damaged for peer in peers) else without_damaged(whole, folder / "clean")
    turns = [_turn(peer, whole, clean, folder, slow_bytes) for peer in peers]
    for phase in PHASES:
        if phase not in phases:
            continue
        for number in range(0 if warm_up else 1, runs + 1):
            for turn in turns:
                if turn.failure is not None or (turn.peer.is_slow and number != 1):
                    continue
                which = f"run {number} of {runs}" if number else "warming up"
                tell(f"{phase}, {which}: {turn.peer.title}")
                try:
                    getattr(turn, phase)(number > 0)
                except MeasureError as error:
                    if turn.peer.name == "logpress":
                        raise
                    turn.failure = f"failed to {phase}"
                    warn(f"{turn.peer.title} failed to {phase} and is left out: {error}")
    failures = {turn.peer.name: turn.failure for turn in turns if turn.failure is not None}
    return [turn.result() for turn in turns if turn.failure is None], failures


def steps(peers: Sequence[Peer], runs: int, phases: Sequence[str]) -> int:
    """Number of calls of `tell`."""
    return len(phases) * sum(1 if peer.is_slow else runs + 1 for peer in peers)


def _turn(peer: Peer, whole: Input, clean: Input, folder: Path, slow_bytes: int) -> Turn:
    given = whole if peer.takes_damaged else clean
    if peer.is_slow:
        given = first_part(given, folder / "part", slow_bytes)
    return Turn(peer, given, given.raw_bytes < whole.raw_bytes and peer.is_slow, folder / peer.name)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
