"""Conditions on rows: as text, as Arrow expressions, and the rows for which they hold."""
