"""`logpress tune`: measure ways to store each column on real records, and write the choice to a contract."""

from logpress.tuning.report import TuneReport
from logpress.tuning.tune import Options, tune

__all__ = ["Options", "TuneReport", "tune"]
