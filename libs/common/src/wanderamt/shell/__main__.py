"""`python -m wanderamt.shell` is the command `wanderamt`, where no PATH is set."""

from wanderamt.shell.cli import main

main()
