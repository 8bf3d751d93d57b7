"""Parquet files written by logpress itself: Arrow tables in, v1 pages with checksums out; pyarrow reads them."""
