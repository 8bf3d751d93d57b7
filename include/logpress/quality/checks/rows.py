"""Checks that each row passes or breaks: how many rows of a row group break one, and which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from logpress.codecs.arrow_arrays import missing_of, texts_array, values_of
from logpress.codecs.registry import codecs_of
from logpress.contract.checks import (
    Compare,
    CountedCheck,
    Filled,
    Lateness,
    NotNull,
    Order,
    Pattern,
    Range,
    RowsCheck,
    Values,
    Where,
    name_of,
)
from logpress.contract.model import Contract
from logpress.errors import ContractError
from logpress.quality.checks.conditions import Flags, compiled, flags_of
from logpress.quality.columns import Group
from logpress.results import CheckResult

_SHOWN_VALUES = 5
"""Values that a result shows."""

_LOOKED_AT = 1_000
"""Broken rows of a row group, evenly spaced, among which the most frequent values are looked for."""

_KEPT_VALUES = 10_000
"""[memory] Values that are kept for this; those with fewest rows leave."""

_MICROS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Counted(ABC):
    """A check of rows while the row groups of a day go by.

    Attributes:
        check: the check; it is met by rows, or, for `filled`, by some of them.
        rows: the rows that were looked at: those for which `where` holds.
        broken: those that break it.
    """

    def __init__(self, contract: Contract, check: CountedCheck | Filled, personal: frozenset[str]) -> None:
        self.check = check
        self.rows = 0
        self.broken = 0
        self._found: Counter[str] = Counter()
        self._is_told = not personal.intersection(check.named)
        where = check.where if isinstance(check, RowsCheck) else ()
        self._where = compiled(contract, where) if where else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (*self.check.read, *(self._where.columns if self._where else ()))

    @property
    def examples(self) -> tuple[str, ...]:
        """The most frequent values that broke it, as they read; none of personal columns."""
        return tuple(text for text, _ in self._found.most_common(_SHOWN_VALUES))

    def result(self) -> CheckResult:
        """The result, when all row groups have gone by; not of `filled`, which is met by some rows."""
        check = self.check
        assert isinstance(check, CountedCheck)
        share = self.broken / self.rows if self.rows else 0.0
        ok = share <= check.allowed + 1e-12  # 1 - 0.9 is a little more than 0.1
        message = f"{self.broken:,} of {self.rows:,} {check.fault} ({share:.3%}); at most {check.allowed:.3%} may"
        if isinstance(check, RowsCheck) and check.where:
            message += f"; looked at are rows where {' and '.join(check.where)}"
        if self.examples and not ok:
            message += f"; for example {', '.join(self.examples)}"
        return CheckResult(
            check=name_of(check), kind=check.kind, columns=check.named, level=check.level, ok=ok, message=message,
            observed=share, high=check.allowed, examples=self.examples,
        )  # fmt: skip

    def add(self, group: Group) -> None:
        """Look at a row group.

        Raises:
            ContractError: if conditions do not fit the columns.
        """
        chosen = self._chosen(group)
        self.rows += group.count if chosen is None else int(np.count_nonzero(chosen))
        broken = self._broken(group)
        if chosen is not None:
            broken = broken & chosen
        places = np.flatnonzero(broken)
        self.broken += len(places)
        if self._is_told and len(places):
            for place in places[:: -(-len(places) // _LOOKED_AT)]:
                self._found[self._text(group, int(place))] += 1
            if len(self._found) > _KEPT_VALUES:
                self._found = Counter(dict(self._found.most_common(_KEPT_VALUES // 2)))

    @abstractmethod
    def _broken(self, group: Group) -> Flags:
        """bool[rows]: which rows break it."""

    def _text(self, group: Group, row: int) -> str:
        texts = [_shown(group.arrays[name], row) for name in self.check.named if name in group.arrays]
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    def _chosen(self, group: Group) -> Flags | None:
        return None if self._where is None else self._where.matching(group)


class _OfColumn(Counted):
    """A check of one column's values; a part without the column has nulls only."""

    def _broken(self, group: Group) -> Flags:
        array = group.arrays.get(self.check.named[0])
        if array is None:
            return np.full(group.count, isinstance(self.check, NotNull | Filled))
        return self._broken_values(array)

    def _broken_values(self, array: pa.Array) -> Flags:
        raise NotImplementedError


