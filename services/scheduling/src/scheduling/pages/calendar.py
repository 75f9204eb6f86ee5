"""Stands as calendars (RFC 5545).

Invariants: a stand keeps one UID for its whole life; SEQUENCE and LAST-MODIFIED are those of its version. METHOD is a
property of the calendar, never of an event. A cancelled stand stays in the calendar for a while, with STATUS CANCELLED
and a title that says so.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vDuration
from wanderamt.contracts import Language
from wanderamt.kernel.line_text import as_line

from scheduling.domain.bookable_service import BookableService, service_of
from scheduling.domain.stand import Stand, StandState

REFRESH = timedelta(hours=6)
WORDS = {
    Language.DE: ("Mobiles Bürgerservice", "Abgesagt", "Angebote"),
    Language.EN: ("Mobile citizen service", "Cancelled", "Services"),
}


def calendar(
    stands: Sequence[Stand],
    *,
    name: str,
    language: Language,
    services: dict[str, BookableService],
    zone: ZoneInfo,
    link: str,
    now: datetime,
) -> bytes:
    """`link`: URL of a stand's page with {id} in it. Times carry the zone, and the calendar contains its rules."""
    title, name = WORDS[language][0], as_line(name)
    feed = Calendar()
    feed.add("prodid", "-//Wanderamt//Stands//EN")
    feed.add("version", "2.0")
    feed.add("method", "PUBLISH")
    feed.add("name", f"{title}: {name}")
    feed.add("x-wr-calname", f"{title}: {name}")
    feed.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    if stands:
        begin = min(stand.details.starts_at for stand in stands).astimezone(zone).date()
        end = max(stand.details.ends_at for stand in stands).astimezone(zone).date()
        feed.add_component(
            Timezone.from_tzinfo(zone, first_date=begin.replace(day=1), last_date=end + timedelta(days=400))
        )
    for stand in stands:
        feed.add_component(_event(stand, language, services, zone, link, now))
    return bytes(feed.to_ical())


def _event(
    stand: Stand, language: Language, services: dict[str, BookableService], zone: ZoneInfo, link: str, now: datetime
) -> Event:
    details, (title, cancelled_word, services_word) = stand.details, WORDS[language]
    place, district = as_line(details.place), as_line(details.district)
    cancelled = stand.state is StandState.CANCELLED
    event = Event()
    event.add("uid", f"{stand.id}@wanderamt")
    event.add("sequence", stand.version - 1)
    event.add("dtstamp", now)
    event.add("last-modified", stand.changed_at or now)
    event.add("dtstart", details.starts_at.astimezone(zone))
    event.add("dtend", details.ends_at.astimezone(zone))
    event.add("summary", f"{f'[{cancelled_word}] ' if cancelled else ''}{title}, {place}")
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event.add("location", f"{place}, {district}")
    if details.latitude is not None and details.longitude is not None:
        event.add("geo", (details.latitude, details.longitude))
    names = [service_of(services, code).titles[language] for code in details.services]
    event.add("description", f"{services_word}: {', '.join(map(as_line, names))}")
    event.add("url", link.replace("{id}", str(stand.id)))
    if details.target_group:
        event.add("categories", [as_line(details.target_group)])
    return event
