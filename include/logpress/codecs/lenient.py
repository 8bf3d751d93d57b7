"""Reads the column values of a record that is kept whole; they equal those of a record with a layout."""

from __future__ import annotations

from collections.abc import Mapping

from logpress.codecs.base import Value
from logpress.codecs.registry import codecs_of
from logpress.contract.model import Contract
from logpress.layout.mine import Miner
from logpress.layout.tokens import Leaf, NotAnObjectError


class LenientReader:
    """Reads all columns of a record that can be read; never raises."""

    def __init__(self, contract: Contract) -> None:
        self._codecs = sorted(codecs_of(contract).values(), key=lambda codec: bool(codec.reads))
        self._miner = Miner(contract)

    def registers(self, record: bytes, filling: Mapping[str, Leaf] | None = None) -> list[tuple[str, Value]]:
        """(register, value) pairs; the value of a text is the span of its JSON text in the record.

        Args:
            record: bytes of the record.
            filling: the value that fills each column, if already known.
        """
        if filling is None:
            try:
                filling = self._miner.filling(record)
            except NotAnObjectError:
                return []
        found: dict[str, Value] = {}
        for codec in self._codecs:
            leaf = filling.get(codec.name)
            if leaf is not None:
                found.update(codec.lenient(leaf, record, found))
        return list(found.items())
