"""A population that lives: games and users whose traits last over days, drawn for each day alone.

Every random choice is a hash of what it belongs to (seed, user, day, session), so a day needs no other day to be drawn
before it.
"""

from __future__ import annotations

from logpress.sample.living.day import LivingDay
from logpress.sample.living.games import volume
from logpress.sample.living.truth import write_truth
from logpress.sample.living.world import World

__all__ = ["LivingDay", "World", "volume", "write_truth"]
