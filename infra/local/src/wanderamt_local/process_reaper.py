"""Ends the registered process groups when the parent process is gone, also after kill -9.

Runs as a script with a pipe from the parent on standard input: a line "+PGID" registers a group, "-PGID" removes it.
The pipe closes when the parent ends. Standard library only: this process lives as long as the system.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_S = 5.0


def read_groups() -> set[int]:
    """The groups registered at the time when the pipe closed."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def send(groups: set[int], number: signal.Signals) -> set[int]:
    """Sends the signal; returns the groups that still exist."""
    alive = set()
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
            alive.add(group)
    return alive


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = send(read_groups(), signal.SIGTERM)
    end = time.monotonic() + GRACE_S
    while groups and time.monotonic() < end:
        time.sleep(0.1)
        groups = send(groups, signal.SIGCONT)  # wakes stopped processes, and finds the groups that are left
    send(groups, signal.SIGKILL)


if __name__ == "__main__":
    main()
