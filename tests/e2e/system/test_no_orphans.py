"""No child process outlives its parent, also after kill -9."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil

CHILD = """
import asyncio, sys
from pathlib import Path
from wanderamt_local.processes import ProcessSpec, ProcessSupervisor

async def ready():
    return True

async def main():
    supervisor = ProcessSupervisor()
    for name in ("one", "two"):
        argv = ["sh", "-c", "sleep 600 & echo $!; sleep 600"]
        await supervisor.start(ProcessSpec(name, argv, {}, Path(sys.argv[1]) / name, ready, restart=False))
    print(*supervisor.pids().values(), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_parent_killed_with_9_leaves_no_process_behind(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    pids = [int(word) for word in (await asyncio.wait_for(parent.stdout.readline(), 30)).split()]
    await asyncio.sleep(0.5)
    pids += [int((tmp_path / name).read_text()) for name in ("one", "two")]
    assert all(psutil.pid_exists(pid) for pid in pids)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(20):
        while any(_alive(pid) for pid in pids):
            await asyncio.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
