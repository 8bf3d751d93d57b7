"""The codecs, by the names that contracts use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from logpress.codecs.base import ColumnCodec
from logpress.codecs.boolean import BooleanCodec
from logpress.codecs.category import CategoryCodec
from logpress.codecs.decimal import DecimalCodec
from logpress.codecs.instant import InstantCodec
from logpress.codecs.integer import IntegerCodec
from logpress.codecs.json_value import JsonCodec
from logpress.codecs.kinesis_sequence import KinesisSequenceCodec
from logpress.codecs.lookup import LookupCodec
from logpress.codecs.text import TextCodec
from logpress.codecs.uuid import UuidCodec
from logpress.contract.model import Contract
from logpress.contract.once import once_per_contract

CODECS: Mapping[str, type[ColumnCodec[Any]]] = {
    "category": CategoryCodec,
    "text": TextCodec,
    "json": JsonCodec,
    "integer": IntegerCodec,
    "decimal": DecimalCodec,
    "boolean": BooleanCodec,
    "instant": InstantCodec,
    "uuid": UuidCodec,
    "lookup": LookupCodec,
    "kinesis_sequence": KinesisSequenceCodec,
}


@once_per_contract
def codecs_of(contract: Contract) -> Mapping[str, ColumnCodec[Any]]:
    """The codecs of a contract's columns, by name, in the contract's order."""
    columns = contract.by_name
    return MappingProxyType({name: CODECS[column.codec](column, columns) for name, column in columns.items()})


def in_order_of_dependency(codecs: Mapping[str, ColumnCodec[Any]]) -> list[ColumnCodec[Any]]:
    """All codecs of a contract, each after those of the columns that predict it."""
    done: dict[str, ColumnCodec[Any]] = {}
    while len(done) < len(codecs):
        for name, codec in codecs.items():
            if name not in done and all(other in done for other in codec.column.dependencies):
                done[name] = codec
    return list(done.values())
