"""Settings of notifications."""

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr
from wanderamt.shell.settings import ServiceSettings


class ProviderSettings(BaseModel):
    """Of one contract with one provider. `settings` override those of its bridge.toml, and so do the limits."""

    bridge: str = Field(description="textgate, courier, smsc or relay")
    url: str = Field(description="https://… , smpp://system_id@host:port or smtp://user@host:port")
    secrets: dict[str, SecretStr] = {}
    settings: dict[str, str] = {}
    weight: float = Field(50, gt=0, description="its part of the channel's messages while all are well")
    rate_per_s: float | None = Field(None, gt=0, description="messages a second that the contract allows")
    concurrency: int | None = Field(None, ge=1, description="messages under way at the same time")
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


class Settings(ServiceSettings):
    providers: dict[str, ProviderSettings] = Field(
        description='who carries messages, as JSON by name: {"gate": {"bridge": "textgate", "url": "https://…"}}'
    )
    sender: str = Field("Stadt Linz", max_length=11, description="the one fixed sender of every message")
    inquiries: str = Field("+43 732 7070", description="the number citizens ring up")
    public_url: str = Field("https://mobil.linz.example", description="address of the citizens' pages")
    time_zone: str = "Europe/Vienna"
    client_header: str = Field(
        "", description="header in which our own proxy says who asks, such as X-Real-IP; empty: none"
    )
    quiet_hours: str = Field("20:00-07:00", description="no SMS then, on Sundays and holidays; empty: at all hours")
    day_budget: int = Field(6, ge=1, description="notices one person gets on one day at most")
    consent_wording: str = Field("2026-1", description="version of the words a citizen agrees to on our page")
    content_days: float = Field(7, gt=0, description="recipient and content are redacted so long after the end")
    silent_days: float = Field(180, gt=0, description="contacts of cases nobody heard of for so long are redacted")
    receipt_hours: float = Field(72, gt=0, description="a receipt that did not come by then never comes")
    partner_networks: list[str] = Field([], description="networks in our own house that web hooks may go to, CIDR")
    return_every_s: float = Field(300, gt=0, description="a provider that is well again gets 10 points back so often")
    slots: int = Field(400, ge=1, description="messages of one channel under way in this process")
