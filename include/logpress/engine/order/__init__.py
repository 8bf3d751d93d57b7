"""Sort keys of rows, and sorting."""
