"""Numbers that describe layouts to kernels: kinds of slots, and columns of the trie of layouts."""

from __future__ import annotations

KIND_STRING = 0
"""[format] The text between two quotes."""

KIND_NUMBER = 1
"""[format] A number."""

KIND_BOOLEAN = 2
"""[format] `true` or `false`."""

KIND_FIXED = 3
"""[format] A fixed number of bytes: an instant up to the end of its fraction."""

KIND_CONTAINER = 4
"""[format] An object or array."""

KIND_ANY = 5
"""[format] Any value except null, with its quotes."""

KIND_END = 6
"""No slot: the record ends here. Files do not hold it."""

SEPARATOR_AT = len("YYYY-MM-DD")
"""Index of the separator of date and time in an instant's text."""

NODE_LITERAL_AT = 0
"""Column of a node: position of its literal in `Trie.literals`."""

NODE_LITERAL_LENGTH = 1
"""Column of a node: bytes of its literal."""

NODE_KIND = 2
"""Column of a node: kind of the slot behind the literal, or KIND_END."""

NODE_LENGTH = 3
"""Column of a node: bytes of the slot's text, if the kind is KIND_FIXED."""

NODE_CHILD = 4
"""Column of a node: the node that follows if literal and slot fit, or -1."""

NODE_SIBLING = 5
"""Column of a node: the node to try if they do not fit, or -1."""

NODE_LAYOUT = 6
"""Column of a node: the number of the layout that ends here, if the kind is KIND_END."""

NODE_SEPARATOR = 7
"""Column of a node: the byte between date and time, if the kind is KIND_FIXED."""

NODE_FIELDS = 8
"""Columns of a node."""
