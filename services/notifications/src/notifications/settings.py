"""Settings of notifications."""

from pydantic import Field
from wanderamt.shell.settings import ServiceSettings

from notifications.providers.connected import Contract


class Settings(ServiceSettings):
    providers: dict[str, Contract] = Field(
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
