"""Readers that give frames: pyarrow, pandas, fastparquet, Polars, pyiceberg. Each filters in its own way."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

from tests.integration.matrix.questions import Asked, Column, Condition, Question, Row

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Ask = Callable[[Question], list[Row]]


def moment(condition: Condition) -> Any:
    """A condition's value as Python has it."""
    if condition.column.type == "instant":
        return _EPOCH + timedelta(microseconds=int(condition.value))
    return condition.value


def rows_of(table: Any, columns: Sequence[Column]) -> list[Row]:
    """Rows of an Arrow table, as answers have them."""
    import pyarrow as pa

    found = []
    for place, column in enumerate(columns):
        array = table.column(place)
        if column.type == "instant":
            unit = pa.timestamp("us", array.type.tz)
            array = array.cast(unit).cast(pa.int64())  # raises where a value is cut
        elif column.type == "date" and pa.types.is_timestamp(array.type):
            array = array.cast(pa.date32()).cast(pa.int32())
        elif column.type == "date":
            array = array.cast(pa.int32())
        values = array.to_pylist()
        if column.type == "binary":
            values = [None if value is None else bytes(value).hex().upper() for value in values]
        found.append(values)
    return list(zip(*found, strict=True))


def _names(question: Question) -> list[str]:
    return [column.name for column in question.columns]


