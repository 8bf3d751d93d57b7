"""The examples that codecs give of themselves, as columns of a contract and values of its records."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pyarrow as pa

from logpress.codecs.registry import CODECS, codecs_of
from logpress.contract import Contract
from logpress.contract.columns import is_virtual


def with_examples(contract: Contract, codecs: Collection[str] = tuple(CODECS)) -> Contract:
    """A contract, which has a column `kind`, with a column `as_<codec>` more for each codec."""
    data = contract.model_dump(mode="json", exclude_unset=True)
    for name in codecs:
        keys = {key: contract.day if value == "at" else value for key, value in CODECS[name].example.keys.items()}
        data["columns"].append({"name": f"as_{name}", "path": f"as_{name}", "codec": name, **keys})
    return Contract.model_validate(data)


def example_values(*, fits: bool = False) -> dict[str, list[Any]]:
    """The values of each such column: all, or those that come back from the value alone."""
    return {
        f"as_{name}": [json.loads(text) for text in (codec.example.fits if fits else codec.example.texts)]
        for name, codec in CODECS.items()
    }


def shown_as_stored(contract: Contract) -> list[str]:
    """Columns that scans derive from what files have, and other readers see as they are stored.

    UUIDs are none of them: to other readers, too, they are UUIDs, or their texts.
    """
    codecs = codecs_of(contract).values()
    return [
        codec.name
        for codec in codecs
        if codec.is_derived and not is_virtual(codec.column) and codec.stored()[0].type != pa.uuid()
    ]
