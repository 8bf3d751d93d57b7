"""The profile of a day: how the values of its columns are distributed."""
