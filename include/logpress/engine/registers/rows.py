"""Some rows of a row group as registers."""

from __future__ import annotations

from dataclasses import dataclass

from logpress.codecs.texts import Ints, Texts


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of a row group.

    Attributes:
        first: the first row.
        count: how many rows.
        regs: int64[registers, >= count]; NULL where the file does not have a register.
        texts: by register name, the texts that the register numbers; the same ones for all of the row group.
    """

    first: int
    count: int
    regs: Ints
    texts: dict[str, Texts]


@dataclass
class Rows:
    """Rows in registers, with the texts that dictionary registers number.

    Attributes:
        regs: by register name, int64[rows]; only those that were asked for.
        texts: by register name.
    """

    count: int
    regs: dict[str, Ints]
    texts: dict[str, Texts]
