"""Some rows of a row group as registers."""

from __future__ import annotations

from dataclasses import dataclass

from logpress.codecs.texts import Ints, Texts


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of a row group.

    Attributes:
        first: number of the first row.
        count: number of rows.
        regs: int64[registers, >= count]; NULL in registers that the file does not have.
        texts: by register name, the texts of the register's numbers; the same for the whole row group.
    """

    first: int
    count: int
    regs: Ints
    texts: dict[str, Texts]


@dataclass
class Rows:
    """Rows in registers, with the texts of registers that number them.

    Attributes:
        regs: by register name, int64[rows]; only the requested registers.
        texts: by register name.
    """

    count: int
    regs: dict[str, Ints]
    texts: dict[str, Texts]
