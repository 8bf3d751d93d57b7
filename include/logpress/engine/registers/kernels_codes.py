"""Numbers that Python code and kernels share: fields of programs and plans, and states of rows.

Files do not hold them, so they may change with any version. `programs` makes programs, variants and extras;
`render.renderer` makes steps and plans. `kernels_operations`, `kernels_convert` and `kernels_render` read them.
`codecs.kernels_codes` has the codes and fields of operations.
"""

from __future__ import annotations

from typing import Any

from logpress.codecs.kernels_codes import OPERATION_FIELDS
from logpress.kernel.compile import inner_kernel

# -- steps and plans of rendering

STEP_LITERAL_AT = 0
"""Field of a step: position of the literal before the slot."""

STEP_LITERAL_LENGTH = 1
"""Field of a step: bytes of that literal."""

STEP_AT = 2
"""First field of a step's operation: its field F is the step's field STEP_AT + F."""

STEP_FIELDS = STEP_AT + OPERATION_FIELDS
"""Fields of a step."""

FIRST_STEP = 0
"""Column of a plan: the layout's first step."""

END_OF_STEPS = 1
"""Column of a plan: the step behind its last one."""

LENGTH_BOUND = 2
"""Column of a plan: upper bound of the bytes of a record of the layout."""

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
"""Column of an extra slot: position of the text before its value."""

EXTRA_PREFIX_LENGTH = 2
"""Column of an extra slot: bytes of the text before its value."""

EXTRA_KIND = 3
"""Column of an extra slot: its kind."""

EXTRA_LABEL_LENGTH = 4
"""Column of an extra slot: bytes of its value behind the slot, the label of an instant."""

EXTRA_FIELDS = 5
"""Columns of an extra slot."""

# -- states of rows

MISSED = -1
"""Row state: no layout fits."""

FAILED = -2
"""Row state: a layout fits, but some codecs do not; a mask has their slots."""

SUSPECT = -3
"""Row state: a layout fits, but a text in the record is not JSON."""

DROPPED = -4
"""Row state: the record is taken out, as a reject or a duplicate."""

IRREGULAR = 1 << 40
"""Row state: the record is kept whole."""


@inner_kernel
def is_finished(state: Any) -> Any:
    """Whether a row's registers are filled: its state is IRREGULAR, or the number of a program, which is at least 0."""
    return state >= 0
