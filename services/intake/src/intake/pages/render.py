"""Makes pages out of values. Everything that comes from outside is escaped."""

from collections.abc import Iterable
from datetime import datetime
from importlib import resources
from typing import Any, Protocol

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from wanderamt.contracts import Language
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.due import VIENNA
from intake.domain.report import Report, Stand, Tally


class Checked(Protocol):
    """What is told of a genuine paper."""

    @property
    def standing(self) -> str: ...


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


def verification_page(answer: Checked | Refusal | None, *, language: Language) -> str:
    """HTML that stands alone: a form, and above it the answer to what it asked last."""
    words: dict[str, Any] = _words(language)["verification"]
    about: dict[str, Any] = {"kind": "", "checked": None, "why": ""}
    if isinstance(answer, Refusal):
        why = words["why"].get(answer.code.split(".")[-1], words["why"]["other"])
        about = {"kind": "refused", "checked": None, "why": why}
    elif answer:
        about = {"kind": answer.standing, "checked": answer, "why": ""}
    return _PAGES.get_template("verification.html").render(
        language=language,
        words=words,
        verdict=words.get(about["kind"]),
        day=_day,
        short_day=lambda day: day.strftime("%d.%m.%Y"),
        **about,
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


def _words(language: Language) -> dict[str, Any]:
    text = (resources.files("intake.pages") / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words


_PAGES = Environment(loader=PackageLoader("intake", "pages"), autoescape=True, undefined=StrictUndefined)
