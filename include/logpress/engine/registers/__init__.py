"""Registers: the integers that represent a row, the operations that fill them, and the order of rows in memory."""
