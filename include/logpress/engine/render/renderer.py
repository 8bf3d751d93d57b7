"""Rows in registers back to records: the plan that the rendering kernel runs, and the loop around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from logpress.codecs.kernels_codes import (
    CODE,
    CUT_EXTRA,
    CUT_KIND,
    CUT_PREFIX_LENGTH,
    END_OF_RECORD,
    LONGEST_SLOT,
    SLOT,
)
from logpress.codecs.kernels_kinesis import SHARD_WORDS, SHARDS_MET
from logpress.codecs.kernels_text import NULL
from logpress.codecs.texts import NO_TEXTS, Ints, Texts
from logpress.engine.registers.kernels_codes import (
    END_OF_STEPS,
    FIRST_STEP,
    LENGTH_BOUND,
    PLAN_FIELDS,
    STEP_AT,
    STEP_FIELDS,
    STEP_LITERAL_AT,
    STEP_LITERAL_LENGTH,
)
from logpress.engine.registers.operations import extra_prefixes, operation
from logpress.engine.registers.registers import EXTRA, RAW, Registers
from logpress.engine.registers.rows import Slice
from logpress.engine.render.kernels_render import DATE_WORDS, DATES_MET, hash_lines, render_rows
from logpress.errors import PartError
from logpress.kernel.words import PADDING
from logpress.layout.kernels_json import MAX_DEPTH
from logpress.layout.model import Layout
from logpress.limits import DEFAULT, Limits

FAR_TEXTS = 2048
"""[speed] Fewest texts of a dictionary for which loading begins before a text is needed."""

_NO_LENGTHS = np.empty(0, dtype=np.int64)


class Renderer:
    """Renders rows of one part: its layouts, in the form of the kernel."""

    def __init__(self, registers: Registers, layouts: Sequence[Layout]) -> None:
        self.registers = registers
        self.layouts = layouts
        literals = bytearray()
        steps: list[list[int]] = []
        self._spans: list[tuple[int, int]] = []
        for layout in layouts:
            first = len(steps)
            prefixes = dict(extra_prefixes(layout))
            for index, literal in enumerate(layout.literals):
                step = [0] * STEP_FIELDS
                step[STEP_LITERAL_AT], step[STEP_LITERAL_LENGTH] = len(literals), len(literal)
                literals += literal
                if index == len(layout.slots):
                    step[STEP_AT + CODE] = END_OF_RECORD
                elif index in prefixes:
                    step[STEP_AT + SLOT], step[STEP_AT + CODE] = index, CUT_EXTRA
                    step[STEP_AT + CUT_PREFIX_LENGTH] = len(prefixes[index])
                    step[STEP_AT + CUT_KIND] = int(layout.slots[index].kind)
                else:
                    step[STEP_AT:] = operation(layout.slots[index], registers).row(index)
                steps.append(step)
            self._spans.append((first, len(steps)))
        self._literals = np.frombuffer(bytes(literals) + bytes(PADDING), dtype=np.uint8)
        self._steps = np.array(steps, dtype=np.int64).reshape(-1, STEP_FIELDS)

    def records(self, regs: Ints, texts: Mapping[str, Texts]) -> list[bytes]:
        """The bytes of each row of a matrix of registers."""
        order = np.arange(regs.shape[1], dtype=np.int32)
        counts = np.zeros(2, dtype=np.int64)
        return [chunk[:-1].tobytes() for chunk in Sheet(self, texts).chunks(regs, order, counts, one_by_one=True)]

    def _arena(self, texts: Mapping[str, Texts]) -> tuple[NDArray[np.uint8], Ints, Ints, Ints, Ints]:
        """All dictionaries joined: (texts, offsets, begin of each, number of texts of each, longest text of each)."""
        count = len(self.registers.dictionaries)
        bases, sizes, longest = (np.zeros(count, dtype=np.int64) for _ in range(3))
        data: list[NDArray[np.uint8]] = []
        offsets: list[Ints] = []
        at = base = 0
        for name, number in self.registers.dictionaries.items():
            entry = texts.get(name, NO_TEXTS)
            first, last = int(entry.offsets[0]), int(entry.offsets[-1])
            data.append(entry.data[first:last])
            offsets.append(entry.offsets - first + at)
            bases[number], sizes[number] = base, len(entry)
            longest[number] = np.diff(entry.offsets).max(initial=0)
            at += last - first
            base += len(entry.offsets)
        data.append(np.zeros(PADDING, dtype=np.uint8))
        return np.concatenate(data), np.concatenate(offsets), bases, sizes, longest

    def _plans(self, longest: Ints) -> Ints:
        dictionaries = self.registers.dictionaries
        plans = np.zeros((len(self._spans), PLAN_FIELDS), dtype=np.int64)
        for number, ((first, last), layout) in enumerate(zip(self._spans, self.layouts, strict=True)):
            bound = sum(map(len, layout.literals))
            has_extra = False
            for slot in layout.slots:
                if slot.role == "extra":
                    has_extra = True
                elif slot.role == "column" and slot.name in dictionaries:
                    bound += int(longest[dictionaries[slot.name]])
                else:
                    bound += LONGEST_SLOT
            plans[number, FIRST_STEP], plans[number, END_OF_STEPS] = first, last
            plans[number, LENGTH_BOUND] = bound + (int(longest[dictionaries[EXTRA]]) if has_extra else 0)
        return plans


class Sheet:
    """Renders rows with common dictionaries: the plan and the texts of one row group, in the form of the kernel.

    Args:
        renderer: of the layouts.
        texts: by register name.
        origin: of the rows, for errors.
        limits: size of its buffer.
    """

    def __init__(
        self, renderer: Renderer, texts: Mapping[str, Texts], origin: str = "a part", limits: Limits = DEFAULT
    ) -> None:
        self._origin = origin
        self._renderer = renderer
        self._texts, self._offsets, self._bases, self._sizes, self._longest = renderer._arena(texts)
        dictionaries = renderer.registers.dictionaries
        far = [
            (renderer.registers[name], number)
            for name, number in dictionaries.items()
            if self._sizes[number] > FAR_TEXTS
        ]
        self._far = np.array(far, dtype=np.int64).reshape(-1, 2)
        self._plans = renderer._plans(self._longest)
        raw = int(self._longest[renderer.registers.dictionaries[RAW]])
        self._bound = max(int(self._plans[:, LENGTH_BOUND].max(initial=0)), raw) + 2 * PADDING
        self._out = np.empty(max(limits.render_buffer_bytes, self._bound), dtype=np.uint8)

    def twin(self, out: NDArray[np.uint8] | None = None) -> Sheet:
        """The same plan and texts with another buffer: `out` if it is large enough, else a new one."""
        twin = copy(self)
        twin._out = out if out is not None and len(out) >= self._bound else np.empty_like(self._out)
        return twin

    def rendered(
        self,
        rows: Slice,
        counts: Ints | None = None,
        *,
        digest: NDArray[np.uint64] | None = None,
        lengths: Ints | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Render rows in the order of the file, each followed by a newline; see `chunks`."""
        order = np.arange(rows.count, dtype=np.int32)
        counts = np.zeros(2, dtype=np.int64) if counts is None else counts
        return self.chunks(rows.regs, order, counts, digest=digest, lengths=lengths)

    def chunks(
        self,
        regs: Ints,
        order: NDArray[np.int32],
        counts: Ints,
        *,
        digest: NDArray[np.uint64] | None = None,
        lengths: Ints | None = None,
        one_by_one: bool = False,
    ) -> Iterator[NDArray[np.uint8]]:
        """Render rows in chunks; all chunks share one buffer.

        Args:
            regs: int64[registers, rows].
            order: int32[k], the rows in their order.
            counts: int64[2]; the numbers of records, and of their bytes without newlines, are added.
            digest: uint64[2]; the records' hashes are added.
            lengths: int64[k], gets the length of each record with its newline.
            one_by_one: whether each chunk is one record.
        """
        renderer = self._renderer
        numbers, dictionaries = renderer.registers.numbers, renderer.registers.dictionaries
        stack = np.empty(MAX_DEPTH, dtype=np.uint8)
        dates = np.full((DATES_MET, DATE_WORDS), NULL, dtype=np.int64)
        shards = np.full((SHARDS_MET, SHARD_WORDS), NULL, dtype=np.int64)
        sums = np.zeros(2, dtype=np.uint64) if digest is None else digest
        done = 0
        while done < len(order):
            before = done
            done, used = render_rows(
                order[: done + 1] if one_by_one else order, done, self._out, renderer._literals, renderer._steps,
                self._plans, regs, self._texts, self._offsets, self._bases, self._sizes, self._far,
                numbers[EXTRA], dictionaries[EXTRA], numbers[RAW], dictionaries[RAW], digest is not None,
                sums, _NO_LENGTHS if lengths is None else lengths, counts, stack, dates, shards,
            )  # fmt: skip
            if done < 0 or done == before:
                row = order[-1 - done] if done < 0 else order[done]
                raise PartError(f"{self._origin}: row {row} of those read together contradicts its layout")
            yield self._out[:used]

    def hashes(self, rows: Slice) -> Iterator[NDArray[np.uint64]]:
        """The first words of the hashes of a file's rows, some at a time; rows that cannot be rendered are left out."""
        order = np.arange(rows.count, dtype=np.int32)
        while len(order):
            counts, lengths = np.zeros(2, dtype=np.int64), np.zeros(len(order), dtype=np.int64)
            chunks = self.chunks(rows.regs, order, counts, lengths=lengths)
            hashed, is_sound = 0, True
            while is_sound and hashed < len(order):
                try:
                    next(chunks)
                except PartError:  # the rows before it are in the buffer
                    is_sound = False
                words = np.empty(int(counts[0]) - hashed, dtype=np.uint64)
                hash_lines(self._out, lengths[hashed:], len(words), words)
                hashed += len(words)
                yield words
            order = order[hashed + 1 :]