class _NotNull(_OfColumn):
    def __init__(self, contract: Contract, check: CountedCheck | Filled, personal: frozenset[str]) -> None:
        super().__init__(contract, check, personal)
        self._is_told = False  # that a null is null tells nothing

    def _broken_values(self, array: pa.Array) -> Flags:
        missing = missing_of(array)
        return np.zeros(len(array), dtype=np.bool_) if missing is None else missing


class _Range(_OfColumn):
    def _broken_values(self, array: pa.Array) -> Flags:
        check = self.check
        assert isinstance(check, Range)
        factor = _MICROS if pa.types.is_timestamp(array.type) else 1
        values = values_of(array)
        broken = np.zeros(len(array), dtype=np.bool_)
        if check.min is not None:
            broken |= values < check.min * factor
        if check.max is not None:
            broken |= values > check.max * factor
        if values.dtype == np.float64:
            broken |= np.isnan(values)
        return _there(broken, array)


class _OfTexts(_OfColumn):
    """A check that decides by the text; of dictionaries each text is looked at once."""

    def _broken_values(self, array: pa.Array) -> Flags:
        if pa.types.is_dictionary(array.type):
            is_wrong = np.append(~self._fits(array.dictionary), False)  # for the numbers of nulls, which may be any
            codes, missing = values_of(array.indices), missing_of(array)
            found: Flags = is_wrong[codes if missing is None else np.where(missing, len(is_wrong) - 1, codes)]
            return found
        return _there(~self._fits(array), array)

    def _fits(self, texts: pa.Array) -> Flags:
        raise NotImplementedError


class _Values(_OfTexts):
    def _fits(self, texts: pa.Array) -> Flags:
        import pyarrow.compute as pc  # here, because it is slow to import

        assert isinstance(self.check, Values)
        wanted = texts_array([value.encode() for value in self.check.values], pa.string())
        return values_of(pc.is_in(texts.cast(pa.string()), value_set=wanted))


class _Pattern(_OfTexts):
    def _fits(self, texts: pa.Array) -> Flags:
        assert isinstance(self.check, Pattern)
        return values_of(_matches(texts, self.check))


class _Compare(Counted):
    def _broken(self, group: Group) -> Flags:
        import pyarrow.compute as pc

        from logpress.conditions.matching import matching

        check = self.check
        assert isinstance(check, Compare)
        if not group.arrays.keys() >= set(check.columns):
            return np.zeros(group.count, dtype=np.bool_)
        one, two = (pc.field(name) for name in check.columns)
        expression = {
            "=": one != two, "!=": one == two, "<": one >= two, "<=": one > two, ">": one <= two, ">=": one < two,
        }[check.operator]  # fmt: skip
        columns = {name: group.arrays[name] for name in set(check.columns)}
        return flags_of(matching(columns, group.count, expression), group.count)


class _Order(Counted):
    def _broken(self, group: Group) -> Flags:
        check = self.check
        assert isinstance(check, Order)
        broken = np.zeros(group.count, dtype=np.bool_)
        tolerance = check.tolerance // timedelta(microseconds=1)
        last, is_known = np.zeros(group.count, dtype=np.int64), np.zeros(group.count, dtype=np.bool_)
        for name in check.columns:
            if name not in group.arrays:
                continue
            values, missing = values_of(group.arrays[name]), missing_of(group.arrays[name])
            is_there = np.ones(group.count, dtype=np.bool_) if missing is None else ~missing
            broken |= is_known & is_there & (last - values > tolerance)
            last, is_known = np.where(is_there, values, last), is_known | is_there
        return broken


