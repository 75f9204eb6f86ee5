"""The other end of the pipes: what a worker process does from its first line to the end of its input.

Kept true: nothing but answers goes to the pipe, and no text of a task ever goes to a log.
"""

import os
import signal
import sys
from collections.abc import Callable

from intake.paper.workers import HEAD

NICE = 10  # whoever waits for an answer of the service goes first

Answer = Callable[[bytes], bytes]


def serve(begin: Callable[[bytes], Answer]) -> None:
    """`begin` makes of the first line what answers the others. An exception is answered by the name of its type."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the service, which then closes the pipe
    os.nice(NICE)
    lines, pipe = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    made: list[Answer] = []

    def first(line: bytes) -> bytes:
        made.append(begin(line))
        return b""

    for line in lines:
        try:
            failed, told = 0, (made[0] if made else first)(line)
        except Exception as error:
            failed, told = 1, type(error).__name__.encode()
        pipe.write(HEAD.pack(failed, len(told)) + told)
        pipe.flush()
