"""Measurements: logpress beside others, its growth, its engine alone, and the entropy of its input."""