def _by_arrow(table: Any, question: Question) -> list[Row]:
    """Bounds and groups of what was read, by Arrow."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if question.kind == "groups":
        key, number = _names(question)
        found = table.group_by(key).aggregate([([], "count_all"), (number, "sum")])
        names = [key, "count_all", f"{number}_sum"]
        return [(k, n, total or 0) for k, n, total in zip(*(found[name].to_pylist() for name in names), strict=True)]
    rows: list[Row] = []
    for column in question.columns:
        values = table[column.name]
        bounds = pc.min_max(values)
        ends = pa.table({"x": pa.array([bounds["min"].as_py(), bounds["max"].as_py()], values.type)})
        low, high = (row[0] for row in rows_of(ends, [column]))
        rows.append((low, high, len(values) - values.null_count))
    return rows


def pyarrow_dataset(asked: Asked) -> Ask:
    import pyarrow.dataset as ds

    data = ds.dataset(list(asked.files), format="parquet")

    def ask(question: Question) -> list[Row]:
        compared = {">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq}
        conditions = [compared[c.operator](ds.field(c.column.name), moment(c)) for c in question.conditions]
        found = data.to_table(_names(question), filter=reduce(operator.and_, conditions) if conditions else None)
        if question.kind in ("bounds", "groups"):
            return _by_arrow(found, question)
        return rows_of(found, question.columns)

    return ask


def _python_operator(condition: Condition) -> str:
    return "==" if condition.operator == "=" else condition.operator


def _of_pandas(frame: Any, question: Question) -> list[Row]:
    """Answers of a frame; bounds and groups by pandas."""
    import pyarrow as pa

    if question.kind == "groups":
        key, number = _names(question)
        found = frame.groupby(key, dropna=False, observed=True).agg(n=(number, "size"), total=(number, "sum"))
        keys = pa.Array.from_pandas(found.index).to_pylist()
        return [(k, int(n), int(total)) for k, n, total in zip(keys, found["n"], found["total"], strict=True)]
    if question.kind == "bounds":
        rows: list[Row] = []
        for column in question.columns:
            values = frame[column.name].dropna()
            ends = values.iloc[:0] if values.empty else values.agg(["min", "max"]).astype(values.dtype)
            bounds = rows_of(pa.table({"x": pa.Array.from_pandas(ends)}), [column]) or [(None,), (None,)]
            rows.append((bounds[0][0], bounds[1][0], len(values)))
        return rows
    return rows_of(pa.Table.from_pandas(frame[_names(question)], preserve_index=False), question.columns)


def _pandas(asked: Asked, **options: Any) -> Ask:
    import pandas as pd

    def ask(question: Question) -> list[Row]:
        filters = [(c.column.name, _python_operator(c), moment(c)) for c in question.conditions] or None
        names = list(dict.fromkeys(_names(question)))
        read: Any = pd.read_parquet  # which takes lists of paths too
        frame = read(list(asked.files), columns=names, filters=filters, **options)
        return _of_pandas(frame, question)

    return ask


def pandas(asked: Asked) -> Ask:
    return _pandas(asked)


def pandas_nullable(asked: Asked) -> Ask:
    return _pandas(asked, dtype_backend="pyarrow")


def _fastparquet(asked: Asked, filters_rows: bool) -> Ask:
    """Its filters leave out row groups; rows are left out by itself, if `filters_rows`, else by pandas."""
    import pandas as pd
    from fastparquet import ParquetFile

    file = ParquetFile(list(asked.files))

    def ask(question: Question) -> list[Row]:
        filters: list[tuple[str, str, Any]] = []
        for c in question.conditions:
            value = moment(c)
            if isinstance(value, datetime):  # its instants have no zone
                value = pd.Timestamp(value.replace(tzinfo=None))
            filters.append((c.column.name, _python_operator(c), value))
        options = {"filters": [filters], "row_filter": filters_rows} if filters else {}
        names = list(dict.fromkeys([*_names(question), *(name for name, _, _ in filters)]))
        frame = file.to_pandas(columns=names, index=False, **options)
        for name, sign, value in [] if filters_rows else filters:
            compared = {">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq}
            frame = frame[compared[sign](frame[name], value).fillna(False)]
        return _of_pandas(frame, question)

    return ask


def fastparquet(asked: Asked) -> Ask:
    return _fastparquet(asked, False)


def fastparquet_rows(asked: Asked) -> Ask:
    return _fastparquet(asked, True)


def _polars(frame: Any) -> Ask:
    import polars as pl

    def ask(question: Question) -> list[Row]:
        if question.kind == "groups":
            key, number = _names(question)
            found = frame.group_by(key).agg(pl.len(), pl.col(number).sum()).collect()
            return [tuple(row) for row in found.rows()]
        if question.kind == "bounds":
            ends = [f(pl.col(n)).alias(f"{a} {n}") for n in _names(question) for a, f in _POLARS_ENDS(pl)]
            found = frame.select(ends).collect().to_arrow()
            rows: list[Row] = []
            for place, column in enumerate(question.columns):
                [row] = rows_of(found.select([3 * place, 3 * place + 1]), [column, column])
                rows.append((*row, found.column(3 * place + 2).to_pylist()[0]))
            return rows
        compared = {">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq}
        conditions = [compared[c.operator](pl.col(c.column.name), moment(c)) for c in question.conditions]
        found = (frame.filter(*conditions) if conditions else frame).select(_names(question)).collect()
        return rows_of(found.to_arrow(), question.columns)

    return ask


def _POLARS_ENDS(pl: Any) -> list[tuple[str, Any]]:  # noqa: N802
    return [("low", pl.Expr.min), ("high", pl.Expr.max), ("count", pl.Expr.count)]


def polars_parquet(asked: Asked) -> Ask:
    import polars as pl

    return _polars(pl.scan_parquet(list(asked.files)))


def polars_iceberg(asked: Asked) -> Ask:
    import polars as pl

    return _polars(pl.scan_iceberg(asked.metadata))


def pyiceberg(asked: Asked) -> Ask:
    import pyiceberg.expressions as ex
    from pyiceberg.table import StaticTable

    table = StaticTable.from_metadata(asked.metadata)
    compared: dict[str, Any] = {
        ">=": ex.GreaterThanOrEqual, "<": ex.LessThan, "<=": ex.LessThanOrEqual, "=": ex.EqualTo,
    }  # fmt: skip

    def ask(question: Question) -> list[Row]:
        conditions = []
        for c in question.conditions:
            value = moment(c)
            value = value.isoformat() if isinstance(value, datetime | date) else value
            conditions.append(compared[c.operator](c.column.name, value))
        names = tuple(dict.fromkeys(_names(question)))
        kept = reduce(ex.And, conditions) if conditions else ex.AlwaysTrue()
        found = table.scan(row_filter=kept, selected_fields=names).to_arrow()
        if question.kind in ("bounds", "groups"):
            return _by_arrow(found, question)
        return rows_of(found.select(_names(question)), question.columns)

    return ask
