"""Java programs from the Maven registry, resolved by jgo under the lock files beside this module.

Invariants:
- Each jar's SHA-256 is compared with the lock file before the jar is used.
- Downloads go to folders below the state folder alone, never to the shared ~/.m2, and one process at a time writes
  there: set-ups that run at the same time do not disturb each other.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from wanderamt_local.errors import UnavailableError
from wanderamt_local.state import state_root

KAFKA: Final = "kafka"
VERAPDF: Final = "verapdf"
ATTEMPTS: Final = 2
TIMEOUT_S: Final = 600


def fetch_jars(program: str, *, override_variable: str = "") -> str:
    """The class path of the locked program; downloads the jars the first time. Raises UnavailableError.

    `override_variable`: the environment variable that names a server to use instead.
    """
    home = state_root() / f"{program}-jars"
    with as_file(files("wanderamt_local") / f"{program}_jars") as locked:
        checksum = hashlib.sha256((locked / "jgo.lock.toml").read_bytes()).hexdigest()
        if not _is_verified(home, checksum):
            with _exclusive():
                if not _is_verified(home, checksum):  # another process may have fetched them in the meantime
                    _fetch(program, home, locked, override_variable)
                    (home / "verified").write_text(checksum)
    return os.pathsep.join(str(jar) for jar in sorted(home.rglob("*.jar")))


def _is_verified(home: Path, checksum: str) -> bool:
    verified = home / "verified"
    return verified.exists() and verified.read_text() == checksum


@contextmanager
def _exclusive() -> Iterator[None]:
    """Holds the lock of the state folder; the operating system releases it when the process dies."""
    root = state_root()
    root.mkdir(parents=True, exist_ok=True)
    with (root / "jars.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(program: str, home: Path, locked: Path, override_variable: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    for name in ("jgo.toml", "jgo.lock.toml"):
        shutil.copy(locked / name, home / name)
    _resolve(program, home, override_variable)
    _verify(program, home, tomllib.loads((locked / "jgo.lock.toml").read_text()))


def _resolve(program: str, home: Path, override_variable: str) -> None:
    """Downloads the jars, with one retry."""
    repository = state_root() / "maven"
    environment = {**os.environ, "M2_REPO": str(repository), "JGO_CACHE_DIR": str(repository / "jgo")}
    for _ in range(ATTEMPTS):
        result = subprocess.run(
            [sys.executable, "-m", "jgo", "--links", "copy", "sync"],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if not result.returncode:
            shutil.rmtree(repository, ignore_errors=True)  # `home` has its own copies
            return
    alternative = f"\nTo do without them, set {override_variable}." if override_variable else ""
    raise UnavailableError(
        f"The jars of {program} could not be fetched; {ATTEMPTS} attempts failed. jgo says:\n"
        f"{_last_lines(result.stdout, result.stderr)}{alternative}"
    )


def _last_lines(*outputs: str) -> str:
    """The end of what a program printed, without its progress bars."""
    lines = [line for output in outputs for line in output.splitlines()]
    return "\n".join(line for line in lines if line.strip() and "━" not in line)[-2000:] or "(nothing)"


def _verify(program: str, home: Path, lock: dict[str, Any]) -> None:
    """The jars on disk must be exactly the locked ones."""
    locked = {f"{jar['artifactId']}-{jar['version']}.jar": jar["sha256"] for jar in lock["dependencies"]}
    present = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in home.rglob("*.jar")}
    wrong = sorted(name for name in locked.keys() | present.keys() if locked.get(name) != present.get(name))
    if wrong:
        shutil.rmtree(home)
        raise UnavailableError(
            f"These jars of {program} differ from the lock file and were deleted: {', '.join(wrong)}"
        )
