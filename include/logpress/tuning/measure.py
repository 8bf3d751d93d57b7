"""Measure a stored column in each encoding and zstd level, written by logpress's writer and read by pyarrow."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from logpress.contract.base import Encoding
from logpress.contract.model import Contract
from logpress.engine.part.metadata import open_writer
from logpress.engine.part.part_file import open_part
from logpress.engine.registers.stored_columns import ROW_GROUP, StoredColumn, stored_columns
from logpress.quality.readers import encodings_of

COARSE_LEVELS = (1, 3, 6, 9, 12)

_FAR = 1.25
"""Price, relative to the best of all, above which an encoding is not measured beyond coarse levels."""

_HOPELESS = 2.0
"""Price, relative to the best so far, above which an encoding's higher coarse levels are skipped."""

_FINALISTS = 3
_ROUNDS = 4


@dataclass(frozen=True, order=True, slots=True)
class Candidate:
    """A way to store a column."""

    encoding: Encoding
    zstd: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a candidate.

    Attributes:
        stored_bytes: size of the column's chunks.
        write_ns: processor time to encode, compress and write them to memory; the lowest of several.
        read_ns: processor time to read them with pyarrow; the lowest of several.
    """

    stored_bytes: int
    write_ns: int
    read_ns: int

    def least(self, other: Cost) -> Cost:
        """The lower times of two measurements."""
        return Cost(self.stored_bytes, min(self.write_ns, other.write_ns), min(self.read_ns, other.read_ns))


class ColumnSample:
    """A column's values by row group, sorted and typed as in a part, and the costs of candidates.

    Attributes:
        column: the column with its present storage.
        costs: the costs measured so far.
    """

    def __init__(self, contract: Contract, column: StoredColumn, groups: Sequence[pa.Array]) -> None:
        self.column = column
        self.rows = sum(map(len, groups))
        self.costs: dict[Candidate, Cost] = {}
        self._contract = contract
        self._texts = pa.types.is_string(column.type) or pa.types.is_binary(column.type)
        self._groups = groups
        self._dictionaries: Sequence[pa.Array] = ()

    @property
    def today(self) -> Candidate:
        """The storage in the contract."""
        return Candidate(self.column.encoding, self.column.zstd)

    def measure(self, candidate: Candidate) -> Cost:
        """Write and read a candidate once; returns the lowest times of all its measurements."""
        column = replace(self.column, encoding=candidate.encoding, zstd=candidate.zstd)
        sink = pa.BufferOutputStream()
        writer = open_writer(sink, self._contract, [column])
        is_dictionary = candidate.encoding == "dictionary"
        groups = self._encoded() if self._texts and is_dictionary else self._groups
        # Processor time, not wall time, because other users of the machine must not count.
        began = time.thread_time_ns()
        for array in groups:
            if not is_dictionary and pa.types.is_dictionary(array.type):
                array = array.dictionary_decode()  # as the engine does, which has texts as numbers
            table = pa.Table.from_arrays([array], schema=writer.schema)
            writer.write_table(table)
        wrote = time.thread_time_ns() - began
        writer.close()
        file = pq.ParquetFile(sink.getvalue())
        began = time.thread_time_ns()
        file.read(use_threads=False)
        read = time.thread_time_ns() - began
        size = sum(
            file.metadata.row_group(group).column(0).total_compressed_size
            for group in range(file.metadata.num_row_groups)
        )
        cost = Cost(size, wrote, read)
        if candidate in self.costs:
            cost = cost.least(self.costs[candidate])
        self.costs[candidate] = cost
        return cost

    def forget(self) -> None:
        """Free the values."""
        self._groups = self._dictionaries = ()

    def _encoded(self) -> Sequence[pa.Array]:
        """The values, with texts as dictionaries."""
        if not self._dictionaries:
            self._dictionaries = [
                array if pa.types.is_dictionary(array.type) else array.dictionary_encode() for array in self._groups
            ]
        return self._dictionaries


def columns_of(contract: Contract, path: str) -> Iterable[ColumnSample]:
    """The columns of a part file, one at a time.

    Raises:
        PartError: if the file is damaged.
    """
    columns = [column for column in stored_columns(contract) if column.name != ROW_GROUP]  # whose storage is fixed
    texts = [c.name for c in columns if pa.types.is_string(c.type) or pa.types.is_binary(c.type)]
    with open_part(path, texts) as file:
        for column in columns:
            groups = []
            for group in range(file.num_row_groups):
                chunks = file.read_row_group(group, columns=[column.name], use_threads=False).column(0)
                groups.append(chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks())
            yield ColumnSample(contract, column, groups)


def measure_column(sample: ColumnSample, ns_a_byte: float, allowed: Collection[Encoding]) -> list[Candidate]:
    """Measure a column's candidates: every encoding at coarse levels, then at fine levels near its best one.

    The best of the allowed ones are measured several times, in turn with today's, so that other load on the machine
    affects all of them alike.

    Args:
        sample: the column.
        ns_a_byte: price of a byte.
        allowed: encodings that may be chosen; the others are measured for their size only.

    Returns:
        The candidates that were measured often enough to be compared, today's among them.
    """

    def price(candidate: Candidate) -> float:
        cost = sample.costs[candidate]
        return cost.stored_bytes * ns_a_byte + cost.write_ns

    encodings = encodings_of(sample.column.type)
    sample.measure(sample.today)  # not used, because the first write is slower than others
    by_encoding = {encoding: [Candidate(encoding, level) for level in COARSE_LEVELS] for encoding in encodings}
    in_turn = sorted(encodings, key=lambda encoding: encoding != sample.today.encoding)
    for encoding in in_turn:
        candidates = by_encoding[encoding]
        for number, candidate in enumerate(candidates):
            sample.measure(candidate)
            # Higher levels only take longer. All are measured for today's encoding, because the report shows the file
            # at each level.
            if encoding != sample.today.encoding and price(candidate) > _HOPELESS * min(map(price, sample.costs)):
                del candidates[number + 1 :]
                break
    least = min(price(c) for encoding in encodings if encoding in allowed for c in by_encoding[encoding])
    finalists = {sample.today}
    for encoding, candidates in by_encoding.items():
        best = min(candidates, key=price)
        if price(best) > _FAR * least:
            continue
        fine = [Candidate(encoding, level) for level in _between(best.zstd)]
        for candidate in fine:
            sample.measure(candidate)
        candidates += fine
        if encoding in allowed:
            finalists.update(sorted(candidates, key=price)[:_FINALISTS])
    found = sorted(finalists)
    for _ in range(_ROUNDS):
        for candidate in found:
            sample.measure(candidate)
    return found


def _between(level: int) -> list[int]:
    """The fine levels between the neighbours of a coarse level."""
    place = COARSE_LEVELS.index(level)
    low = COARSE_LEVELS[max(0, place - 1)]
    high = COARSE_LEVELS[min(len(COARSE_LEVELS) - 1, place + 1)]
    return [fine for fine in range(low, high + 1) if fine not in COARSE_LEVELS]
