"""Operators' commands against the running system: what each does, and what it leaves in the audit."""

import os
import subprocess
import sys
from pathlib import Path

from uuid_utils.compat import uuid7
from wanderamt_local.system import System

STOLEN, WHO = "stolen at the market", "night shift"


def wanderamt(system: System, *arguments: str, exit_code: int = 0) -> str:
    """Returns what the command printed."""
    command = [str(Path(sys.executable).with_name("wanderamt")), *arguments]
    env = {**os.environ, **system.env("intake"), "COLUMNS": "250"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout + done.stderr


def audited(system: System, *arguments: str) -> list[str]:
    return [line for line in wanderamt(system, "audit", "intake", *arguments).splitlines() if WHO in line]


def test_whoever_revokes_a_device_says_why_and_both_are_kept(running_system: System) -> None:
    device, unknown = str(uuid7()), str(uuid7())
    wanderamt(running_system, "devices", "enrol", device, "--label", "Tablet 9", "--who", WHO)
    revoke = ("devices", "revoke", "--reason", STOLEN, "--who", WHO)
    assert device in wanderamt(running_system, *revoke, device)
    assert "list of devices" in wanderamt(running_system, *revoke, unknown, exit_code=1)
    revoked, enrolled = audited(running_system, "--subject", device)
    assert "device.enrol" in enrolled
    assert "allowed" in enrolled
    assert "device.revoke" in revoked
    assert "allowed" in revoked
    assert STOLEN in revoked
    [refused] = audited(running_system, "--action", "device.revoke", "--subject", unknown)
    assert "device.not_found" in refused
    listed = wanderamt(running_system, "officers", "list")
    assert any(device in line and STOLEN in line and WHO in line for line in listed.splitlines())


def test_a_misspelled_account_or_action_is_noticed(running_system: System) -> None:
    officer = f"anna.hubr-{uuid7().hex[:8]}@linz"
    options = ("--reason", "left the city", "--who", WHO)
    assert "Compare its spelling" in wanderamt(running_system, "officers", "cut-off", officer, *options)
    wanderamt(running_system, "officers", "restore", officer, *options)
    wanderamt(running_system, "officers", "restore", officer, *options, exit_code=1)
    rows = audited(running_system, "--action", "officer.cut_off", "--subject", officer)
    assert [("undone: True" in row, "allowed" in row) for row in rows] == [(True, False), (True, True), (False, True)]
    assert "device.revoke" in wanderamt(running_system, "audit", "intake", "--action", "device.revoked", exit_code=2)


def test_an_unknown_session_is_refused_and_written_down_and_so_is_who_reads_it(running_system: System) -> None:
    session = str(uuid7())
    wanderamt(running_system, "sessions", "end", session, "--reason", STOLEN, "--who", WHO, exit_code=1)
    assert len(audited(running_system, "--subject", session)) == 1
    assert "audit.read" in wanderamt(running_system, "audit", "intake", "--action", "audit.read")
