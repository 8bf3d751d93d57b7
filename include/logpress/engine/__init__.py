"""Blocks of raw records to row groups in part files, and back; and the digest that proves it."""
