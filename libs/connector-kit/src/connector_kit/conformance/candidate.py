"""A bridge that is checked: its folder, and the parts that a mutant bends."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from connector_kit.adapter import Setup
from connector_kit.batch import FileBridge
from connector_kit.bridge import Bridge, Wire
from connector_kit.file_simulator import FileRegister
from connector_kit.folder import BridgeFolder
from connector_kit.manifest import Manifest
from connector_kit.scenarios import Scenario
from connector_kit.simulator import HttpRegister, Knobs, ScenarioRegister
from connector_kit.transport import HttpWire

SECRET = "kept-secret-5b1e"  # noqa: S105 -- of nothing: looked for where no secret may stand


class CheckFailed(Exception):
    """What the bridge did that it must not, and what to do about it."""


class DoesNotApply(Exception):
    """Why a check says nothing about this bridge."""


@dataclass(frozen=True)
class Candidate:
    folder: BridgeFolder
    manifest: Manifest
    open_adapter: Callable[[Setup], Any]
    scenarios: tuple[Scenario, ...]
    make: Callable[["Candidate", Wire], Bridge]

    @classmethod
    def of(cls, folder: BridgeFolder) -> "Candidate":
        return cls(folder, folder.manifest, folder.open_adapter, folder.scenarios, make_bridge)

    def adapter(self) -> Any:
        secrets = {name: SecretStr(SECRET) for name in self.manifest.secrets}
        return self.open_adapter(Setup(self.folder.path, self.manifest.settings, secrets))

    def with_manifest(self, manifest: Manifest) -> "Candidate":
        return replace(self, manifest=manifest, folder=replace(self.folder, manifest=manifest))

    def example(self, operation: str) -> Scenario:
        """Whose question the register answers with done."""
        for one in self.scenarios:
            if one.operation == operation and one.expect.verdict == "done" and one.beat == "call":
                return one
        raise CheckFailed(f"no scenario of {operation} ends in done: record one, the checks ask its question")

    def simulator(self, **knobs: Any) -> HttpRegister[Any]:
        own = self.folder.simulator()
        if own is None:
            return ScenarioRegister(self.folder, knobs=Knobs.model_validate(knobs))
        made: HttpRegister[Any] = own.open_simulator(self.folder, knobs=knobs)
        return made

    def wire(self, simulator: HttpRegister[Any]) -> HttpWire:
        transport = httpx.ASGITransport(simulator.app)
        return HttpWire(f"http://register.invalid{simulator.base_path}", self.manifest, transport=transport)

    def file_simulator(self, root: Path, **knobs: Any) -> FileRegister:
        own = self.folder.simulator()
        if own is None:
            raise CheckFailed("a register of files needs a simulator.py: only it knows how an order line is answered")
        made: FileRegister = own.open_simulator(self.folder, root, knobs=knobs)
        return made

    def file_bridge(self, simulator: FileRegister) -> FileBridge:
        return FileBridge(self.manifest, self.adapter(), simulator.folders, self.folder.models, rows_at_once=2)


def make_bridge(candidate: Candidate, wire: Wire) -> Bridge:
    return Bridge(candidate.manifest, candidate.adapter(), wire, candidate.folder.models)
