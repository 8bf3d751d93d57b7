"""Amazon Kinesis sequence numbers: the shard and counter of each record, and the format of the number.

AWS does not document the format. By real numbers, the 47 hexadecimal digits are, from the highest: version 2 (1
digit), shard creation in epoch seconds (9), the low digit of the shard (1), a counter within the shard (16), zeros (2),
arrival in epoch seconds (9), shard (8), version 2 (1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logpress.sample import rates
from logpress.sample.draw import Rows, arrival_seconds
from logpress.sample.plan import Plan

CREATED = 1_636_376_426
"""Creation of the log's shards, 2021-11-08T13:00:26Z, epoch seconds."""

_SEQUENCES = 4
_COUNTS_A_DAY = 284_000_000


@dataclass(frozen=True)
class Sequences:
    """Parts of the sequence numbers of some rows, int64[rows] each; creation and arrival in epoch seconds."""

    created: NDArray[np.int64]
    counter: NDArray[np.int64]
    arrival: NDArray[np.int64]
    shard: NDArray[np.int64]

    def number(self, row: int) -> int:
        """The sequence number of a row."""
        return sequence_number(
            int(self.created[row]), int(self.counter[row]), int(self.arrival[row]), int(self.shard[row])
        )


def sequence_number(created: int, counter: int, arrival: int, shard: int) -> int:
    """Compose a sequence number; creation and arrival are epoch seconds."""
    return 2 << 184 | created << 148 | (shard & 15) << 144 | counter << 80 | arrival << 36 | shard << 4 | 2


class Sequencer:
    """Assigns shards and counters in order of arrival, hour by hour."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        created = min(CREATED, plan.day_start - 48 * 86_400)
        random = np.random.default_rng([plan.seed, _SEQUENCES])
        self._created = created + np.sort(random.integers(3, size=rates.SHARDS))
        days = (plan.day_start - created) // 86_400 + 1
        self._counter = days * _COUNTS_A_DAY + random.integers(20_000_000, size=rates.SHARDS)

    def take(self, hour: int, rows: Rows) -> Sequences:
        """The numbers of an hour's rows, which must be in order of arrival; counters grow within a shard."""
        random = self._plan.stream(_SEQUENCES, hour)
        shard = random.integers(rates.SHARDS, size=len(rows))
        steps = random.geometric(1.0 / rates.COUNTER_STEP_MEAN, len(rows))
        counter = np.empty(len(rows), dtype=np.int64)
        for number in range(rates.SHARDS):
            mine = np.flatnonzero(shard == number)
            if len(mine):
                counter[mine] = self._counter[number] + np.cumsum(steps[mine])
                self._counter[number] = counter[mine[-1]]
        return Sequences(self._created[shard], counter, arrival_seconds(rows), shard)
