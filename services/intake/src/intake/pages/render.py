"""Renders the HTML pages of intake. Everything that comes from outside is escaped."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache, partial
from importlib import resources
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import yaml
from wanderamt.contracts import Language
from wanderamt.kernel.refusal import Refusal

from intake.domain.report import Report, StandCopy, StandStatistics


class VerifiedDocument(Protocol):
    """What the page shows of a genuine document."""

    @property
    def status(self) -> str: ...


NamedStatistics = list[tuple[str, StandStatistics]]


def report_page(
    report: Report,
    *,
    since: datetime,
    until: datetime,
    language: Language,
    services: dict[str, str],
    zone: ZoneInfo,
) -> str:
    """A standalone HTML page: it has no script and fetches nothing. `services`: their titles in the language."""
    texts = _texts(language)
    rows = report.by_stand()
    return _render(
        "report.html",
        language=language,
        texts=texts,
        report=report,
        total=report.total,
        range=texts["range"].format(since=_day(since, zone), until=_day(until, zone)),
        most=max((statistics.cases for _, statistics in rows), default=0) or 1,
        stands=[(_stand_name(stand, texts, zone), statistics) for stand, statistics in rows],
        services=_named(report.by_service().items(), services),
        occasions=_named(report.by_occasion().items(), {"": texts["no_occasion"]}),
        target_groups=_named(report.by_target_group().items(), {"": texts["everybody"]}),
        euro=lambda cents: _decimal(f"{cents / 100:,.2f}", language) + " €",
        number=lambda value: "–" if value is None else _decimal(f"{value:.1f}", language),
        share=lambda part, whole: f"{100 * part / whole:.0f} %" if whole else "–",
    )


def verification_page(
    answer: VerifiedDocument | Refusal | None, *, language: Language, authorities: Mapping[str, str], zone: ZoneInfo
) -> str:
    """A standalone HTML page: a form, and above it the answer to the last check.

    `authorities`: their names by their codes.
    """
    texts: dict[str, Any] = _texts(language)["verification"]
    kind, verified, reason = "", None, ""
    if isinstance(answer, Refusal):
        kind, reason = "refused", texts["reasons"].get(answer.code.split(".")[-1], texts["reasons"]["other"])
    elif answer:
        kind, verified = answer.status, answer
    return _render(
        "verification.html",
        language=language,
        texts=texts,
        kind=kind,
        result=texts.get(kind),
        verified=verified,
        reason=reason,
        authorities=authorities,
        day=partial(_day, zone=zone),
        short_day=lambda day: day.strftime("%d.%m.%Y"),
    )


def _named(rows: Iterable[tuple[str, StandStatistics]], names: dict[str, str]) -> NamedStatistics:
    """With readable names, most cases first."""
    named = ((names.get(name, name), statistics) for name, statistics in rows)
    return sorted(named, key=lambda row: -row[1].cases)


def _stand_name(stand: StandCopy, texts: dict[str, str], zone: ZoneInfo) -> str:
    day = f", {_day(stand.starts_at, zone)}" if stand.starts_at else ""
    return (stand.place or texts["unnamed"]) + day


def _day(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%d.%m.%Y")


def _decimal(english: str, language: Language) -> str:
    return english.translate(str.maketrans(",.", ".,")) if language is Language.DE else english


def _texts(language: Language) -> dict[str, Any]:
    content = (resources.files("intake.pages") / "texts" / f"{language}.yaml").read_text(encoding="utf-8")
    texts: dict[str, Any] = yaml.safe_load(content)
    return texts


def _render(template: str, **values: Any) -> str:
    html: str = _templates().get_template(template).render(**values)
    return html


@cache
def _templates() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 -- the first page loads it

    return Environment(loader=PackageLoader("intake", "pages"), autoescape=True, undefined=StrictUndefined)
