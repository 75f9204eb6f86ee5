"""Settings of the registry bridge."""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr
from wanderamt.shell.settings import CityServiceSettings


class RegisterConnectionSettings(BaseModel):
    """Connection to a register. `settings` override those of bridge.toml; `certificate` and `key`: for mutual TLS."""

    url: str = Field(description="https://… or sftp://user@host:port")
    secrets: dict[str, SecretStr] = {}
    settings: dict[str, str] = {}
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


class RegistryBridgeSettings(CityServiceSettings):
    bridges: dict[str, RegisterConnectionSettings] = Field(
        description='connected registers, as JSON by name: {"residents": {"url": "https://…", "secrets": {}}}'
    )
    bridge_folders: list[Path] = Field([], description="folders with bridges of the city, as a JSON list")
    assertion_key: SecretStr = Field(description="32 bytes in base64, shared with intake only")
    session_public_key: str = Field(
        "", description="PEM of the public key to intake's session key; empty: devices in the field cannot look up"
    )
    lookups_per_hour: int = Field(
        30, ge=1, description="lookups per officer and hour, also refused and failed ones; more are refused"
    )
    lookups_per_case: int = Field(10, ge=1, description="lookups per case and hour; more are refused")
