"""Operator commands, run as in the image: by a user id without a name."""

import asyncio
import os
import subprocess
import sys

import pytest
from connector_kit.testing.simulator import FaultConfig
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge_fixtures import OpenBridgeEnv
from wanderamt_testing.simulator_server import ServeSimulator

IMAGE_USER = "65532"  # USER in infra/images/Dockerfile


def as_image_user() -> list[str]:
    """Command prefix for a user id that is not in /etc/passwd: a user namespace changes the id, not the rights."""
    return ["unshare", "--user", f"--map-user={IMAGE_USER}", f"--map-group={IMAGE_USER}", "--"]


async def run_command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*as_image_user(), sys.executable, "-m", "wanderamt.shell", "registry-bridge", *arguments]
    environment |= {"PATH": os.environ["PATH"], "HOME": "/"}  # no LOGNAME or USER
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, cwd="/", capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("flag", ["--done", "--not-done"])
async def test_an_operator_without_a_user_name_resolves_a_request(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv, flag: str
) -> None:
    simulator = ParkingSimulator(faults=FaultConfig(latency_s=0.01, apply_then_timeout_share=1.0))
    async with open_bridge_env({"parking": await serve(simulator)}) as bridge_env:
        fee = await bridge_env.ask("parking", "book_fee", {"plate": "L 123AB", "cents": 6870})
        await bridge_env.wait_for_state(fee, "needs_operator")
        simulator.faults = FaultConfig(latency_s=0.01)
        result = await run_command(bridge_env.environment(), "resolve", str(fee), flag)
        assert result.returncode == 0, result.stderr
        assert (await bridge_env.wait_for_state(fee))["outcome"] == "confirmed"
        [action] = await bridge_env.rows("SELECT who, action FROM audit_record")
        assert action == {"who": f"user {IMAGE_USER}", "action": "resolve"}


async def test_reparse_explains_that_there_is_no_stored_response(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv
) -> None:
    simulator = ParkingSimulator(faults=FaultConfig(latency_s=0.01))
    async with open_bridge_env({"parking": await serve(simulator)}) as bridge_env:
        request_id = await bridge_env.ask("parking", "find_permit", {"plate": "L 123AB"})
        await bridge_env.wait_for_state(request_id)
        result = await run_command(bridge_env.environment(), "reparse", str(request_id))
        assert result.returncode == 1
        assert "No unreadable response is stored" in result.stderr


async def test_status_shows_each_register(serve: ServeSimulator, open_bridge_env: OpenBridgeEnv) -> None:
    async with open_bridge_env({"parking": await serve(ParkingSimulator())}) as bridge_env:
        result = await run_command(bridge_env.environment(), "status")
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("parking: ")
