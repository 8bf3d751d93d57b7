"""Drift: whether a day is as earlier days were, by robust statistics."""
