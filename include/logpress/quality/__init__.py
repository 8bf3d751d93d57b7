"""Whether a day may be published, and what it is worth: the proof, the checks, the size report."""
