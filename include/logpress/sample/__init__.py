"""Makes a day of realistic raw logs: the same bytes for the same seed, as objects in a folder or in memory."""

from __future__ import annotations

from logpress.sample.plan import Shape, parse_hours
from logpress.sample.write import Compression, SampleSummary, generate_lines, write_sample

__all__ = ["Compression", "SampleSummary", "Shape", "generate_lines", "parse_hours", "write_sample"]
