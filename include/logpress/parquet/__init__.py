"""Parquet pages of logpress's own making."""
