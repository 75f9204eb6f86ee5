"""Messages in the form in which every provider gets them, and the provider's acknowledgement."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from icalendar import Calendar, Event
from pydantic import BaseModel, ConfigDict, Field

from notifications.domain.kinds import RULES, NoticeKind
from notifications.domain.message_text import MessageText

MAX_SUBJECT: Final = 200
MAX_SMS: Final = 1000


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Sms(Message):
    """`short_ref`: our reference in 16 bits, for providers whose receipts cannot hold more."""

    to: str = Field(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+436605550001"])
    text: str = Field(min_length=1, max_length=MAX_SMS, examples=["Stadt Wien: Ihr Dokument ist fertig."])
    short_ref: int = Field(0, ge=0, lt=2**16)


class Mail(Message):
    """`html` and `text` have the same content. `calendar`: the content of an .ics file, or empty."""

    to: str
    subject: str = Field(max_length=MAX_SUBJECT, pattern=r"^[^\r\n]+$")
    text: str
    html: str
    calendar: str = ""
    unsubscribe: str = ""


class Accepted(Message):
    """The provider accepted the message. `message_id`: the provider's own id."""

    message_id: str = ""


def shortened(text: str, most: int) -> str:
    """At most so many characters: a long name of a place must not stop a message."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def mail_of(
    to: str, text: MessageText, kind: NoticeKind, variables: Mapping[str, str], *, notice_id: str, unsubscribe: str = ""
) -> Mail:
    calendar = calendar_of(text, variables, uid=notice_id) if RULES[kind].calendar else ""
    return Mail(
        to=to,
        subject=shortened(text.subject, MAX_SUBJECT),
        text=text.body,
        html=text.html,
        calendar=calendar,
        unsubscribe=unsubscribe,
    )


def calendar_of(text: MessageText, variables: Mapping[str, str], *, uid: str) -> str:
    """A calendar file (RFC 5545) with time and place, without the purpose of the appointment."""
    event = Event()
    event.add("uid", f"{uid}@wanderamt")
    event.add("summary", text.sender)
    event.add("location", variables["place"])
    event.add("dtstart", datetime.fromisoformat(variables["starts_at"]))
    event.add("dtend", datetime.fromisoformat(variables["ends_at"]))
    event.add("dtstamp", datetime.fromisoformat(variables["starts_at"]))
    calendar = Calendar()
    calendar.add("prodid", "-//Wanderamt//notifications//DE")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return str(calendar.to_ical().decode())
