"""Makes pages out of values. Everything that comes from outside is escaped."""

from collections.abc import Iterable
from datetime import datetime
from importlib import resources
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from wanderamt.contracts import Language

from intake.domain.catalogue.due import VIENNA
from intake.domain.report import Report, Stand, Tally

Named = list[tuple[str, Tally]]


def report_page(
    report: Report, *, since: datetime, until: datetime, language: Language, services: dict[str, str]
) -> str:
    """HTML that stands alone: no script, nothing fetched. `services`: their titles in the language."""
    words = _words(language)
    rows = report.by_stand()
    return _PAGES.get_template("report.html").render(
        language=language,
        words=words,
        report=report,
        total=report.total,
        range=words["range"].format(since=_day(since), until=_day(until)),
        most=max((tally.cases for _, tally in rows), default=0) or 1,
        stands=[(_stand_name(stand, words), tally) for stand, tally in rows],
        services=_named(report.by_service().items(), services),
        occasions=_named(report.by_occasion().items(), {"": words["no_occasion"]}),
        target_groups=_named(report.by_target_group().items(), {"": words["everybody"]}),
        euro=lambda cents: _decimal(f"{cents / 100:,.2f}", language) + " €",
        number=lambda value: "–" if value is None else _decimal(f"{value:.1f}", language),
        share=lambda part, whole: f"{100 * part / whole:.0f} %" if whole else "–",
    )


def _named(tallies: Iterable[tuple[str, Tally]], names: dict[str, str]) -> Named:
    """The most wanted first."""
    return sorted(((names.get(name, name), tally) for name, tally in tallies), key=lambda one: -one[1].cases)


def _stand_name(stand: Stand, words: dict[str, str]) -> str:
    day = f", {_day(stand.starts_at)}" if stand.starts_at else ""
    return (stand.place or words["unnamed"]) + day


def _day(at: datetime) -> str:
    return at.astimezone(VIENNA).strftime("%d.%m.%Y")


def _decimal(english: str, language: Language) -> str:
    return english.translate(str.maketrans(",.", ".,")) if language is Language.DE else english


def _words(language: Language) -> dict[str, str]:
    text = (resources.files("intake.pages") / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words


_PAGES = Environment(loader=PackageLoader("intake", "pages"), autoescape=True, undefined=StrictUndefined)
