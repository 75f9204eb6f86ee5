"""A service as it is booked."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """`minutes`: at a desk. `titles`, `bring`: by language. `prior`: visits per 1,000 people and hour, before anything
    was seen."""

    code: str
    minutes: int
    kit: bool
    titles: dict[str, str]
    bring: dict[str, tuple[str, ...]]
    prior: float = 0.35


UNKNOWN_MIN = 15


def offer_of(offers: dict[str, Offer], code: str) -> Offer:
    """One that nobody has described takes a quarter of an hour and is called what it is called."""
    return offers.get(code) or Offer(
        code, UNKNOWN_MIN, kit=False, titles={"de": code, "en": code}, bring={"de": (), "en": ()}
    )
