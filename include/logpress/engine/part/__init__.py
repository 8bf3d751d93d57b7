"""The part file: registers to columns and back, and its metadata."""
