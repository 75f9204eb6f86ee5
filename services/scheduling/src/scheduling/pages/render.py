"""Makes pages out of values. Everything that comes from outside is escaped; nothing runs and nothing is fetched."""

from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from wanderamt.contracts import Language


def page(name: str, language: Language, zone: ZoneInfo, **shown: Any) -> str:
    """`name`: of the template, without its ending."""
    words = _words(language)

    def at(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%H:%M")

    def day(moment: datetime) -> str:
        here = moment.astimezone(zone)
        return f"{words['weekdays'][here.weekday()]}, {here:%d.%m.%Y}"

    return _PAGES.get_template(f"{name}.html").render(language=language, words=words, at=at, day=day, **shown)


@lru_cache
def _words(language: Language) -> dict[str, Any]:
    text = (resources.files("scheduling.pages") / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words


_PAGES = Environment(
    loader=PackageLoader("scheduling", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
