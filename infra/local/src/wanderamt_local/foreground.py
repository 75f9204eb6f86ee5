"""Runs the system in the foreground until it is stopped (`wanderamt local up` and `down`)."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from wanderamt_local.state import StateFolder, state_root
from wanderamt_local.system import SERVICES, System

STOP_TIMEOUT_S = 60


def run_in_foreground() -> bool:
    """Returns when the system was stopped; False if it is running already. Raises UnavailableError or NotReadyError."""
    folder, console = _folder(), Console()
    if pid := _running_process(folder):
        console.print(f"The system is running already (process {pid}); 'make down' stops it.")
        return False
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pid").write_text(str(os.getpid()))
    try:
        asyncio.run(_keep_up(System(StateFolder(folder), report=console.print), console))
    finally:
        (folder / "pid").unlink(missing_ok=True)
    return True


def stop_running() -> bool:
    """False if nothing is running."""
    pid = _running_process(_folder())
    if not pid:
        return False
    os.kill(pid, signal.SIGTERM)
    with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        psutil.Process(pid).wait(STOP_TIMEOUT_S)
    return True


def _folder() -> Path:
    return state_root() / "up"


def _running_process(folder: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        pid = int((folder / "pid").read_text())
        if "wanderamt" in " ".join(psutil.Process(pid).cmdline()):  # the number may belong to another program by now
            return pid
    return None


async def _keep_up(system: System, console: Console) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.create_task(_stop_with_parent(os.getppid(), stop))
    started = asyncio.create_task(system.start())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({started, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        started.cancel()
        await asyncio.gather(started, return_exceptions=True)
        return
    started.result()
    console.print(_urls(system))
    console.print(f"For commands in another terminal: set -a; . {system.state.folder}/env/intake.env; set +a")
    console.print("Ctrl-C or 'make down' stops the system.")
    await stop.wait()
    console.print("stopping")
    watching.cancel()
    await system.stop()


async def _stop_with_parent(parent: int, stop: asyncio.Event) -> None:
    """Stops the system when make or the terminal was killed."""
    while os.getppid() == parent:
        await asyncio.sleep(1)
    stop.set()


def _urls(system: System) -> Table:
    table = Table("name", "address", "process", title="Wanderamt is up")
    pids = system.supervisor.pids()
    for name, url in system.urls().items():
        table.add_row(name, f"{url}/docs" if name in SERVICES else url, str(pids.get(name) or ""))
    return table
