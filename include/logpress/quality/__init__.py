"""The proof and the checks that a day must pass before it is published, and the size report."""
