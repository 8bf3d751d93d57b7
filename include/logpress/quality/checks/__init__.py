"""The contract's checks, run on a day that is pressed but not yet published; docs/checks.md shows each kind."""
