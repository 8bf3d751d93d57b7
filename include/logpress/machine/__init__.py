"""Processes, executors and memory of one machine."""
