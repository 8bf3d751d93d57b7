"""Makes days of realistic raw logs: the same bytes for the same seed, as objects in a folder or in memory."""

from __future__ import annotations

from logpress.sample.days import records_of, series, write_days
from logpress.sample.living import World
from logpress.sample.plan import Shape, parse_hours
from logpress.sample.write import Compression, SampleSummary, generate_lines, write_sample

__all__ = [
    "Compression",
    "SampleSummary",
    "Shape",
    "World",
    "generate_lines",
    "parse_hours",
    "records_of",
    "series",
    "write_days",
    "write_sample",
]
