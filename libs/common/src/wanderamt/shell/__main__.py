"""python -m wanderamt.shell is the command wanderamt, for places without a PATH."""

from wanderamt.shell.cli import main

main()
