"""Measurements of logpress: compared with other tools, growth, the engine alone, and the entropy of its input."""
