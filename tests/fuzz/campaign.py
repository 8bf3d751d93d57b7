"""Looks for failures until a time is over, with kernels that check every index: `make fuzz FUZZ_SECONDS=3600`.

What there is to try is in the tests; here they are run again and again, each time with another seed. Examples that
failed, and those that Hypothesis found worth keeping, stay in the folder `.fuzz`, which is not committed: the next
campaign begins with them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".fuzz"

KINDS = {
    "whole records with any contract": [
        "tests/fuzz/test_contracts_fuzz.py",
        "tests/property/test_round_trip.py::test_damaged_records_come_back",
    ],
    "kernels": ["tests/fuzz/test_kernels_fuzz.py", "tests/unit/layout/test_json_kernels.py"],
    "damaged files": ["tests/unit/day/test_damage.py"],
    "framing": [
        "tests/unit/records/test_framing.py::test_documents_of_any_content_come_as_they_are",
        "tests/unit/records/test_framing.py::test_lines_of_a_file_come_as_those_of_pieces",
        "tests/unit/records/test_framing.py::test_rubble_is_framed_as_the_twin_does",
        "tests/unit/records/test_framing.py::test_the_end_of_an_object_is_where_the_twin_finds_it",
        "tests/unit/records/test_bulk_input.py::test_no_line_is_lost_where_a_block_ends",
    ],
}

EXAMPLES = 40
"""Examples of each Hypothesis test in a round, and of damaged files."""

PATIENCE_SECONDS = 600
"""How long a round may take before it counts as hanging; the first ones compile kernels."""


@dataclass(frozen=True)
class Round:
    """The result of one run of a kind of tests.

    Attributes:
        cases: examples that were tried, or None if the time was over before it was done.
        failure: what pytest printed, if a test failed or the process died.
    """

    cases: int | None
    failure: str = ""


def run(kind: str, seed: int, examples: int, patience: float) -> Round:
    """Run a kind's tests once, in a process of their own: kernels that go wrong may end it."""
    environment = os.environ | {
        "NUMBA_BOUNDSCHECK": "1", "LOGPRESS_FUZZ": "0", "LOGPRESS_EXAMPLES": str(examples), "LOGPRESS_SEED": str(seed),
        "LOGPRESS_DAMAGES": str(examples), "LOGPRESS_CORPUS": str(FOLDER),
    }  # fmt: skip
    command = [
        sys.executable, "-X", "faulthandler", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
        f"--hypothesis-seed={seed}", "--hypothesis-show-statistics", *KINDS[kind],
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            text, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
            hangs = patience >= PATIENCE_SECONDS
            return Round(None, f"{text}\ntook longer than {PATIENCE_SECONDS} seconds" if hangs else "")
    if process.returncode != 0:
        return Round(None, f"{text}\nexit code {process.returncode}")
    tried = re.findall(r"- (\d+) passing, ", text)
    passed = re.findall(r"(\d+) passed", text)
    return Round(sum(map(int, tried)) or examples * bool(passed))


def main() -> int:
    """Try until the time is over; 1 if something failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, help="how long, once kernels are compiled")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first round")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    cases: Counter[str] = Counter()
    end = float("inf")
    for number in itertools.count():
        for kind in KINDS:
            if time.monotonic() > end:
                break
            seed = arguments.seed + number
            # the first round compiles, and is not cut short
            left = end - time.monotonic()
            found = run(kind, seed, EXAMPLES if number else 1, min(PATIENCE_SECONDS, max(1.0, left)))
            if found.failure:
                path = FOLDER / f"failure-{kind.replace(' ', '-')}-{seed}.txt"
                path.write_text(found.failure)
                print(found.failure[-3_000:])
                print(f"{kind}: failed with seed {seed}; all of it, with the case, is in {path}")
                return 1
            cases[kind] += found.cases or 0
        if time.monotonic() > end:
            break
        if number == 0:
            end = time.monotonic() + arguments.seconds
    for kind in KINDS:
        print(f"{cases[kind]:8,} cases: {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
