"""A row group while it fills."""
