"""Makes pages out of values. Everything that comes from outside is escaped."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from wanderamt.contracts import Language

VIENNA = ZoneInfo("Europe/Vienna")


@dataclass(frozen=True, slots=True)
class Page:
    """Without `shown` it asks. `wrong`: why not; `said`: what was done; `ticket`: good for what is done next."""

    lang: Language
    shown: Any = None
    ticket: str = ""
    wrong: str = ""
    said: str = ""


def page(of: Page) -> str:
    """HTML that stands alone: no script, nothing fetched."""
    return _PAGES.get_template("status.html").render(
        language=of.lang, words=_words(of.lang), page=of, shown=of.shown, day=_day
    )


def _day(at: datetime) -> str:
    return at.astimezone(VIENNA).strftime("%d.%m.%Y %H:%M")


@lru_cache
def _words(language: Language) -> dict[str, Any]:
    text = (resources.files("notifications.pages") / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words


_PAGES = Environment(loader=PackageLoader("notifications", "pages"), autoescape=True, undefined=StrictUndefined)
