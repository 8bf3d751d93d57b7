"""Registers: the integers a row is known by, what fills them, and how rows of them lie in memory."""
