"""A bridge as it lies in its folder: bridge.toml, adapter.py, models.py, scenarios/, and perhaps a simulator.py.

Kept true: a folder that does not fit together is told in one sentence before anything is called; what it ships is
loaded once, at start.
"""

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from connector_kit.adapter import Adapter, BatchAdapter, Setup
from connector_kit.bridge import Bridge, BrokenBridge
from connector_kit.manifest import Manifest, Transport, read_manifest
from connector_kit.scenarios import Scenario, read_scenarios
from connector_kit.transport import HttpWire, Identity

MANIFEST: Final = "bridge.toml"
RELEASED: Final = "released.json"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a register is and how we are let in. `settings` override the manifest's."""

    url: str
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class BridgeFolder:
    """`released`: what was promised at the last release, see `promise`; None before the first."""

    path: Path
    package: str
    manifest: Manifest
    models: Mapping[str, type[BaseModel]]
    open_adapter: Callable[[Setup], Any]
    scenarios: tuple[Scenario, ...] = ()
    released: Mapping[str, Any] | None = None

    @property
    def batch(self) -> bool:
        return self.manifest.transport is Transport.SFTP

    def adapter(self, connection: Connection | None = None) -> Any:
        """An Adapter, or a BatchAdapter where files travel. Raises BrokenBridge where a secret has no value."""
        given = connection or Connection("http://nowhere.invalid")
        if connection and (missing := [name for name in self.manifest.secrets if name not in given.secrets]):
            raise BrokenBridge(f"{self.manifest.id}: no value for the secret {missing[0]}")
        settings = {**self.manifest.settings, **given.settings}
        return self.open_adapter(Setup(self.path, settings, given.secrets))

    def with_manifest(self, manifest: Manifest) -> "BridgeFolder":
        """The same bridge under other limits or another name."""
        return replace(self, manifest=manifest)

    def bridge(self, connection: Connection) -> Bridge:
        """Over HTTP; see `batch.FileBridge` for files."""
        adapter: Adapter = self.adapter(connection)
        bearer = connection.secrets[self.manifest.bearer].get_secret_value() if self.manifest.bearer else ""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else None
        wire = HttpWire(connection.url, self.manifest, identity=connection.identity, headers=headers)
        return Bridge(self.manifest, adapter, wire, self.models)

    def batch_adapter(self, connection: Connection | None = None) -> BatchAdapter:
        adapter: BatchAdapter = self.adapter(connection)
        return adapter

    def simulator(self) -> ModuleType | None:
        return _module(self.package, "simulator") if (self.path / "simulator.py").exists() else None

    def promise(self) -> dict[str, Any]:
        """What others build on: operations with their rules, and the schemas of what is asked and answered."""
        named = {name for one in self.manifest.operations.values() for name in (one.question, one.answer) if name}
        return {
            "operations": {
                name: one.model_dump(mode="json", include={"kind", "effect", "question", "answer", "ordering_key"})
                | {"purposes": sorted(one.purposes)}
                for name, one in sorted(self.manifest.operations.items())
            },
            "models": {name: self.models[name].model_json_schema() for name in sorted(named)},
        }


def read_folder(path: Path) -> BridgeFolder:
    """Raises BrokenBridge with what does not fit."""
    path = path.resolve()
    if not (path / MANIFEST).is_file():
        raise BrokenBridge(f"{path.name}: there is no {MANIFEST} in this folder")
    manifest = read_manifest((path / MANIFEST).read_text("utf-8"))
    if isinstance(manifest, list):
        raise BrokenBridge(f"{path.name}/{MANIFEST}: " + "; ".join(manifest))
    package = importable(path)
    models = _models_in(_module(package, "models"))
    adapter = _module(package, "adapter")
    if not hasattr(adapter, "open_adapter"):
        raise BrokenBridge(f"{path.name}/adapter.py has no function open_adapter(setup)")
    for name, operation in manifest.operations.items():
        for model in filter(None, (operation.question, operation.answer)):
            if model not in models:
                raise BrokenBridge(f"{path.name}: operation {name} names the model {model}, which models.py lacks")
        answer = models[operation.answer] if operation.answer else None
        for field_name in operation.delivers:
            if not answer or field_name not in answer.model_fields:
                raise BrokenBridge(f"{path.name}: operation {name} delivers {field_name}, which its answer lacks")
    released = path / RELEASED
    return BridgeFolder(
        path=path,
        package=package,
        manifest=manifest,
        models=models,
        open_adapter=adapter.open_adapter,
        scenarios=read_scenarios(path / "scenarios"),
        released=json.loads(released.read_text("utf-8")) if released.exists() else None,
    )


def importable(path: Path) -> str:
    """The dotted name of the folder. A folder that lies in no package is one by itself, beside its parent's others."""
    names, root = [path.name], path.parent
    while (root / "__init__.py").exists():
        names.insert(0, root.name)
        root = root.parent
    if str(root) not in sys.path:
        sys.path.append(str(root))
    return ".".join(names)


def _module(package: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{package}.{name}")
    except ImportError as error:
        raise BrokenBridge(f"{package}.{name} cannot be imported: {error}") from error


def _models_in(module: ModuleType) -> dict[str, type[BaseModel]]:
    return {
        name: one
        for name, one in vars(module).items()
        if inspect.isclass(one) and issubclass(one, BaseModel) and one is not BaseModel
    }
