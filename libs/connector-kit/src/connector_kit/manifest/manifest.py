"""bridge.toml: what a register can do and which limits it has, as data. Read once at start, never by an adapter.

Invariants: every register has a rate limit and a bound on simultaneous calls; an operation that can be neither repeated
nor looked up says so, and is never repeated.
"""

import tomllib
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator

from connector_kit.manifest.file_transfer import FileTransfer
from connector_kit.manifest.limits import BreakerRules, MaintenanceWindow, Portal, RegisterLimits
from connector_kit.manifest.operation import Operation, OperationKind
from connector_kit.manifest.section import ManifestSection, Name

SCHEMA_VERSION: Final = 1


class InvalidManifestError(Exception):
    """A bridge.toml lacks what the caller needs; the message names it."""


class Transport(StrEnum):
    """smpp and smtp are for message providers."""

    HTTP = "http"
    SOAP = "soap"
    SFTP = "sftp"
    SMPP = "smpp"
    SMTP = "smtp"


class Manifest(ManifestSection):
    version: int = Field(ge=1, le=SCHEMA_VERSION, description="Version of this format.")
    id: Name
    owner: str = Field(min_length=1, description="Whom to call when the register fails.")
    transport: Transport
    time_zone: str = Field(max_length=60, description="Of the register: of its maintenance, quotas and files (IANA).")
    connect_timeout_s: float = Field(3, gt=0, le=60)
    secrets: tuple[Name, ...] = Field((), description="Names of the secrets, never their values.")
    bearer: Name | None = Field(None, description="The secret sent as bearer token with every HTTP call.")
    settings: dict[Name, str] = Field({}, description="Values that differ between cities, with defaults.")
    limits: RegisterLimits
    portal: Portal | None = None
    files: FileTransfer | None = None
    breaker: BreakerRules = BreakerRules()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    operations: dict[Name, Operation] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> "Manifest":
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError) as error:
            raise ValueError(f"unknown time zone {self.time_zone}") from error
        batches = [name for name, operation in self.operations.items() if operation.kind is OperationKind.BATCH]
        if batches and self.transport is not Transport.SFTP:
            raise ValueError(f"operation {batches[0]}: kind batch needs transport sftp")
        if (self.transport is Transport.SFTP) != (self.files is not None):
            raise ValueError("the section [files] belongs to transport sftp: add it there, and only there")
        if self.bearer and self.bearer not in self.secrets:
            raise ValueError(f"bearer {self.bearer} is not one of the secrets")
        return self

    @property
    def longest_timeout_s(self) -> float:
        """The longest timeout of any operation, for one call."""
        return max(operation.timeout_s for operation in self.operations.values())

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def read_manifest(text: str) -> Manifest | list[str]:
    """The manifest, or one sentence for each error, with its place in the file. Never raises for the content."""
    try:
        return Manifest.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        return [f"not TOML: {error}"]
    except ValidationError as error:
        return [_sentence(item) for item in error.errors(include_url=False, include_input=False)]


def file_transfer_of(manifest: Manifest) -> FileTransfer:
    if not manifest.files:
        raise InvalidManifestError(f"{manifest.id}: bridge.toml has no [files]")
    return manifest.files


def schema() -> dict[str, Any]:
    """JSON Schema of bridge.toml, for editors."""
    return Manifest.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def _sentence(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else str(message)
