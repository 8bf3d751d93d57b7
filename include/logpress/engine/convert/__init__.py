"""Spans of records to registers."""
