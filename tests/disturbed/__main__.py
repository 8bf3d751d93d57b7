"""Disturb every command that changes a lake, many times, and say what was wrong: `python -m tests.disturbed --help`.

Each run begins with the same lake. The command is killed or harmed at one of its steps, or at a random moment; then
readers look at the lake, the command is run again, and the lake must be what it is when nobody disturbs the command.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.disturbed.apart import Outcome, apart
from tests.disturbed.judge import State, complaints, readers_see, state_of
from tests.disturbed.places import Bucket, Disk, Place
from tests.disturbed.scenarios import SCENARIOS, Scenario, prepare, write_contract
from tests.disturbed.steps import Steps

_NAMESPACE = "LOGPRESS_CATALOG_NAMESPACE"


@dataclass
class Trial:
    """What is done to a command, and when.

    Attributes:
        harm: its kind.
        step: the step before which it is done; None for a moment.
        moment: the share of the command's usual time after which it is done, if there is no step.
    """

    harm: str
    step: int | None
    moment: float
    name: str = ""
    wrong: list[str] = field(default_factory=list)
    code: int = 0


class Campaign:
    """All runs of one command at one place."""

    def __init__(self, place: Place, home: Path, name: str) -> None:
        self.place, self.home, self.name = place, home, name
        self.scenario: Scenario = SCENARIOS[name]
        self.lake = place.other if self.scenario.is_other else place.lake
        self._log = home / "log"

    def begin(self) -> None:
        """Run the command undisturbed, to know its steps, its time, and how the lake ends."""
        self._reset()
        self.before: State = {}
        if self.scenario.begins is not None and not self.scenario.is_other:
            self.before = self._call(self._state).value
        self._reset()
        done = self._call(lambda: self._run(None, lambda: None))
        if done.code:
            raise AssertionError(f"{self.name}: {done.text}")
        self.steps: list[str] = done.value
        self.seconds = done.seconds
        self.after: State = self._call(self._state).value
        found = self._call(self._complaints)
        if found.value != []:
            raise AssertionError(f"{self.name}, undisturbed: {found.value} {found.text}")

    def trials(self, count: int, seed: int) -> Iterator[Trial]:
        """Kinds of harm in turn; each at steps that differ as long as there are some, and at random moments."""
        source = random.Random(f"{seed} {self.name}")
        places = [n for n, _ in enumerate(self.steps)] if self.scenario.has_steps else []
        source.shuffle(places)
        seen: set[str] = set()
        first = [n for n in places if not (self.steps[n] in seen or seen.add(self.steps[n]))]
        order = [*first, *(n for n in places if n not in set(first))]
        for number in range(count):
            # three of four are kills, of which each third comes at a random moment
            others = self.place.harms[1:]
            harm = "kill" if number % 4 else others[number // 4 % len(others)]
            at_step = bool(order) and number % 3 != 2
            step = order.pop(0) if at_step else None
            if step is not None and not order:
                order = source.sample(places, len(places))
            yield Trial(harm, step, source.random() * 1.05, self.steps[step] if step is not None else "a moment")

    def run(self, trial: Trial) -> None:
        """Disturb the command once, and see how that ends."""
        self._reset()

        def harm() -> None:
            if trial.harm == "kill":
                os.killpg(os.getpgrp(), signal.SIGKILL)
            self.place.harm(trial.harm)

        def disturbed() -> object:
            if trial.step is None:
                timer = threading.Timer(trial.moment * self.seconds, harm)
                timer.daemon = True
                timer.start()
            return self._run(trial.step, harm)

        done = self._call(disturbed)
        trial.code = done.code
        self._call(self.place.heal)
        if done.code not in (0, 1, 2, -signal.SIGKILL):  # an exception that is no error of logpress's is `CRASHED`
            trial.wrong.append(f"ended with {done.code}: {done.text[-1500:]}")
        seen = self._call(lambda: list(readers_see(self.lake, self.before, self.after, is_shared=self._is_shared)))
        if self.before:
            trial.wrong += seen.value if seen.value is not None else [seen.text]
        again = self._call(lambda: self._run(None, lambda: None))
        if again.code and not (
            again.code == 2 and self.scenario.done_already and self.scenario.done_already in again.text
        ):
            trial.wrong.append(f"again: {again.code}: {again.text[-1500:]}")
            return
        judged = self._call(self._complaints)
        trial.wrong += judged.value if judged.value is not None else [judged.text[-1500:]]

    @property
    def _is_shared(self) -> bool:
        return "://" in self.lake

    def _reset(self) -> None:
        done = self._call(lambda: self.place.reset(self.scenario.begins))
        if done.code:
            raise AssertionError(done.text)

    def _call(self, function: Callable[[], Any]) -> Outcome:
        return apart(function, self._log)

    def _state(self) -> State:
        with self._environment():
            return state_of(self.lake)

    def _complaints(self) -> list[str]:
        with self._environment():
            return list(complaints(self.lake, self.after, is_erased=self.name == "erase"))

    def _run(self, at: int | None, harm: Callable[[], None]) -> list[str]:
        with self._environment():
            steps = Steps([self.lake], at, harm)
            steps.watch()
            self.scenario.run(self.place, self.home)
            return steps.names

    @contextmanager
    def _environment(self) -> Iterator[None]:
        if self.scenario.is_other:
            os.environ[_NAMESPACE] = "copies"
        yield
        os.environ.pop(_NAMESPACE, None)


def main() -> None:
    """Run what the command line asks for; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", choices=["disk", "s3"], default="disk")
    parser.add_argument("--runs", type=int, default=30, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=list(SCENARIOS), help="only these commands")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped
    if given.on == "disk":
        _take_mounts()
    with tempfile.TemporaryDirectory(prefix="logpress-disturbed-") as folder, ExitStack() as stack:
        home = Path(folder)
        write_contract(home / "contracts")
        place: Place
        if given.on == "disk":
            place = disk = Disk(home)
            stack.callback(disk.close)
        else:
            place = Bucket(home, stack)
        os.environ.update(
            {
                "LOGPRESS_CONTRACTS": str(home / "contracts"),
                "LOGPRESS_RETENTION": "7d",
                "LOGPRESS_COMMIT": "0" * 40,  # which files name; whoever runs this may commit meanwhile
                **place.environment,
            }
        )
        done = apart(lambda: prepare(place, home), home / "log")
        if done.code:
            sys.exit(done.text)
        wrong = 0
        for name in given.only or SCENARIOS:
            wrong += _run_all(Campaign(place, home, name), given.runs, given.seed)
        sys.exit(1 if wrong else 0)


def _run_all(campaign: Campaign, runs: int, seed: int) -> int:
    campaign.begin()
    counts: Counter[str] = Counter()
    wrong = 0
    for trial in campaign.trials(runs, seed):
        campaign.run(trial)
        counts[trial.harm + ("" if trial.code else ", ended all the same")] += 1
        for text in trial.wrong:
            print(f"WRONG {campaign.name}, {trial.harm} at {trial.step} ({trial.name}): {text}", flush=True)
        wrong += bool(trial.wrong)
    said = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    print(f"{campaign.name}: {len(campaign.steps)} steps; {runs} runs ({said}): {wrong} wrong", flush=True)
    return wrong


def _take_mounts() -> None:
    """Begin again where file systems can be mounted that nobody else sees."""
    if os.environ.get("_DISTURBED"):
        return
    os.environ["_DISTURBED"] = "1"
    flags = "-m" if os.geteuid() == 0 else "-Urm"
    os.execvp("unshare", ["unshare", flags, sys.executable, "-m", "tests.disturbed", *sys.argv[1:]])


if __name__ == "__main__":
    main()
