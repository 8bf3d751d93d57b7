"""What is known of a day beyond its files: its proof, the results of its checks, and the profile of its columns.

`verify` finds these, publication keeps them in the day's manifest, and the lake's own tables repeat them for queries.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

INDEX_TABLES = ("logpress_days", "logpress_checks", "logpress_sizes")
"""Names of the tables that every lake has of its own, and that no contract may take."""


class Model(BaseModel):
    """Frozen JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckResult(Model):
    """The result of one check of a day."""

    check: str = Field(description="its name, such as `range response_elapsed_ms`; unique within a day")
    kind: str = Field(default="", description="kind of the check, as contracts write it")
    columns: tuple[str, ...] = Field(default=(), description="columns that it is about; none if it is about the day")
    level: Literal["fail", "warn"]
    ok: bool
    message: str = Field(description="what was found and what is allowed, in a sentence")
    observed: float | None = Field(default=None, description="what was measured: rows, a share from 0 to 1, a distance")
    low: float | None = Field(default=None, description="lowest value allowed; None if any is")
    high: float | None = Field(default=None, description="highest value allowed; None if any is")
    examples: tuple[str, ...] = Field(default=(), description="some values that break it; none of personal columns")
    compared_with: tuple[date, ...] = Field(default=(), description="earlier days that a drift check compares with")


class ColumnProfile(Model):
    """The values of a column of a day.

    Of columns that the contract calls personal there are counts only: no values, no lowest or highest one.
    """

    name: str
    nulls: int = Field(description="rows without a value")
    distinct: int | None = Field(
        default=None, description="distinct values; beyond 8,192 an estimate, of a standard error of 1.6 %"
    )
    entropy: float | None = Field(
        default=None,
        description="bits a row of the distribution of values, each row alone; estimated like distinct",
    )
    low: str | None = Field(default=None, description="lowest value: a number, or an instant in UTC")
    high: str | None = Field(default=None, description="highest value")
    quantiles: dict[str, float] = Field(
        default_factory=dict,
        description="of a number, or of an instant's lag in seconds behind the table's `day` column: 0.01, 0.5, ... "
        "within 12.5 %, from the histogram; none of personal columns",
    )
    top: dict[str, int] = Field(
        default_factory=dict, description="rows by value, the most frequent 256 values, most rows first"
    )
    others: int = Field(default=0, description="rows with a value that is not among `top`")
    histogram: dict[int, int] = Field(
        default_factory=dict,
        description="rows by bin; quality/profile/bins.py says which values a bin has; none of personal columns",
    )
    corrected: int | None = Field(default=None, description="rows whose label of the instant was wrong; None: no label")


class Profile(Model):
    """The values of a day's columns: what drift checks compare, and what data dictionaries show."""

    rows: int
    hours: tuple[int, ...] = Field(description="rows by hour (UTC) of the table's `day` column, 24 numbers")
    layouts: int = Field(default=0, description="layouts that the day's records have")
    unknown_paths: dict[str, int] = Field(default_factory=dict, description="rows by path that the contract lacks")
    columns: tuple[ColumnProfile, ...] = ()

    @property
    def by_name(self) -> dict[str, ColumnProfile]:
        """The columns by name."""
        return {column.name: column for column in self.columns}


class Verification(Model):
    """What `verify` found of a day before it was published."""

    proven_at: datetime = Field(description="when the proof ended, UTC")
    records: int = Field(description="rows and rejects that were restored and compared")
    raw_bytes: int = Field(description="bytes of these records")
    files: int = Field(description="Parquet files that were read for it")
    digest: str = Field(description="digest of the multiset of all these records, hexadecimal")
    prove_seconds: float = 0.0
    check_seconds: float = 0.0
    checks: tuple[CheckResult, ...] = ()
    profile: Profile | None = None


class RejectExample(Model):
    """A record that is a reject."""

    reason: str
    origin: str
    record: int = Field(description="its number in the origin, from 1")
    text: str = Field(description="its beginning, at most 200 characters, with escapes for what cannot be shown")


class Attempt(Model):
    """A run whose day was refused: what is left of it, for as long as superseded files stay."""

    format: Literal[1] = 1
    table: str
    day: str
    run: str = Field(description="name of the run's staging")
    run_id: str | None = Field(default=None, description="Airflow's run, if it was one")
    refused_at: datetime = Field(description="UTC")
    stage: Literal["plan", "press", "verify", "publish"]
    error: str = Field(description="the error's sentence, and what to do")
    records: int = 0
    rows: int = 0
    irregular_rows: int = 0
    rejects: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    reject_reasons: dict[str, int] = Field(default_factory=dict)
    examples: tuple[RejectExample, ...] = Field(default=(), description="at most 5 a reason")
    verification: Verification | None = Field(default=None, description="None if the proof itself failed")
