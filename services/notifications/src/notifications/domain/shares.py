"""Which provider gets the next messages: by weight, away from one that fails, and back step by step. Pure.

The steps are those GOV.UK Notify has lived with since 2020 (ten points away on failures, ten back in each five quiet
minutes), for any number of providers instead of two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

STEP: Final = 10.0
SHIFT_AT: Final = 0.1  # this share of calls failed in the breaker's window
SHIFT_EVERY: Final = timedelta(minutes=1)
LEAST: Final = 1e-9  # points nobody is below, where the rest is divided: a share of nothing would have no ratio


@dataclass(frozen=True, slots=True)
class Share:
    """`points` of `weight` are in use now; `moved_at`: when they last changed."""

    weight: float
    points: float
    moved_at: datetime | None = None

    @classmethod
    def full(cls, weight: float) -> "Share":
        return cls(weight, weight)


def moved(share: Share, *, failing: float, open_: bool, return_every: timedelta, now: datetime) -> Share:
    """After a call. `failing`: the share of calls that failed in the window; `open_`: the provider is left alone.

    `return_every`: so long it must have been well for each step back.
    """
    least = min(share.weight, STEP)
    if open_:
        return share if share.points <= least else replace(share, points=least, moved_at=now)
    since = now - share.moved_at if share.moved_at else None
    if failing >= SHIFT_AT:
        if since is not None and since < SHIFT_EVERY:
            return share
        return replace(share, points=max(least, share.points - STEP), moved_at=now)
    if share.points >= share.weight or since is None:
        return share
    if steps := int(since / return_every):
        return replace(share, points=min(share.weight, share.points + steps * STEP), moved_at=now)
    return share


def divide(wanted: int, points: Mapping[str, float], room: Mapping[str, int]) -> dict[str, int]:
    """How many of `wanted` each gets: by points as far as there is room, the rest to whoever has room (largest
    remainder, Hamilton's method)."""
    given = dict.fromkeys(points, 0)
    left = min(wanted, sum(room.get(name, 0) for name in points))
    while left > 0:
        open_ = {name: max(value, LEAST) for name, value in points.items() if given[name] < room.get(name, 0)}
        total = sum(open_.values())
        exact = {name: left * value / total for name, value in open_.items()}
        for name, value in exact.items():
            more = min(int(value), room[name] - given[name])
            given[name] += more
        left_now = min(wanted, sum(room.get(name, 0) for name in points)) - sum(given.values())
        if left_now == left:  # less than one each: by the largest remainder
            for name in sorted(exact, key=lambda one: -exact[one])[:left]:
                given[name] += 1
            left_now = min(wanted, sum(room.get(name, 0) for name in points)) - sum(given.values())
        left = left_now
    return given


def in_turns(given: Mapping[str, int]) -> Sequence[str]:
    """The names so often as they were given, well mixed: a burst goes to all of them from its first message on."""
    counted = sorted((number / (count + 1), name) for name, count in given.items() for number in range(1, count + 1))
    return [name for _, name in counted]
