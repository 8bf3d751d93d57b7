"""Layouts: the exact byte skeletons of records, mined from examples, matched and rendered by kernels."""
