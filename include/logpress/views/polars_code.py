"""The same as `view`, for Polars: Python that makes a lazy frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from logpress.contract.columns import Column, Uuid
from logpress.contract.model import Contract
from logpress.engine.registers.stored_columns import DAY, EXTRA, LAYOUT, RAW
from logpress.views.dialects import Terms
from logpress.views.formulas import micros_name
from logpress.views.view import FILE, Plan, Source, is_looked_up


class Polars(Terms):
    """Expressions of Polars, in Python."""

    def column(self, name: str) -> str:
        """By name."""
        return f'pl.col("{name}")'

    def whole(self, name: str) -> str:
        """As 64 bits."""
        return f"{self.column(name)}.cast(pl.Int64)"

    def micros(self, name: str) -> str:
        """Exact."""
        return f'{self.column(name)}.dt.timestamp("us")'

    def instant(self, micros: str) -> str:
        """Exact."""
        return f'{micros}.cast(pl.Datetime("us", "UTC"))'

    def divided(self, number: str, divisor: int) -> str:
        """Of integers an integer."""
        return f"({number} // {divisor})"

    def floor_divided(self, number: str, divisor: int) -> str:
        """`//` rounds down."""
        return self.divided(number, divisor)

    def or_zero(self, number: str) -> str:
        """A method for it."""
        return f"{number}.fill_null(0)"

    def or_zero_beyond(self, number: str, limit: int) -> str:
        """A condition that is null is none."""
        return f"pl.when({number}.is_between({1 - limit}, {limit - 1})).then({number}).otherwise(0)"


def code(plan: Plan, source: Source, name: str) -> str:
    """The code.

    Args:
        plan: what of each column.
        source: globs of the parts and of the lookups.
        name: of the variable.
    """
    terms = Polars()
    lookups = [column for column in plan.columns if plan.is_lookup(column)]
    files = f', include_file_paths="{FILE}"' if lookups else ""
    lines = [*plan.comments("#").splitlines(), "import polars as pl", ""]
    if lookups:
        lines += ["from datetime import date", ""] if len(plan.periods) > 1 else []
        lines += [
            f"lookups = pl.read_parquet({source.lookups!r}, hive_partitioning=False)",
            'if not lookups["is_whole"].all():',
            '    raise ValueError("a key means several values within one part; let logpress read this table")',
        ]
    elif len(plan.periods) > 1:
        lines += ["from datetime import date", ""]
    lines.append(
        f"{name} = pl.scan_parquet(\n    {source.table!r}, hive_partitioning=False, "
        f'missing_columns="insert", extra_columns="ignore"{files},\n)'
        if len(plan.periods) == 1
        else f"{name} = pl.concat(\n    [pl.scan_parquet(path, hive_partitioning=False{files}) for path in "
        f'sorted(__import__("glob").glob({source.table!r}))],\n    how="diagonal_relaxed",\n)'
    )
    for stage in plan.stages(terms):
        made = [f"    ({_by_day(found, terms)}).alias({micros_name(of)!r})," for of, found in stage]
        lines += [f"{name} = {name}.with_columns(", *made, ")"]
    if lookups:
        lines.append(f'{name} = {name}.with_columns(pl.col("{FILE}").str.extract("([^/\\\\\\\\]+)$"))')
        lines += [
            f'files = {name}.select(file="{FILE}").unique().collect()',
            'if len(files.join(lookups, on="file", how="anti")):',
            '    raise ValueError("a part has no lookups; publish its day again")',
        ]
    for number, column in enumerate(lookups):
        lines += _joined(plan, column, number, terms, name)
    shown = [f'    "{DAY}",']
    for column in plan.columns:
        if plan.is_computed(column):
            shown.append(f"    {terms.instant(terms.column(micros_name(column.name)))}.alias({column.name!r}),")
        elif isinstance(column, Uuid):
            shown.append(f"    {_uuid(column, terms)}.alias({column.name!r}),")
        else:
            shown.append(f'    "{column.name}",')
    shown += [f'    "{EXTRA}",', f'    "{RAW}",']
    return "\n".join([*lines, f"{name} = {name}.select(", *shown, ")"]) + "\n"


def _uuid(column: Uuid, terms: Polars) -> str:
    """The text of a UUID, of which Polars gives the 16 bytes."""
    digits = f'{terms.column(column.name)}.bin.encode("hex")' + (".str.to_uppercase()" * (column.letters == "upper"))
    groups = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
    return f'pl.concat_str([{digits}.str.slice(at, size) for at, size in {groups}], separator="-")'


def _joined(plan: Plan, column: Column, number: int, terms: Polars, frame: str) -> list[str]:
    """Joins as in SQL: whether a layout has a place for the value, and what the key mostly means."""
    name, key = column.name, f"#key_{number}"
    places, value = f"#place_{number}", f"#value_{number}"

    def key_of(found: Column, contract: Contract) -> str | None:
        return terms.column(found.key) if is_looked_up(found) else None

    def value_of(found: Column, contract: Contract) -> str:
        if not is_looked_up(found):
            return terms.column(name)
        other = terms.column(found.helper("other"))
        return f"pl.coalesce({other}, pl.when({terms.column(places)}).then({terms.column(value)}))"

    return [
        f'of = lookups.filter(pl.col("column_name") == {name!r}).lazy()',
        f"{frame} = {frame}.with_columns({_by_day(plan.by_period(name, key_of), terms)}.alias({key!r})).join(",
        f'    of.filter(pl.col("layout").is_not_null()).select("{DAY}", pl.col("file").alias("{FILE}"), '
        f'pl.col("layout").alias("{LAYOUT}"), pl.col("has_value").alias("{places}")),',
        f'    on=["{DAY}", "{FILE}", "{LAYOUT}"], how="left",',
        ").join(",
        f'    of.filter(pl.col("key").is_not_null()).select("{DAY}", pl.col("file").alias("{FILE}"), '
        f'pl.col("key").alias("{key}"), pl.col("value").alias("{value}")),',
        f'    on=["{DAY}", "{FILE}", "{key}"], how="left",',
        f").with_columns({_by_day(plan.by_period(name, value_of), terms)}.alias({name!r}))",
    ]


def _by_day(found: Sequence[tuple[str | None, date | None]], terms: Polars) -> str:
    """One expression of those of all periods."""
    said = found[-1][0] or "pl.lit(None)"
    for formula, last in reversed(found[:-1]):
        if last is not None:
            until = f"{terms.column(DAY)} <= date({last.year}, {last.month}, {last.day})"
            said = f"pl.when({until}).then({formula or 'None'}).otherwise({said})"
    return said
