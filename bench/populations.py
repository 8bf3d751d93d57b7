"""The populations that samples are of, and the entropy of what is drawn for them, in bytes a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench import entropy, entropy_living
from bench.entropy import Line
from logpress.sample import World
from logpress.sample.living import LivingDay
from logpress.sample.plan import Plan

Users = Literal["living", "still"]


@dataclass(frozen=True)
class Entropies:
    """Entropies of a day.

    Attributes:
        choices: of each independent random choice; no lossless format is smaller, on average, than all together.
        columns: order-0, of the stored columns.
    """

    choices: list[Line]
    columns: list[Line]

    @property
    def total(self) -> float:
        """Of all choices, bytes a record."""
        return sum(line.bytes_a_record for line in self.choices)

    def of(self, name: str) -> Line:
        """The choice whose name begins so, else the column of that name.

        Raises:
            KeyError: if there is neither.
        """
        for line in self.choices:
            if line.name == name or line.name.startswith((f"{name},", f"{name}:")):
                return line
        return {line.name: line for line in self.columns}[name]


def entropies(plan: Plan, users: Users) -> Entropies:
    """Draw a day's rows without writing them, and compute their entropies."""
    if users == "still":
        drawn = entropy.draw(plan)
        choices = entropy.generator_lines(plan, drawn.sessions, drawn.rows, drawn.groups)
        return Entropies(choices, entropy.column_lines(drawn.rows, drawn.shard, drawn.residual, drawn.behind))
    day = LivingDay.draw(plan, World.of(plan))
    arrived = entropy_living.arrive(day)
    columns = entropy.column_lines(arrived.rows, arrived.shard, arrived.residual, arrived.behind)
    return Entropies(entropy_living.generator_lines(day, arrived.groups), columns)
