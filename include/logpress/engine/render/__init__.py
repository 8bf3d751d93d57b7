"""Registers back to records."""
