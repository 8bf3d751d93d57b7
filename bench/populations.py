"""The populations that samples are of, and the entropy of what is drawn for them, in bytes a record."""

from __future__ import annotations

from typing import Literal

from bench import entropy, entropy_living
from bench.entropy import Entropies
from logpress.sample.plan import Plan

Users = Literal["living", "still"]


def entropies(plan: Plan, users: Users) -> Entropies:
    """Draw a day's rows without writing them, and compute their entropies."""
    return entropy_living.entropies(plan) if users == "living" else entropy.entropies(entropy.draw(plan))
