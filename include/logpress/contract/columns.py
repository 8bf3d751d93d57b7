"""The columns of a contract, by codec: what a table says of each, and what the codec takes.

What is done with their values is in `logpress.codecs`, one module a codec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from logpress.contract.base import Encoding, Model, Name, Path, Unit


class Storage(Model):
    """How one Parquet column is encoded."""

    encoding: Encoding | None = None
    zstd: int | None = Field(default=None, ge=1, le=22)


class ColumnBase(Model):
    """The keys that every column has, and the properties that its codec gives all its columns.

    Attributes:
        takes: the kinds of JSON values whose text may fit the codec: string, number, boolean, container.
        slot: what of a value is left out of a layout: its `content` (of a string, what stands between the quotes),
            the whole `value` with its quotes, or an `instant` without its label.
        compares_as: what a check may compare its values with: columns that say the same; None if with none.
    """

    takes: ClassVar[tuple[str, ...]] = ("string",)
    slot: ClassVar[Literal["content", "value", "instant"]] = "content"
    compares_as: ClassVar[str | None] = None

    name: Name
    path: tuple[Path, ...] = Field(
        description="path of the value in a record; with several, any of them fills the column"
    )
    description: str = ""
    nullable: bool = True
    storage: Storage | Literal["stored"] = Field(
        default=Storage(),
        description="how the column is encoded; `stored`: of a virtual column, that files have it beside what it is "
        "derived from, encoded as the contract's `storage` says",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_path_is_a_list_of_one(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("path"), str):
            return {**data, "path": [data["path"]]}
        return data

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The columns that predict this column: only the difference from their prediction is stored."""
        return ()

    @property
    def helpers(self) -> tuple[str, ...]:
        """The columns of a part file that only restoration of this column needs; see `helper`."""
        return ()

    def helper(self, ending: str) -> str:
        """The name of such a column."""
        return f"_{self.name.lstrip('_')}_{ending}"

    def check_references(self, columns: Mapping[str, Column]) -> None:
        """Compare with the table's columns, by name; all that `dependencies` names are there.

        Raises:
            ValueError: if this one names a column that cannot serve it.
        """


class Category(ColumnBase):
    """A string with few distinct values, stored through a dictionary."""

    compares_as: ClassVar[str | None] = "texts"

    codec: Literal["category"]
    type: Literal["string"] = "string"


class Text(ColumnBase):
    """A string with many distinct values."""

    compares_as: ClassVar[str | None] = "texts"

    codec: Literal["text"]
    type: Literal["string"] = "string"


class Json(ColumnBase):
    """Any JSON value, kept as its exact text: a free-form part of the log."""

    takes: ClassVar[tuple[str, ...]] = ("string", "number", "boolean", "container")
    slot: ClassVar[Literal["content", "value", "instant"]] = "value"
    compares_as: ClassVar[str | None] = "texts"

    codec: Literal["json"]
    type: Literal["string"] = "string"


class Integer(ColumnBase):
    """A whole number."""

    takes: ClassVar[tuple[str, ...]] = ("number",)
    compares_as: ClassVar[str | None] = "numbers"

    codec: Literal["integer"]
    type: Literal["int8", "int16", "int32", "int64"] = "int64"


class Decimal(ColumnBase):
    """A number with a fraction, stored as a double; a hidden column keeps the number of digits after its point."""

    takes: ClassVar[tuple[str, ...]] = ("number",)
    compares_as: ClassVar[str | None] = "numbers"

    codec: Literal["decimal"]
    type: Literal["float64"] = "float64"

    @property
    def helpers(self) -> tuple[str, ...]:
        """Digits after the point."""
        return (self.helper("scale"),)


class Boolean(ColumnBase):
    """True or false."""

    takes: ClassVar[tuple[str, ...]] = ("boolean",)
    compares_as: ClassVar[str | None] = "booleans"

    codec: Literal["boolean"]
    type: Literal["boolean"] = "boolean"


