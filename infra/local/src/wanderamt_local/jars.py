"""Java programs from the Maven registry, resolved by jgo under the lock files beside this module.

Kept true: each jar's SHA-256 is compared with the lock before it is used.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from wanderamt_local.postgres import Unavailable
from wanderamt_local.state import state_root

KAFKA: Final = "kafka"
VERAPDF: Final = "verapdf"


def fetch_jars(program: str, *, instead: str = "") -> str:
    """The class path of the locked program; downloads it the first time. Raises Unavailable.

    `instead`: the variable that names a server to use in its place.
    """
    home = state_root() / f"{program}-jars"
    home.mkdir(parents=True, exist_ok=True)
    with as_file(files("wanderamt_local") / f"{program}_jars") as locked:
        lock = tomllib.loads((locked / "jgo.lock.toml").read_text())
        stamp = hashlib.sha256((locked / "jgo.lock.toml").read_bytes()).hexdigest()
        done = home / "verified"
        if not done.exists() or done.read_text() != stamp:
            for name in ("jgo.toml", "jgo.lock.toml"):
                shutil.copy(locked / name, home / name)
            _resolve(program, home, instead)
            _verify(program, home, lock)
            done.write_text(stamp)
    return os.pathsep.join(str(jar) for jar in sorted(home.rglob("*.jar")))


def _resolve(program: str, home: Path, instead: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "jgo", "--links", "copy", "sync"],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if result.returncode:
        raise Unavailable(
            f"the jars of {program} could not be fetched from the Maven registry; check the network"
            f"{f', or set {instead}' if instead else ''}.\n{result.stdout[-1000:]}\n{result.stderr[-1000:]}"
        )


def _verify(program: str, home: Path, lock: dict[str, Any]) -> None:
    """Every jar that is there must be locked, every locked jar must be there."""
    wanted = {f"{one['artifactId']}-{one['version']}.jar": one["sha256"] for one in lock["dependencies"]}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in home.rglob("*.jar")}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        shutil.rmtree(home)
        raise Unavailable(f"these jars of {program} are not the locked ones and were thrown away: {', '.join(wrong)}")
