"""The part file: registers to columns and back, and what its footer says."""
