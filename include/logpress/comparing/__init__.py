"""Two sources of a day, compared: which records one has and the other has not, and which they spell differently."""

from logpress.comparing.compare import compare_day
from logpress.comparing.result import Comparison
from logpress.comparing.sides import Named

__all__ = ["Comparison", "Named", "compare_day"]
