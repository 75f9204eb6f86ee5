"""A bridge's folder: bridge.toml, adapter.py, models.py, scenarios/, and optionally a simulator.py.

Invariants: an inconsistent folder is reported in one sentence before any call; its code is loaded once, at start.
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

from connector_kit.adapter import Adapter, AdapterConfig, BatchAdapter
from connector_kit.bridge import Bridge, InvalidBridgeError
from connector_kit.manifest.manifest import Manifest, Transport, read_manifest
from connector_kit.scenarios import Scenario, read_scenarios
from connector_kit.transports.http import RegisterTransport, TlsIdentity

MANIFEST: Final = "bridge.toml"
RELEASED: Final = "released.json"


@dataclass(frozen=True, slots=True)
class RegisterConnection:
    """Where a register is and how we authenticate. `settings` override those of the manifest."""

    url: str
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    identity: TlsIdentity | None = None


@dataclass(frozen=True, slots=True)
class BridgeFolder:
    """`released`: the contract of the last release, see `published_contract`; None before the first release."""

    path: Path
    package: str
    manifest: Manifest
    models: Mapping[str, type[BaseModel]]
    open_adapter: Callable[[AdapterConfig], Any]
    scenarios: tuple[Scenario, ...] = ()
    released: Mapping[str, Any] | None = None

    @property
    def uses_files(self) -> bool:
        return self.manifest.transport is Transport.SFTP

    def adapter(self, connection: RegisterConnection | None = None) -> Any:
        """An Adapter, or a BatchAdapter if the bridge exchanges files. Raises InvalidBridgeError if a secret has no
        value."""
        target = connection or RegisterConnection("http://nowhere.invalid")
        if connection and (missing := [name for name in self.manifest.secrets if name not in target.secrets]):
            raise InvalidBridgeError(f"{self.manifest.id}: no value for the secret {missing[0]}")
        settings = {**self.manifest.settings, **target.settings}
        return self.open_adapter(AdapterConfig(self.path, settings, target.secrets))

    def with_manifest(self, manifest: Manifest) -> "BridgeFolder":
        """The same bridge with other limits or another name."""
        return replace(self, manifest=manifest)

    def bridge(self, connection: RegisterConnection) -> Bridge:
        """A bridge over HTTP; for files see `files.file_bridge.FileBridge`."""
        adapter: Adapter = self.adapter(connection)
        bearer = connection.secrets[self.manifest.bearer].get_secret_value() if self.manifest.bearer else ""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else None
        transport = RegisterTransport(connection.url, self.manifest, identity=connection.identity, headers=headers)
        return Bridge(self.manifest, adapter, transport, self.models)

    def batch_adapter(self, connection: RegisterConnection | None = None) -> BatchAdapter:
        adapter: BatchAdapter = self.adapter(connection)
        return adapter

    def simulator(self) -> ModuleType | None:
        return _module(self.package, "simulator") if (self.path / "simulator.py").exists() else None

    def published_contract(self) -> dict[str, Any]:
        """What callers rely on: operations with their rules, and the JSON schemas of questions and answers."""
        operations = self.manifest.operations
        named = {name for rules in operations.values() for name in (rules.question, rules.answer) if name}
        return {
            "operations": {
                name: rules.model_dump(
                    mode="json", include={"kind", "idempotency", "question", "answer", "ordering_key"}
                )
                | {"purposes": sorted(rules.purposes)}
                for name, rules in sorted(operations.items())
            },
            "models": {name: self.models[name].model_json_schema() for name in sorted(named)},
        }


def read_folder(path: Path) -> BridgeFolder:
    """Raises InvalidBridgeError with what does not fit together."""
    path = path.resolve()
    if not (path / MANIFEST).is_file():
        raise InvalidBridgeError(f"{path.name}: this folder contains no {MANIFEST}")
    manifest = read_manifest((path / MANIFEST).read_text("utf-8"))
    if isinstance(manifest, list):
        raise InvalidBridgeError(f"{path.name}/{MANIFEST}: " + "; ".join(manifest))
    package = import_name(path)
    models = _models_in(_module(package, "models"))
    adapter = _module(package, "adapter")
    if not hasattr(adapter, "open_adapter"):
        raise InvalidBridgeError(f"{path.name}/adapter.py has no function open_adapter(config)")
    for name, operation in manifest.operations.items():
        for model in filter(None, (operation.question, operation.answer)):
            if model not in models:
                raise InvalidBridgeError(
                    f"{path.name}: operation {name} names the model {model}, which models.py lacks"
                )
        answer = models[operation.answer] if operation.answer else None
        for field_name in operation.record_fields:
            if not answer or field_name not in answer.model_fields:
                raise InvalidBridgeError(
                    f"{path.name}: operation {name} has record field {field_name}, which its answer lacks"
                )
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


def import_name(path: Path) -> str:
    """The folder's dotted module name. A folder outside any package becomes a top-level package."""
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
        raise InvalidBridgeError(f"{package}.{name} cannot be imported: {error}") from error


def _models_in(module: ModuleType) -> dict[str, type[BaseModel]]:
    return {
        name: item
        for name, item in vars(module).items()
        if inspect.isclass(item) and issubclass(item, BaseModel) and item is not BaseModel
    }
