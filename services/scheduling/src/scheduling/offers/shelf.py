"""Reads what can be booked: the file shipped here, or one of the city's own."""

from importlib.resources import files
from pathlib import Path

import yaml

from scheduling.domain.offer import Offer

PRIOR = 0.35


def read_offers(path: str = "") -> dict[str, Offer]:
    """Raises OSError and ValueError with what is wrong: a service that offers half its list would turn people away."""
    text = (
        Path(path).read_text("utf-8")
        if path
        else files("scheduling.offers").joinpath("services.yaml").read_text("utf-8")
    )
    found = {}
    for code, entry in yaml.safe_load(text).items():
        try:
            bring = {language: tuple(map(str, those)) for language, those in entry["bring"].items()}
            prior = float(entry.get("prior", PRIOR))
            found[code] = Offer(
                code, int(entry["minutes"]), bool(entry.get("kit")), dict(entry["titles"]), bring, prior
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"services to book: {code} lacks or spoils {error}") from error
    return found
