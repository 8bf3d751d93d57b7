"""Numbers that codecs and kernels share: codes and fields of operations, and kinds of sort words.

Files do not hold them, so they may change with any version. Codecs make operations (see `codecs.base.Operation`);
`kernels_operations`, `kernels_render` and `kernels_keys` of the engine read them.
"""

from __future__ import annotations

# -- codes of operations

INSTANT = 0
"""Code: an instant and, if its label is checked, the error of the label in minutes."""

INTEGER = 1
"""Code: an integer."""

DECIMAL = 2
"""Code: the bits of a double, and the digits after its point."""

BOOLEAN = 3
"""Code: 1 for `true`, 0 for `false`."""

STRING = 4
"""Code: the number of a text between quotes."""

KINESIS = 5
"""Code: shard, arrival second, counter and sub-sequence number."""

COPY_INSTANT = 6
"""Code: a copy of a column's instant in another format; fills no register."""

COPY_EPOCH = 7
"""Code: a copy of a column's instant in seconds or milliseconds since 1970; fills no register."""

VALUE = 8
"""Code: the number of a text that is any JSON value, with its quotes if it is a string."""

ABSENT = 9
"""Code, of pressing only: a register that no slot of the layout fills."""

CUT_EXTRA = 10
"""Code, of rendering only: the text of an extra slot."""

TYPED = 11
"""Code, of pressing only: the value of an extra slot whose text its column's codec cannot reproduce."""

FIRST_OWN = 12
"""Code: the first of those of `kernels_dispatch`, of codecs whose values kernels of their own read and write."""

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
"""Field of INSTANT and COPY_INSTANT: offset of the label from UTC, in minutes."""

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

OPTION = 4
"""Field of codes from FIRST_OWN on: an integer for the codec's kernels."""

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
"""Field of CUT_EXTRA: bytes in the extra text between the value before and this one."""

CUT_KIND = 5
"""Field of CUT_EXTRA: kind of the slot."""

OPERATION_FIELDS = 10
"""Fields of an operation; those that its code does not need are 0."""

LONGEST_SLOT = 72
"""Longest text of a slot that is not a text, in bytes: an instant has 30, a sequence number 57 and its sub-number's."""

# -- words of keys

AS_IT_IS = 0
"""A word of a key is the register."""

LAST_IF_NULL = 1
"""A word of a key is the register, with null last."""

HEAD = 2
"""A word of a key is the creation second and the low digit of a shard, with null last."""

TEXT = 3
"""A word of a key is a word of the text that the register numbers."""

UNSIGNED = 4
"""A word of a key is the register as an unsigned number."""

UNSIGNED_LAST_IF_NULL = 5
"""A word of a key is the register as an unsigned number, but no value comes last."""
