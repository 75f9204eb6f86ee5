"""Renders the status page. Values from outside are escaped."""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from service_catalogue.authority import AuthorityProfile
from wanderamt.contracts import Language


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


def render(page: StatusPage, authority: AuthorityProfile) -> str:
    """HTML without scripts and without references to other files."""
    zone = authority.calendar.zone
    return (
        _environment()
        .get_template("status.html")
        .render(
            language=page.lang,
            words=_words(page.lang),
            city=authority.short_name.in_language(page.lang),
            page=page,
            status=page.status,
            day=lambda at: at.astimezone(zone).strftime("%d.%m.%Y %H:%M"),
            date=lambda at: at.astimezone(zone).strftime("%d.%m.%Y"),
        )
    )


@lru_cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("notifications", "pages"), autoescape=True, undefined=StrictUndefined)


@lru_cache
def _words(language: Language) -> dict[str, Any]:
    text = (resources.files("notifications.pages") / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words
