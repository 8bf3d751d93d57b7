"""Rows of part files in common registers, dealt out to buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_registers import all_within
from logpress.codecs.kernels_text import NULL
from logpress.codecs.texts import NO_TEXTS, texts_of
from logpress.engine.order.keys import Keys, TextWords
from logpress.engine.part.metadata import restores_alike
from logpress.engine.part.part_reader import PartReader
from logpress.engine.registers.kernels_rows import pack_rows
from logpress.engine.registers.registers import LAYOUT, RAW
from logpress.engine.registers.row_major import empty_rows
from logpress.engine.registers.rows import Slice
from logpress.engine.render.renderer import Renderer
from logpress.engine.restore.buckets import Buckets, Dealing
from logpress.engine.restore.wanted import WantedGroup
from logpress.errors import PartError
from logpress.layout.model import Layout
from logpress.limits import Limits


class Packer:
    """Packs row groups of parts that may have other layouts, or another version of the contract.

    Attributes:
        registers: of the rows.
        keys: sort keys of the rows.
        renderer: renders the rows.
    """

    def __init__(self, readers: Sequence[PartReader], limits: Limits) -> None:
        self._limits = limits
        self.registers = readers[0].metadata.registers
        self.keys = Keys(self.registers)
        numbers: dict[Layout, int] = {}
        self._layouts: dict[str, NDArray[np.int64]] = {}  # by path, if parts render alike: common layout numbers
        for reader in readers:
            if reader.path not in self._layouts and restores_alike(reader.metadata.contract, self.registers.contract):
                found = [numbers.setdefault(layout, len(numbers)) for layout in reader.metadata.layouts]
                self._layouts[reader.path] = np.array([*found, NULL], dtype=np.int64)
        self.renderer = Renderer(self.registers, tuple(numbers))

    def samples(self, groups: Sequence[WantedGroup]) -> list[tuple[int, NDArray[np.int64]]]:
        """(size, sample of keys) of each row group, for row groups whose samples have the keys used here."""
        found = []
        for number, group in enumerate(groups):
            if group.reader.path in self._layouts:
                sample = group.reader.sample(group.number, self.keys.count)
                sample[-1] += number << 32
                size = self._limits.sorted_row_bytes * group.rows + group.text_bytes
                found.append((size, sample))
        return found

    def deal(self, group: WantedGroup, number: int, buckets: Buckets) -> None:
        """Deal out the rows of a row group, which has this number."""
        registers = self.registers
        dealing = Dealing(buckets, number, group.rows)
        limits = self._limits
        most = max(limits.decoded_rows, min(limits.dealt_rows, limits.dealt_bucket_rows * len(buckets)))
        rows = min(most, group.reader.rows_by_group[group.number]) + limits.decoded_rows
        wide, narrow = empty_rows(registers, rows)
        texts = dict.fromkeys(registers.dictionaries, NO_TEXTS)
        words: TextWords | None = None
        first = last = 0
        for some in self._slices(group.reader, group.number):
            texts.update(some.texts)
            words = words or self.keys.text_words(texts)
            pack_rows(some.regs, some.count, registers.is_narrow, registers.place_of, wide, narrow, last - first)
            last = some.first + some.count
            if last - first >= most:
                dealing.add(wide, narrow, group.rows_within(first, last), first, words)
                first = last
        if words is not None:
            dealing.add(wide, narrow, group.rows_within(first, last), first, words)
        dealing.finish(texts)

    def _slices(self, reader: PartReader, group: int) -> Iterator[Slice]:
        """The rows of a row group, some at a time, with the common numbers of their layouts."""
        layouts = self._layouts.get(reader.path)
        if layouts is None:
            yield from self._whole_slices(reader, group)
            return
        for some in reader.slices(group):
            numbers = some.regs[self.registers[LAYOUT], : some.count]
            if not all_within(numbers, 0, len(layouts) - 2):
                raise PartError(f"{reader.path}: row group {group} has a layout that the file's metadata does not hold")
            numbers[:] = layouts[np.where(numbers == NULL, -1, numbers)]
            yield some

    def _whole_slices(self, reader: PartReader, group: int) -> Iterator[Slice]:
        """Rows of another version of the contract: their keys, and each record whole; all texts come last."""
        records: list[bytes] = []
        theirs = reader.metadata.registers
        wanted = {name for column in self.registers.contract.restore_order for name in self.registers.of_column(column)}
        wanted &= theirs.numbers.keys() - self.registers.dictionaries.keys()
        for sheet, some in reader.sheets(group):
            lengths = np.zeros(some.count, dtype=np.int64)
            text = b"".join(chunk.tobytes() for chunk in sheet.rendered(some, lengths=lengths))
            # not split at newlines, because a record of a hostile file may contain one
            records += [text[begin : end - 1] for begin, end in pairwise([0, *np.cumsum(lengths).tolist()])]
            regs = np.full((len(self.registers), some.count), NULL, dtype=np.int64)
            for name in wanted:
                regs[self.registers[name]] = some.regs[theirs[name], : some.count]
            regs[self.registers[RAW]] = np.arange(some.first, len(records))
            yield Slice(some.first, some.count, regs, {})
        nothing = np.empty((len(self.registers), 0), dtype=np.int64)
        yield Slice(len(records), 0, nothing, {RAW: texts_of(records)})
