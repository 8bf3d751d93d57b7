"""Batches for training: shuffled with a seed, the same on every machine, and resumed exactly."""
