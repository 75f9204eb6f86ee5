"""Ends every process group it was told of once its parent is gone, however the parent went (kill -9 too).

Run as a script with the parent's pipe on standard input: a line "+PGID" adds a group, "-PGID" removes it; the end of
the pipe is the end of the parent. Standard library only: this process lives as long as the system does.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_S = 5.0


def follow() -> set[int]:
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def send(groups: set[int], number: signal.Signals) -> set[int]:
    """The groups that still exist."""
    alive = set()
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
            alive.add(group)
    return alive


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = send(follow(), signal.SIGTERM)
    end = time.monotonic() + GRACE_S
    while groups and time.monotonic() < end:
        time.sleep(0.1)
        groups = send(groups, signal.SIGCONT)  # wakes the frozen ones, and tells who is left
    send(groups, signal.SIGKILL)


if __name__ == "__main__":
    main()