class Instant(ColumnBase):
    """An ISO 8601 date and time, with or without offset; stored as UTC.

    `label_checked_by` names an instant column that is known to be true. The text's own offset (its label) is taken as
    wrong if it contradicts that column and the same wall clock, read as UTC, agrees with it.
    `residual_of` names columns (one instant, and integers in milliseconds) whose sum predicts this one. Then the column
    is virtual, and only the small difference is stored.
    """

    slot: ClassVar[Literal["content", "value", "instant"]] = "instant"
    compares_as: ClassVar[str | None] = "instants"

    codec: Literal["instant"]
    type: Literal["timestamp[s]", "timestamp[ms]", "timestamp[us]"] = "timestamp[ms]"
    label_checked_by: Name | None = None
    residual_of: tuple[Name, ...] = ()

    @property
    def unit(self) -> Unit:
        """The unit of the stored integer."""
        return self.type[len("timestamp[") : -1]  # type: ignore[return-value]

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The columns that predict this one."""
        return self.residual_of

    @property
    def helpers(self) -> tuple[str, ...]:
        """What the prediction leaves, and what the label was off."""
        endings = ["residual"] * bool(self.residual_of) + ["shift_min"] * bool(self.label_checked_by)
        return tuple(map(self.helper, endings))

    def check_references(self, columns: Mapping[str, Column]) -> None:
        """Check that one instant and integers predict it, and that the instant that checks its label has a true one."""
        kinds = [columns[name].codec for name in self.residual_of]
        if kinds and (kinds.count("instant") != 1 or set(kinds) - {"instant", "integer"}):
            raise ValueError(
                f"`residual_of` of {self.name!r} must name one instant column, and else integer columns in ms"
            )
        checked_by = self.label_checked_by
        if checked_by and (checked_by not in columns or columns[checked_by].codec != "instant"):
            raise ValueError(f"`label_checked_by` of {self.name!r} must name an instant column; {checked_by!r} is none")
        if checked_by and instant_of(columns, checked_by).label_checked_by:
            raise ValueError(
                f"`label_checked_by` of {self.name!r} names {checked_by!r}, whose own label is checked by "
                "another column; name an instant whose label is always true"
            )


class Uuid(ColumnBase):
    """A UUID in its canonical form (RFC 9562, section 4): 32 hexadecimal digits and 4 hyphens; stored as 16 bytes.

    Texts with letters of the other case, or of both, have the value, but their text is stored too.
    """

    compares_as: ClassVar[str | None] = "uuids"

    codec: Literal["uuid"]
    type: Literal["uuid"] = "uuid"
    letters: Literal["lower", "upper"] = Field(default="lower", description="case of the digits a to f")


class Lookup(ColumnBase):
    """A string that another column, `key`, mostly determines; only the exceptions are stored. Virtual."""

    compares_as: ClassVar[str | None] = "texts"

    codec: Literal["lookup"]
    type: Literal["string"] = "string"
    key: Name

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)

    @property
    def helpers(self) -> tuple[str, ...]:
        """The texts that do not follow from the key."""
        return (self.helper("other"),)

    def check_references(self, columns: Mapping[str, Column]) -> None:
        """Check that the key is a column of texts."""
        if columns[self.key].codec not in ("category", "text"):
            raise ValueError(f"`key` of {self.name!r} must name a category or text column")


class KinesisSequence(ColumnBase):
    """A Kinesis sequence number and sub-sequence number, stored as shard, arrival and counter residuals. Virtual."""

    codec: Literal["kinesis_sequence"]
    type: Literal["string"] = "string"
    arrival: Name = Field(description="the instant column that predicts the number's arrival second")

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The instant that predicts the arrival."""
        return (self.arrival,)

    @property
    def helpers(self) -> tuple[str, ...]:
        """The parts of the number."""
        return tuple(self.helper(part) for part in ("shard", "arrival", "counter", "counter_high", "sub"))

    def check_references(self, columns: Mapping[str, Column]) -> None:
        """Check that an instant predicts it."""
        if columns[self.arrival].codec != "instant":
            raise ValueError(f"`arrival` of {self.name!r} must name an instant column")


Column = Annotated[
    Category | Text | Json | Integer | Decimal | Boolean | Instant | Uuid | Lookup | KinesisSequence,
    Field(discriminator="codec"),
]


class Copy(Model):
    """A value that repeats a column in another form; it takes no bytes in records where it does."""

    path: Path
    of: Name
    form: Literal["instant", "labelled_instant", "epoch_s", "epoch_ms"] = Field(
        description="`labelled_instant`: the instant as its own label says, before any correction"
    )


def is_predicted(column: ColumnBase) -> bool:
    """Whether a record's text is restored from other columns and a small difference, not from the column itself."""
    return bool(column.dependencies)


def is_stored_too(column: ColumnBase) -> bool:
    """Whether the file has a predicted column under its own name, for readers; restoring does not need it."""
    return is_predicted(column) and column.storage == "stored"


def is_virtual(column: ColumnBase) -> bool:
    """Whether the column is derived from others when read, and is not in the file under its own name."""
    return is_predicted(column) and not is_stored_too(column)


def instant_of(columns: Mapping[str, Column], name: str) -> Instant:
    """The instant column of this name, where the contract has checked that it is one."""
    column = columns[name]
    assert isinstance(column, Instant)
    return column
