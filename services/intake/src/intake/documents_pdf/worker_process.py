"""The main loop of a worker process: from its first input line to the end of its input.

Invariants: only answers go to the pipe; no content of a task goes to a log.
"""

import os
import signal
import sys
from collections.abc import Callable

from intake.documents_pdf.worker_pool import ANSWER_HEADER

NICE = 10  # the service itself has priority

TaskHandler = Callable[[bytes], bytes]


def run_worker(create_handler: Callable[[bytes], TaskHandler]) -> None:
    """`create_handler`: builds the handler of further lines from the first line. Reports exceptions by type name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then closes the pipe
    os.nice(NICE)
    lines, pipe = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    handlers: list[TaskHandler] = []

    def set_up(line: bytes) -> bytes:
        handlers.append(create_handler(line))
        return b""

    for line in lines:
        try:
            failed, answer = 0, (handlers[0] if handlers else set_up)(line)
        except Exception as error:
            failed, answer = 1, type(error).__name__.encode()
        pipe.write(ANSWER_HEADER.pack(failed, len(answer)) + answer)
        pipe.flush()
