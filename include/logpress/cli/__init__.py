"""The `logpress` command: one file a verb, and what all share in `options.py`."""