class _Where(Counted):
    def __init__(self, contract: Contract, check: CountedCheck | Filled, personal: frozenset[str]) -> None:
        assert isinstance(check, Where)
        super().__init__(contract, check, personal)
        self._conditions = compiled(contract, check.conditions)
        self._is_told = not personal.intersection(self._conditions.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*super().columns, *self._conditions.columns)

    def _broken(self, group: Group) -> Flags:
        return self._conditions.matching(group)

    def _text(self, group: Group, row: int) -> str:
        names = [name for name in self._conditions.columns if name in group.arrays]
        return ", ".join(f"{name} {_shown(group.arrays[name], row)}" for name in names)


class _Lateness(Counted):
    """Broken are the rows whose instant follows the other too late."""

    def _broken(self, group: Group) -> Flags:
        check = self.check
        assert isinstance(check, Lateness)
        if not {check.column, check.since} <= group.arrays.keys():
            return np.zeros(group.count, dtype=np.bool_)
        later, earlier = group.arrays[check.column], group.arrays[check.since]
        most = check.max // timedelta(microseconds=1)
        return _there(_there(values_of(later) - values_of(earlier) > most, later), earlier)

    def _text(self, group: Group, row: int) -> str:
        check = self.check
        assert isinstance(check, Lateness)
        lag = int(values_of(group.arrays[check.column])[row]) - int(values_of(group.arrays[check.since])[row])
        return f"{timedelta(seconds=lag // _MICROS)}"


_KINDS: dict[type, type[Counted]] = {
    Filled: _NotNull,
    NotNull: _NotNull,
    Range: _Range,
    Values: _Values,
    Pattern: _Pattern,
    Compare: _Compare,
    Order: _Order,
    Where: _Where,
    Lateness: _Lateness,
}


def counted(contract: Contract, check: object, personal: frozenset[str]) -> Counted | None:
    """What counts the rows that break a check; None if it is not one of rows, or if the profile has the answer.

    Raises:
        ContractError: if its conditions or its pattern cannot be used.
    """
    kind = _KINDS.get(type(check))
    if kind is None or (isinstance(check, Filled) and codecs_of(contract)[check.column].is_comparable):
        return None
    assert isinstance(check, CountedCheck | Filled)
    if isinstance(check, Pattern):
        _see_pattern(check)
    return kind(contract, check, personal)


def _see_pattern(check: Pattern) -> None:
    """See that a regular expression can be used, by itself too: `a)|(b` closes the group around it."""
    import pyarrow.compute as pc

    nothing = texts_array([b""], pa.string())
    try:
        pc.match_substring_regex(nothing, check.pattern)
        _matches(nothing, check)
    except pa.ArrowInvalid as error:
        raise ContractError(
            f"the check of kind pattern of {check.column} has a regular expression that RE2 does not know: "
            f"{check.pattern!r}: {error}; correct it"
        ) from error


def _matches(texts: pa.Array, check: Pattern) -> pa.Array:
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts.cast(pa.string()), f"^(?:{check.pattern})$").fill_null(False)


def _there(broken: Flags, array: pa.Array) -> Flags:
    """The same without nulls."""
    missing = missing_of(array)
    return broken if missing is None else broken & ~missing


_MOST_CHARACTERS = 80


def _shown(array: pa.Array, row: int) -> str:
    """A value as it reads, cut if it is long."""
    scalar = array[row]
    if not scalar.is_valid:
        return "null"
    if pa.types.is_timestamp(array.type):
        try:
            return (_EPOCH + timedelta(microseconds=scalar.value)).isoformat().replace("+00:00", "Z")
        except OverflowError:
            return f"{scalar.value} us"
    value = scalar.as_py()
    if isinstance(value, str):
        return repr(value if len(value) <= _MOST_CHARACTERS else f"{value[:_MOST_CHARACTERS]}...")
    return str(value)
