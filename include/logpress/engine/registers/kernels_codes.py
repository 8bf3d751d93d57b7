"""The numbers by which Python code and kernels tell each other what to do with a slot, and what became of a row.

No file holds them: they may change from one version to the next. `operations` makes operations, `programs` programs,
variants and extras, `render.renderer` steps and plans; `kernels_operations`, `kernels_convert` and `kernels_render`
read them.
"""

from __future__ import annotations

from typing import Any

from logpress.kernel.compile import inner_kernel

# -- codes of operations

INSTANT = 0
"""Code: an instant and, where its label is checked, the minutes by which that lied."""

INTEGER = 1
"""Code: an integer."""

DECIMAL = 2
"""Code: the bits of a double, and the digits after its point."""

BOOLEAN = 3
"""Code: 1 for `true`, 0 for `false`."""

STRING = 4
"""Code: the number of a text that stands between quotes."""

KINESIS = 5
"""Code: shard, arrival second, counter and sub-sequence number."""

COPY_INSTANT = 6
"""Code: an instant that a column's register tells, written in another way; fills no register."""

COPY_EPOCH = 7
"""Code: a number of seconds or milliseconds that an instant's register tells; fills no register."""

VALUE = 8
"""Code: the number of a text that is any value, with its quotes if it is a string."""

ABSENT = 9
"""Code, of pressing only: a register that no slot of the layout fills."""

CUT_EXTRA = 10
"""Code, of rendering only: the text of an extra slot."""

TYPED = 11
"""Code, of pressing only: the value of an extra slot whose text its column's codec does not give back."""

END_OF_RECORD = -1
"""In place of an operation code: the record ends behind this step's literal."""

# -- fields of an operation

SLOT = 0
"""Field of every operation: number of the slot in its layout."""

CODE = 1
"""Field of every operation: its code."""

TARGET = 2
"""Field of every operation but CUT_EXTRA: the register."""

SECOND = 3
"""Field of every operation: the column's second register (an instant's shift, a decimal's scale), or -1."""

SEPARATOR = 4
"""Field of INSTANT and COPY_INSTANT: the byte between date and time."""

DIGITS = 5
"""Field of INSTANT and COPY_INSTANT: digits of the fraction."""

UNITS = 6
"""Field of INSTANT and COPY_INSTANT: units a second of the register."""

REFERENCE = 7
"""Field of INSTANT and COPY_INSTANT: the register of the instant by which the label is checked, or -1."""

OFFSET_MIN = 8
"""Field of INSTANT and COPY_INSTANT: minutes that the label says the wall clock is ahead of UTC."""

REFERENCE_UNITS = 9
"""Field of INSTANT: units a second of the reference."""

SMALLEST = 4
"""Field of INTEGER: smallest value."""

LARGEST = 5
"""Field of INTEGER: largest value."""

DICTIONARY = 4
"""Field of STRING and VALUE: the dictionary of the texts."""

ARRIVAL = 4
"""Field of KINESIS: register of the arrival second."""

COUNTER = 5
"""Field of KINESIS: register of the counter."""

SUB = 6
"""Field of KINESIS: register of the sub-sequence number."""

COLUMN_UNITS = 4
"""Field of COPY_EPOCH: units a second of the column's register."""

COPY_UNITS = 5
"""Field of COPY_EPOCH: units a second of the copy."""

OWN_CODE = 4
"""Field of TYPED: code of the column's own operation."""

OWN_SMALLEST = 5
"""Field of TYPED whose own code is INTEGER: smallest value."""

OWN_LARGEST = 6
"""Field of TYPED whose own code is INTEGER: largest value."""

CUT_PREFIX_LENGTH = 4
"""Field of CUT_EXTRA: bytes that stand before the value in the extra text, behind the end of the value before."""

CUT_KIND = 5
"""Field of CUT_EXTRA: kind of the slot."""

OPERATION_FIELDS = 10
"""Fields of an operation; those that its code does not need are 0."""

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
