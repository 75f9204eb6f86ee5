"""Stands as calendars (RFC 5545).

Kept true: one UID for the whole life of a stand, SEQUENCE and LAST-MODIFIED of its revision; METHOD stands on the
calendar, never on an event; a cancelled stand stays in the feed for a while, cancelled by STATUS and by its title.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vDuration
from wanderamt.contracts import Language

from scheduling.domain.offer import Offer, offer_of
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
    offers: dict[str, Offer],
    zone: ZoneInfo,
    link: str,
    now: datetime,
) -> bytes:
    """`link`: where a stand's page is, with {id} in it. Times carry the zone, whose rules come with them."""
    title, _, _ = WORDS[language]
    feed = Calendar()
    feed.add("prodid", "-//Wanderamt//Stands//EN")
    feed.add("version", "2.0")
    feed.add("method", "PUBLISH")
    feed.add("name", f"{title}: {name}")
    feed.add("x-wr-calname", f"{title}: {name}")
    feed.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    if stands:
        begin = min(one.plan.starts_at for one in stands).astimezone(zone).date()
        end = max(one.plan.ends_at for one in stands).astimezone(zone).date()
        feed.add_component(
            Timezone.from_tzinfo(zone, first_date=begin.replace(day=1), last_date=end + timedelta(days=400))
        )
    for one in stands:
        feed.add_component(_event(one, language, offers, zone, link, now))
    return bytes(feed.to_ical())


def _event(
    stand: Stand, language: Language, offers: dict[str, Offer], zone: ZoneInfo, link: str, now: datetime
) -> Event:
    plan, (title, cancelled, offered) = stand.plan, WORDS[language]
    gone = stand.state is StandState.CANCELLED
    event = Event()
    event.add("uid", f"{stand.id}@wanderamt")
    event.add("sequence", stand.version - 1)
    event.add("dtstamp", now)
    event.add("last-modified", stand.changed_at or now)
    event.add("dtstart", plan.starts_at.astimezone(zone))
    event.add("dtend", plan.ends_at.astimezone(zone))
    event.add("summary", f"{f'[{cancelled}] ' if gone else ''}{title}, {plan.place}")
    event.add("status", "CANCELLED" if gone else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event.add("location", f"{plan.place}, {plan.district}")
    if plan.latitude is not None and plan.longitude is not None:
        event.add("geo", (plan.latitude, plan.longitude))
    names = [offer_of(offers, code).titles[language] for code in plan.services]
    event.add("description", f"{offered}: {', '.join(names)}")
    event.add("url", link.replace("{id}", str(stand.id)))
    if plan.target_group:
        event.add("categories", [plan.target_group])
    return event
