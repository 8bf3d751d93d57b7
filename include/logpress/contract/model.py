"""What a table is: the pydantic models behind a contract's YAML.

A contract names the source, the columns (a value's path in a record, how its text becomes a typed value, and
how that is stored), the order of rows, the checks, how late records may arrive, and whose a record is. The engine
knows fields of logs from contracts only.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field, model_validator

from logpress.contract.base import Model, Name, Path, Reader
from logpress.contract.checks import Check
from logpress.contract.columns import (
    Column,
    Copy,
    Storage,
    is_predicted,
)
from logpress.contract.source import Source
from logpress.results import INDEX_TABLES

MOST_ROW_GROUP_ROWS = 4_000_000


class Files(Model):
    """How part files are cut and compressed."""

    row_group_rows: int = Field(default=1_000_000, ge=1_000, le=MOST_ROW_GROUP_ROWS)
    zstd: int = Field(default=9, ge=1, le=22)
    slice_bytes: int = Field(default=8 << 30, ge=1 << 20, description="raw bytes that plan puts into one slice")
    merge_bytes: int = Field(
        default=32 << 20, ge=0, description="stored bytes up to which consecutive hours become one slice; 0: never"
    )
    readers: tuple[Reader, ...] = Field(
        default=(), description="readers that must read the files: `tune` proposes only encodings they read; empty: all"
    )


class ByUser(Model):
    """How days are kept sorted by user, for machines that serve."""

    keep: int = Field(default=7, ge=1, le=400, description="newest days that are kept so")
    columns: tuple[Name, ...] = Field(
        default=(), description="columns besides those of `entity` and `time`; empty: all that part files store"
    )


class Alerts(Model):
    """What people are told about a table's days, beside failures."""

    due: timedelta | None = Field(
        default=None,
        gt=timedelta(0),
        description="how long after its end a day is to be published, such as PT3H; after that it is late",
    )


