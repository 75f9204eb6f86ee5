"""Renders pages from templates.

Invariants: every value from outside is escaped; pages run no scripts and load nothing from other servers.
"""

from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from service_catalogue.authority import AuthorityProfile
from wanderamt.contracts import Language


def render_page(name: str, language: Language, authority: AuthorityProfile, **values: Any) -> str:
    """`name`: of the template, without its ending. Times are those of the authority."""
    words, zone = _words(language), authority.calendar.zone
    city = authority.short_name.in_language(language)

    def at(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%H:%M")

    def day(moment: datetime) -> str:
        local = moment.astimezone(zone)
        return f"{words['weekdays'][local.weekday()]}, {local:%d.%m.%Y}"

    template = _templates().get_template(f"{name}.html")
    return template.render(language=language, words=words, city=city, at=at, day=day, **values)


@lru_cache
def _words(language: Language) -> dict[str, Any]:
    text = (resources.files("scheduling.pages") / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words


@lru_cache
def _templates() -> Environment:
    loader = PackageLoader("scheduling", "pages")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
