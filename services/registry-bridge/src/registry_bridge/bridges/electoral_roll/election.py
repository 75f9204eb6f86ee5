"""A coming election and its deadlines (NRWO 39): in person until noon of the second day before, in writing until the
end of the fourth day before, in local time."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from registry_bridge.bridges.electoral_roll.models import RequestChannel
from registry_bridge.bridges.seeded_people import RegisteredPerson, home

AHEAD: Final = timedelta(days=42)
SUNDAY: Final = 6
VOTING_AGE: Final = 16


@dataclass(frozen=True, slots=True)
class Election:
    name: str
    day: date
    spoken_until: datetime
    written_until: datetime

    def is_open(self, channel: RequestChannel, *, now: datetime) -> bool:
        return now <= (self.spoken_until if channel is RequestChannel.SPOKEN else self.written_until)

    def admits(self, person: RegisteredPerson) -> bool:
        """Citizens of the voting age; of a partial birth the latest day counts."""
        year, month, day = (*map(int, person.birth.split("-")), 12, 31)[:3] if person.birth else (9999, 12, 31)
        reached = (year + VOTING_AGE, month, day) <= (self.day.year, self.day.month, self.day.day)
        return person.nationality == "AT" and reached

    def as_answer(self) -> dict[str, Any]:
        return {
            "election": self.name,
            "election_day": self.day.isoformat(),
            "spoken_until": self.spoken_until.isoformat(),
            "written_until": self.written_until.isoformat(),
        }


def election_on(
    day: date, name: str, *, spoken_until: datetime | None = None, written_until: datetime | None = None
) -> Election:
    """Without deadlines of its own, those of the law."""
    zone = home().calendar.zone
    return Election(
        name,
        day,
        spoken_until or datetime.combine(day - timedelta(days=2), time(12), zone),
        written_until or datetime.combine(day - timedelta(days=4), time(23, 59, 59), zone),
    )


def next_election_day(now: datetime) -> date:
    """A Sunday far enough ahead for every deadline."""
    earliest = home().calendar.day_of(now) + AHEAD
    return earliest + timedelta(days=(SUNDAY - earliest.weekday()) % 7)