class Contract(Model):
    """A table: source, columns, order, files and checks."""

    table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
    description: str = ""
    source: Source = Source()
    day: Name = Field(description="the instant column whose UTC date is a record's day")
    columns: tuple[Column, ...] = Field(min_length=1)
    copies: tuple[Copy, ...] = ()
    literals: tuple[Path, ...] = Field(default=(), description="values that hardly ever vary: part of the layout")
    order_by: tuple[Name, ...] = ()
    restore_order: tuple[Name, ...] = ()
    files: Files = Files()
    storage: dict[str, Storage] = Field(
        default_factory=dict, description="encodings of hidden columns, and of virtual ones that are stored"
    )
    checks: tuple[Check, ...] = ()
    entity: tuple[Name, ...] = Field(default=(), max_length=4, description="columns that together name a user")
    time: Name | None = Field(default=None, description="the instant column in whose order a user's rows are")
    by_user: ByUser | None = Field(default=None, description="whether days are kept sorted by user; None: none is")
    personal: tuple[Name, ...] = Field(
        default=(), description="columns that tell of a person: reports show how many values they have, but none"
    )
    alerts: Alerts = Alerts()

    @property
    def by_name(self) -> dict[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @property
    def sha256(self) -> str:
        """SHA-256 of the contract with all defaults, as JSON; hexadecimal.

        Keys that change neither a day's files nor what is checked are left out, so that a day stays current.
        """
        left_out = {"alerts", "entity", "time", "by_user", "personal"}
        return hashlib.sha256(self.model_dump_json(exclude=left_out).encode()).hexdigest()

    @property
    def descriptions(self) -> dict[str, str]:
        """The descriptions of the columns, by name."""
        return {column.name: column.description for column in self.columns if column.description}

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        if self.by_user is not None and not (self.entity and self.time):
            raise ValueError("`by_user` needs `entity`, the columns that name a user, and `time`")
        _check_table(self)
        _check_names(self)
        _check_paths(self)
        _check_circles(self)
        for column in self.columns:
            column.check_references(self.by_name)
        if self.alerts.due is not None and self.alerts.due <= self.source.lateness:
            raise ValueError(
                f"`alerts.due` is {self.alerts.due}, but pressing begins {self.source.lateness} after the end of a day "
                "(`source.lateness`); make it longer"
            )
        return self


def _check_table(contract: Contract) -> None:
    if contract.table in INDEX_TABLES:
        raise ValueError(
            f"a table cannot be named {contract.table!r}, because every lake has a table of that name; rename it"
        )


def _check_names(contract: Contract) -> None:
    columns = contract.by_name
    names = [column.name for column in contract.columns]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two columns are named {name!r}; rename one")

    def need(name: str, where: str, codec: str = "") -> None:
        if name not in columns:
            raise ValueError(f"{where} names {name!r}, which is not a column; columns are {', '.join(columns)}")
        if codec and columns[name].codec != codec:
            raise ValueError(f"{where} names {name!r}, whose codec is {columns[name].codec}; it must be {codec}")

    _check_stored_names(contract)
    _check_stored_too(contract)
    need(contract.day, "`day`", "instant")
    need(contract.time or contract.day, "`time`", "instant")
    for name in contract.order_by:
        need(name, "`order_by`")
        if is_predicted(columns[name]):
            raise ValueError(f"`order_by` names {name!r}, which is virtual; name stored columns only")
    for name in contract.restore_order:
        need(name, "`restore_order`")
    for copy in contract.copies:
        need(copy.of, f"the copy at {copy.path}", "instant")
    twice = next((name for name in contract.entity if contract.entity.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"`entity` names {twice!r} twice; remove one")
    _check_named(contract)
    _check_checks(contract)


def _check_named(contract: Contract) -> None:
    columns = contract.by_name
    for where, named in {
        "`personal`": contract.personal,
        "`entity`": contract.entity,
        "`by_user`": contract.by_user.columns if contract.by_user else (),
    }.items():
        for name in named:
            if name not in columns:
                raise ValueError(f"{where} names {name!r}, which is not a column; columns are {', '.join(columns)}")


def _check_checks(contract: Contract) -> None:
    columns = contract.by_name
    for number, check in enumerate(contract.checks):
        missing = [name for name in check.named if name not in columns]
        if missing:
            raise PlacedError(
                f"a check of kind {check.kind} names {missing[0]!r}, which is not a column; columns are "
                f"{', '.join(columns)}",
                ("checks", number),
            )


class PlacedError(ValueError):
    """What is wrong with one of the contract's entries, found when all of them are known.

    Attributes:
        place: the keys and numbers that lead to it.
    """

    def __init__(self, message: str, place: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.place = place


RECORDS_OWN = ("day", "_layout", "_extra", "_raw", "_row_group")
"""Columns that every part file has in addition to those of its contract."""


def _check_stored_names(contract: Contract) -> None:
    """Check that no two columns of a part file have the same name.

    Names have no capitals, so engines that ignore case find no more equal names.
    """
    for name in RECORDS_OWN:
        if name in contract.by_name:
            raise ValueError(
                f"a column cannot be named {name!r}, because every part file has a column of that name; "
                "rename it, and keep its `path`"
            )
    owners = {column.name: column.name for column in contract.columns}
    for column in contract.columns:
        for name in column.helpers:
            if name in owners:
                raise ValueError(
                    f"the columns {owners[name]!r} and {column.name!r} would both be stored in a "
                    f"column {name!r}; rename one"
                )
            owners[name] = column.name


def _check_stored_too(contract: Contract) -> None:
    for column in contract.columns:
        if column.storage == "stored" and not is_predicted(column):
            raise ValueError(
                f"`storage` of {column.name!r} is `stored`, which is for virtual columns; files have this one anyway"
            )


def _check_paths(contract: Contract) -> None:
    paths = [path for column in contract.columns for path in column.path]
    paths += [copy.path for copy in contract.copies] + list(contract.literals)
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f"path {path!r} is named twice; a value can fill only one column, copy or literal")
        if not _PATH.match(path):
            raise ValueError(f"path {path!r} is not valid; write it as a.b[0].c")


def _check_circles(contract: Contract) -> None:
    columns = contract.by_name
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise ValueError(f"columns predict each other in a circle: {' -> '.join((*trail, name))}")
        if name not in columns:
            raise ValueError(f"column {trail[-1]!r} names {name!r}, which is not a column")
        if name not in done:
            for other in columns[name].dependencies:
                visit(other, (*trail, name))
            done.add(name)

    for name in columns:
        visit(name, ())


_PATH = re.compile(r"^[^.\[\]]+(\[\d+\])*(\.[^.\[\]]+(\[\d+\])*)*$")


def parse_day(text: str) -> date:
    """Parse a day written as YYYY-MM-DD.

    Raises:
        ValueError: if it is not a day.
    """
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{text!r} is not a day; write it as YYYY-MM-DD, such as 2021-12-26")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a day: {error}") from error
