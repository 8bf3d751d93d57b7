"""`logpress tune`: what each way to store a column costs on real records, and the choice written into the contract."""

from logpress.tuning.report import TuneReport
from logpress.tuning.tune import Options, tune

__all__ = ["Options", "TuneReport", "tune"]
