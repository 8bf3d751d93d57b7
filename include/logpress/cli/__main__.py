"""`python -m logpress.cli` is the `logpress` command."""

from logpress.cli.app import main

main()
