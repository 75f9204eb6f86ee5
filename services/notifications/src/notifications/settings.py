"""Settings of notifications."""

from pydantic import Field
from wanderamt.kernel.bounded import VERSION_PATTERN
from wanderamt.kernel.line_text import LineText
from wanderamt.shell.settings import CityServiceSettings, PublicUrl

from notifications.providers.connections import ProviderConfig


class NotificationSettings(CityServiceSettings):
    providers: dict[str, ProviderConfig] = Field(
        description='providers by name, as JSON: {"gate": {"bridge": "textgate", "url": "https://…"}}'
    )
    sender: LineText = Field(
        "", max_length=11, description="sender name of every message; empty: that of the authority"
    )
    inquiries: LineText = Field(
        "", description="telephone number for citizens' questions; empty: that of the authority"
    )
    public_url: PublicUrl = Field("https://mobil.city.example", description="address of the citizens' pages")
    quiet_hours: str = Field(
        "20:00-07:00", description="no SMS in these hours, on Sundays and public holidays; empty: no quiet hours"
    )
    case_opened_wait_s: float = Field(
        60,
        ge=0,
        le=3600,
        description="seconds that the message about a new case waits: one about its document replaces it",
    )
    day_budget: int = Field(6, ge=1, description="maximum number of notices per citizen and day")
    consent_version: str = Field(
        "2026-1", pattern=VERSION_PATTERN, description="version of the consent text on the status page"
    )
    content_retention_days: float = Field(
        7, gt=0, description="days from the end of a notice until its recipient and content are redacted"
    )
    inactive_contact_days: float = Field(
        180, gt=0, description="days without an event of the case until its contact is redacted"
    )
    receipt_timeout_hours: float = Field(72, gt=0, description="hours that a notice waits for its delivery receipt")
    partner_networks: list[str] = Field(
        [], description="the city's own networks that webhooks may reach, in CIDR notation"
    )
    rebalance_interval_s: float = Field(
        300, gt=0, description="seconds in which a healthy provider regains 10 points of weight"
    )
    send_concurrency: int = Field(400, ge=1, description="concurrent messages per channel in this process")
