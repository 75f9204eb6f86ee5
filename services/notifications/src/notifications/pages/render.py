"""Renders the status page. Values from outside are escaped."""

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
class StatusPage:
    """Without `status`, the page asks for code and date of birth. `token`: authorises the next action.

    `error` and `confirmation`: keys of the texts in words/<language>.yaml.
    """

    lang: Language
    status: Any = None
    token: str = ""
    error: str = ""
    confirmation: str = ""


def render(page: StatusPage) -> str:
    """HTML without scripts and without references to other files."""
    return (
        _environment()
        .get_template("status.html")
        .render(language=page.lang, words=_words(page.lang), page=page, status=page.status, day=_day, date=_date)
    )


def _day(at: datetime) -> str:
    return at.astimezone(VIENNA).strftime("%d.%m.%Y %H:%M")


def _date(at: datetime) -> str:
    return at.astimezone(VIENNA).strftime("%d.%m.%Y")


@lru_cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("notifications", "pages"), autoescape=True, undefined=StrictUndefined)


@lru_cache
def _words(language: Language) -> dict[str, Any]:
    text = (resources.files("notifications.pages") / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words
