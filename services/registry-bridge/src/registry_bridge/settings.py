"""Settings of the registry bridge."""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr
from wanderamt.shell.settings import ServiceSettings


class BridgeSettings(BaseModel):
    """Of one register. `settings` override those of its bridge.toml; `certificate`, `key`: ours, for mutual TLS."""

    url: str = Field(description="https://… or sftp://user@host:port")
    secrets: dict[str, SecretStr] = {}
    settings: dict[str, str] = {}
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


class Settings(ServiceSettings):
    bridges: dict[str, BridgeSettings] = Field(
        description='registers that are connected, as JSON by name: {"residents": {"url": "https://…", "secrets": {}}}'
    )
    bridge_folders: list[Path] = Field([], description="folders of the city's own bridges, as a JSON list")
    assertion_key: SecretStr = Field(description="32 bytes in base64, shared with intake alone")
    lookups_an_hour: int = Field(
        30, ge=1, description="at the counter, of one officer; more are refused and written down"
    )
