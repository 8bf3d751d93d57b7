"""The numbers by which Python code and kernels tell each other what a layout's program is, and what became of a row.

No file holds them: they may change from one version to the next. `programs` makes programs, variants and extras,
`render.renderer` steps and plans; `kernels_operations`, `kernels_convert` and `kernels_render` read them. The numbers
of operations are those of codecs: see `codecs.kernels_codes`.
"""

from __future__ import annotations

from typing import Any

from logpress.codecs.kernels_codes import OPERATION_FIELDS
from logpress.kernel.compile import inner_kernel

# -- steps and plans of rendering

STEP_LITERAL_AT = 0
"""Field of a step: position of the literal that stands before the slot."""

STEP_LITERAL_LENGTH = 1
"""Field of a step: bytes of that literal."""

STEP_AT = 2
"""Where a step's operation begins: its field F is the step's field STEP_AT + F."""

STEP_FIELDS = STEP_AT + OPERATION_FIELDS
"""Fields of a step."""

FIRST_STEP = 0
"""Column of a plan: the layout's first step."""

END_OF_STEPS = 1
"""Column of a plan: the step behind its last one."""

LENGTH_BOUND = 2
"""Column of a plan: bytes that a record of the layout has at most."""

PLAN_FIELDS = 3
"""Columns of a plan."""

# -- programs of pressing

FIRST_OPERATION = 0
"""Column of a program: its first operation."""

END_OF_OPERATIONS = 1
"""Column of a program: the operation behind its last one."""

FIRST_EXTRA = 2
"""Column of a program: its first extra slot."""

END_OF_EXTRAS = 3
"""Column of a program: the extra slot behind its last one."""

FIRST_VARIANT = 4
"""Column of a program: the first of its variants, or -1."""

PROGRAM_FIELDS = 5
"""Columns of a program."""

VARIANT_SLOTS = 0
"""Column of a variant: the mask of the slots whose codecs do not fit, as int64."""

VARIANT_PROGRAM = 1
"""Column of a variant: the program that converts such records."""

NEXT_VARIANT = 2
"""Column of a variant: the next one of the same program, or -1."""

VARIANT_FIELDS = 3
"""Columns of a variant."""

EXTRA_SLOT = 0
"""Column of an extra slot: its number in the layout."""

EXTRA_PREFIX_AT = 1
"""Column of an extra slot: position of what stands before its value."""

EXTRA_PREFIX_LENGTH = 2
"""Column of an extra slot: bytes of what stands before its value."""

EXTRA_KIND = 3
"""Column of an extra slot: its kind."""

EXTRA_LABEL_LENGTH = 4
"""Column of an extra slot: bytes by which its value ends further than the matcher cut it."""

EXTRA_FIELDS = 5
"""Columns of an extra slot."""

# -- states of rows

MISSED = -1
"""Row state: no layout fits."""

FAILED = -2
"""Row state: a layout fits, but a codec does not; a mask says which slots'."""

SUSPECT = -3
"""Row state: a layout fits, but a text in the record is no JSON."""

DROPPED = -4
"""Row state: the record is taken out, as a reject or as a repetition."""

IRREGULAR = 1 << 40
"""Row state: the record is kept whole."""


@inner_kernel
def is_finished(state: Any) -> Any:
    """Whether a row's registers are filled: its state is IRREGULAR, or a program's number, which is 0 or more."""
    return state >= 0
