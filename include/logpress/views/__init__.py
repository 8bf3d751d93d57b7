"""Views for SQL engines and Polars: formulas of virtual columns, and the lookups that they join."""
