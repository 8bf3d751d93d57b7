"""Rows in order: keys and sorting."""
