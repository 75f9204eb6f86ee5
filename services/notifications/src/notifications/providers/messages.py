"""Messages as every provider is asked to send them, and what each says later of one."""

from collections.abc import Mapping
from datetime import datetime

from icalendar import Calendar, Event
from pydantic import BaseModel, ConfigDict, Field

from notifications.domain.kinds import RULES, Kind
from notifications.domain.text import Text


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Sms(Message):
    """`short_ref`: ours in 16 bits, for providers whose receipts can hold no more."""

    to: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+436605550001"])
    text: str = Field(min_length=1, max_length=1000, examples=["Stadt Linz: Ihr Dokument ist fertig."])
    short_ref: int = Field(0, ge=0, lt=2**16)


class Mail(Message):
    """`html` and `text` say the same. `calendar`: an .ics file, or nothing."""

    to: str
    subject: str = Field(max_length=200, pattern=r"^[^\r\n]+$")
    text: str
    html: str
    calendar: str = ""
    unsubscribe: str = ""


class Taken(Message):
    """The provider has it. `message_id`: the provider's own."""

    message_id: str = ""


def mail_of(
    to: str, text: Text, kind: Kind, facts: Mapping[str, str], *, notice_id: str, unsubscribe: str = ""
) -> Mail:
    calendar = calendar_of(text, facts, uid=notice_id) if RULES[kind].calendar else ""
    return Mail(to=to, subject=text.subject, text=text.body, html=text.html, calendar=calendar, unsubscribe=unsubscribe)


def calendar_of(text: Text, facts: Mapping[str, str], *, uid: str) -> str:
    """RFC 5545: when and where, and nothing of what for."""
    event = Event()
    event.add("uid", f"{uid}@wanderamt")
    event.add("summary", text.sender)
    event.add("location", facts["place"])
    event.add("dtstart", datetime.fromisoformat(facts["starts_at"]))
    event.add("dtend", datetime.fromisoformat(facts["ends_at"]))
    event.add("dtstamp", datetime.fromisoformat(facts["starts_at"]))
    calendar = Calendar()
    calendar.add("prodid", "-//Wanderamt//notifications//DE")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return str(calendar.to_ical().decode())
