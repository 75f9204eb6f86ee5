"""A bridge under test: its folder, and the parts that a mutant replaces."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from connector_kit.adapter import AdapterConfig, HttpCall, HttpReply
from connector_kit.bridge import Bridge, HttpTransport
from connector_kit.files.file_bridge import FileBridge
from connector_kit.folder import BridgeFolder
from connector_kit.manifest.manifest import Manifest
from connector_kit.scenarios import Scenario
from connector_kit.testing.file_simulator import FileSimulator
from connector_kit.testing.simulator import FaultConfig, HttpSimulator, ScenarioSimulator
from connector_kit.transports.http import HttpFailure, RegisterTransport

SECRET = "kept-secret-5b1e"  # noqa: S105 -- a dummy that the checks search for in logs


class CheckFailedError(Exception):
    """What the bridge did wrong, and how to fix it."""


class NotApplicableError(Exception):
    """Why a check does not apply to this bridge."""


@dataclass(frozen=True)
class BridgeUnderTest:
    folder: BridgeFolder
    manifest: Manifest
    open_adapter: Callable[[AdapterConfig], Any]
    scenarios: tuple[Scenario, ...]
    make_bridge: Callable[["BridgeUnderTest", HttpTransport], Bridge]

    @classmethod
    def of(cls, folder: BridgeFolder) -> "BridgeUnderTest":
        return cls(folder, folder.manifest, folder.open_adapter, folder.scenarios, make_bridge)

    def adapter(self) -> Any:
        secrets = {name: SecretStr(SECRET) for name in self.manifest.secrets}
        return self.open_adapter(AdapterConfig(self.folder.path, self.manifest.settings, secrets))

    def with_manifest(self, manifest: Manifest) -> "BridgeUnderTest":
        return replace(self, manifest=manifest, folder=replace(self.folder, manifest=manifest))

    def example(self, operation: str) -> Scenario:
        """The scenario whose question the register answers with `succeeded`."""
        for scenario in self.scenarios:
            if (
                scenario.operation == operation
                and scenario.expect.outcome == "succeeded"
                and scenario.call_kind == "execute"
            ):
                return scenario
        raise CheckFailedError(
            f"no scenario of {operation} has the outcome succeeded: record one, the checks use its question"
        )

    def simulator(self, **faults: Any) -> HttpSimulator[Any]:
        own = self.folder.simulator()
        if own is None:
            return ScenarioSimulator(self.folder, faults=FaultConfig.model_validate(faults))
        simulator: HttpSimulator[Any] = own.open_simulator(self.folder, faults=faults)
        return simulator

    def transport(self, simulator: HttpSimulator[Any]) -> RegisterTransport:
        return SimulatorTransport(simulator, self.manifest)

    def file_simulator(self, root: Path, **faults: Any) -> FileSimulator:
        own = self.folder.simulator()
        if own is None:
            raise CheckFailedError(
                "a register that exchanges files needs a simulator.py: only it knows how to answer an order line"
            )
        simulator: FileSimulator = own.open_simulator(self.folder, root, faults=faults)
        return simulator

    def file_bridge(self, simulator: FileSimulator) -> FileBridge:
        return FileBridge(self.manifest, self.adapter(), simulator.folders, self.folder.models, rows_per_chunk=2)


class SimulatorTransport(RegisterTransport):
    """Reaches a simulator without a network, so that the checks can run in simulated time."""

    def __init__(self, simulator: HttpSimulator[Any], manifest: Manifest) -> None:
        super().__init__(f"http://register.invalid{simulator.base_path}", manifest)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app), timeout=None)  # noqa: S113 -- `send` has one

    async def exchange(self, call: HttpCall, timeout_s: float) -> HttpReply | HttpFailure:
        reply = await self._client.request(
            call.method, self._url + call.path, params=dict(call.query), headers=dict(call.headers), content=call.body
        )
        if len(reply.content) > self._max_bytes:
            return HttpFailure.TOO_LONG
        return HttpReply(
            reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.content
        )

    async def close(self) -> None:
        await self._client.aclose()


def make_bridge(subject: BridgeUnderTest, transport: HttpTransport) -> Bridge:
    return Bridge(subject.manifest, subject.adapter(), transport, subject.folder.models)
