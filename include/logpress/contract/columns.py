"""The columns of a contract, by codec."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from logpress.contract.base import Encoding, Model, Name, Path, Unit


class Storage(Model):
    """How one Parquet column is encoded."""

    encoding: Encoding | None = None
    zstd: int | None = Field(default=None, ge=1, le=22)


class ColumnBase(Model):
    """The keys that every column has."""

    name: Name
    path: tuple[Path, ...] = Field(
        description="path of the value in a record; with several, any of them fills the column"
    )
    description: str = ""
    nullable: bool = True
    storage: Storage = Storage()

    @model_validator(mode="before")
    @classmethod
    def _one_path_is_a_list_of_one(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("path"), str):
            return {**data, "path": [data["path"]]}
        return data


class Category(ColumnBase):
    """A string with few distinct values, stored through a dictionary."""

    codec: Literal["category"]
    type: Literal["string"] = "string"


class Text(ColumnBase):
    """A string with many distinct values."""

    codec: Literal["text"]
    type: Literal["string"] = "string"


class Json(ColumnBase):
    """Any JSON value, kept as its exact text: a free-form part of the log."""

    codec: Literal["json"]
    type: Literal["string"] = "string"


class Integer(ColumnBase):
    """A whole number."""

    codec: Literal["integer"]
    type: Literal["int8", "int16", "int32", "int64"] = "int64"


class Decimal(ColumnBase):
    """A number with a fraction, stored as a double; a hidden column keeps the number of digits after its point."""

    codec: Literal["decimal"]
    type: Literal["float64"] = "float64"


class Boolean(ColumnBase):
    """True or false."""

    codec: Literal["boolean"]
    type: Literal["boolean"] = "boolean"


class Instant(ColumnBase):
    """An ISO 8601 date and time, with or without offset; stored as UTC.

    `label_checked_by` names an instant column that is known to be true. The text's own offset (its label) is taken as
    wrong if it contradicts that column and the same wall clock, read as UTC, agrees with it.
    `residual_of` names columns (one instant, and integers in milliseconds) whose sum predicts this one. Then the column
    is virtual, and only the small difference is stored.
    """

    codec: Literal["instant"]
    type: Literal["timestamp[s]", "timestamp[ms]", "timestamp[us]"] = "timestamp[ms]"
    label_checked_by: Name | None = None
    residual_of: tuple[Name, ...] = ()

    @property
    def unit(self) -> Unit:
        """The unit of the stored integer."""
        return self.type[len("timestamp[") : -1]  # type: ignore[return-value]


class Lookup(ColumnBase):
    """A string that another column, `key`, mostly determines; only the exceptions are stored. Virtual."""

    codec: Literal["lookup"]
    type: Literal["string"] = "string"
    key: Name


class KinesisSequence(ColumnBase):
    """A Kinesis sequence number and sub-sequence number, stored as shard, arrival and counter residuals. Virtual."""

    codec: Literal["kinesis_sequence"]
    type: Literal["string"] = "string"
    arrival: Name = Field(description="the instant column that predicts the number's arrival second")

    @staticmethod
    def registers_of(name: str) -> tuple[str, str, str, str]:
        """The registers of such a column: shard, arrival second, counter, sub-sequence number."""
        return f"{name}#shard", f"{name}#arrival", f"{name}#counter", f"{name}#sub"


Column = Annotated[
    Category | Text | Json | Integer | Decimal | Boolean | Instant | Lookup | KinesisSequence,
    Field(discriminator="codec"),
]


class Copy(Model):
    """A value that repeats a column in another form; it takes no bytes in records where it does."""

    path: Path
    of: Name
    form: Literal["instant", "labelled_instant", "epoch_s", "epoch_ms"] = Field(
        description="`labelled_instant`: the instant as its own label says, before any correction"
    )


def dependencies(column: Column) -> tuple[str, ...]:
    """The columns that predict this column: only the difference from their prediction is stored."""
    if isinstance(column, Instant):
        return column.residual_of
    if isinstance(column, Lookup):
        return (column.key,)
    if isinstance(column, KinesisSequence):
        return (column.arrival,)
    return ()


def is_virtual(column: Column) -> bool:
    """Whether the column is derived from others when read, and is not in the file under its own name."""
    return bool(dependencies(column))
