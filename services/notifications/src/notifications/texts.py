"""Texts of notices: templates/<kind>/<version>.yaml, each in several languages, checked whole when the service starts.

Kept true: every text names exactly the values it says it needs; an SMS has no link and no personal value; a language
without a text is told in German. Templates are sandboxed and strict: an unknown variable is an error, at start.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml
from babel.dates import format_date, format_time
from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, meta
from jinja2.sandbox import SandboxedEnvironment
from wanderamt.contracts import Channel

from notifications.domain.deciding import wrong_facts
from notifications.domain.kinds import RULES, Kind
from notifications.domain.refusals import NO_VARIABLE
from notifications.domain.segments import size_of
from notifications.domain.text import BadText, Text

FALLBACK: Final = "de"
TONGUES: Final = {"bs": "bcs", "hr": "bcs", "sr": "bcs"}  # one text for all three
LOCALES: Final = {"de": "de_AT", "en": "en_GB", "tr": "tr_TR", "bcs": "bs_Latn_BA", "uk": "uk_UA"}
LANGUAGES: Final = tuple(LOCALES)
IN_SMS: Final = frozenset({"code", "reference", "place", "starts_at", "ends_at", "sender", "inquiries"})
OURS: Final = frozenset({"sender", "inquiries", "status_url"})
VIENNA: Final = ZoneInfo("Europe/Vienna")
MAX_SEGMENTS: Final = {"de": 1, "en": 1}
MAX_SEGMENTS_ELSE: Final = 3
_LINK = re.compile(r"https?:|www\.|\S+\.(?:at|com|eu|org|info)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Edition:
    sms: Mapping[str, Template]
    subject: Mapping[str, Template]
    mail: Mapping[str, Template]


@dataclass
class Texts:
    """`sender`: the one fixed name; `inquiries`: a number to ring up; `status_url`: the citizen's page."""

    sender: str = "Stadt Linz"
    inquiries: str = "+43 732 7070"
    status_url: str = "https://mobil.linz.example/status"
    zone: ZoneInfo = VIENNA
    _editions: dict[tuple[Kind, int], _Edition] = field(default_factory=dict)
    newest: dict[Kind, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises BadText with the file and what is wrong with it."""
        self._environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        self._words = {one: _words(one) for one in LANGUAGES}
        pages = SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
        self._layout = pages.from_string((_ROOT / "mail.html").read_text("utf-8"))
        for kind in Kind:
            folder = _ROOT / kind.value
            for file in sorted(folder.iterdir(), key=lambda one: one.name) if folder.is_dir() else ():
                self._load(kind, int(file.name.removesuffix(".yaml")), file.read_text("utf-8"))
            if kind not in self.newest:
                raise BadText("no_text", kind.value)
        for kind, version in self._editions:
            self._check(kind, version)

    def render(
        self, kind: Kind, channel: Channel, language: str, facts: Mapping[str, str], *, version: int | None = None
    ) -> Text:
        """Raises BadText: `text.no_variable`, `text.empty_variable` or `text.control_character`."""
        edition = self._editions.get((kind, version or self.newest[kind]))
        if not edition:
            raise BadText("text.no_version")
        if refusal := wrong_facts(RULES[kind].needs, facts):
            raise BadText(refusal.code)
        tongue = self.tongue(language)
        values = self._values(facts, tongue)
        try:
            if channel is Channel.SMS:
                return Text(self.sender, edition.sms[tongue].render(values).strip())
            return self._mail(edition, tongue, values)
        except UndefinedError as error:
            raise BadText(NO_VARIABLE.code) from error

    def tongue(self, language: str) -> str:
        """The language it is told in."""
        found = TONGUES.get(language, language)
        return found if found in LOCALES else FALLBACK

    def _mail(self, edition: _Edition, tongue: str, values: Mapping[str, Any]) -> Text:
        words = self._words[tongue]
        subject = edition.subject[tongue].render(values).strip()
        paragraphs = [one.strip() for one in edition.mail[tongue].render(values).split("\n\n") if one.strip()]
        foot = [line.format(**{name: values[name] for name in OURS}) for line in words["foot"]]
        body = "\n\n".join(
            [words["greeting"], *paragraphs, *foot, f"{self.sender}\n{words['status']}: {self.status_url}"]
        )
        html = self._layout.render(
            language={"bcs": "bs"}.get(tongue, tongue),
            subject=subject,
            greeting=words["greeting"],
            paragraphs=paragraphs,
            foot=foot,
            status=words["status"],
            **values,
        )
        return Text(self.sender, body + "\n", subject, html)

    def _values(self, facts: Mapping[str, str], tongue: str) -> dict[str, Any]:
        locale = LOCALES[tongue]
        ours = {"sender": self.sender, "inquiries": self.inquiries, "status_url": self.status_url}
        return {
            **facts,
            **ours,
            "day": partial(self._day, locale=locale),
            "hour": partial(self._hour, locale=locale),
        }

    def _day(self, moment: str, *, locale: str) -> str:
        here = datetime.fromisoformat(moment).astimezone(self.zone)
        return str(format_date(here.date(), "EEE d.M.y" if locale != "en_GB" else "EEE d MMM y", locale=locale))

    def _hour(self, moment: str, *, locale: str) -> str:
        here = datetime.fromisoformat(moment).astimezone(self.zone)
        return str(format_time(here.timetz(), "HH:mm", locale=locale, tzinfo=self.zone))

    def _load(self, kind: Kind, version: int, text: str) -> None:
        where = f"{kind}/{version}.yaml"
        try:
            told = yaml.safe_load(text)
            texts, made = told["texts"], self._environment.from_string
            if FALLBACK not in texts:
                raise BadText(f"no text in {FALLBACK}", where)
            if set(told["needs"]) != set(RULES[kind].needs) or set(texts) - set(LANGUAGES):
                raise BadText(f"needs {sorted(RULES[kind].needs)} in {LANGUAGES}", where)
            by = {one: texts.get(one, texts[FALLBACK]) for one in LANGUAGES}
            parts = {part: {one: by[one][part] for one in LANGUAGES} for part in ("sms", "subject", "mail")}
            for part, by_language in parts.items():
                for language, source in by_language.items():
                    self._check_names(source, RULES[kind].needs, f"{where} {language} {part}")
            compiled = {part: {one: made(source) for one, source in of.items()} for part, of in parts.items()}
        except (yaml.YAMLError, TemplateError, KeyError, TypeError) as error:
            raise BadText(f"{type(error).__name__} {error}", where) from error
        self._editions[kind, version] = _Edition(compiled["sms"], compiled["subject"], compiled["mail"])
        self.newest[kind] = max(version, self.newest.get(kind, 0))

    def _check_names(self, source: str, needs: tuple[str, ...], where: str) -> None:
        names = meta.find_undeclared_variables(self._environment.parse(source)) - {"day", "hour"}
        if strange := sorted(names - {*needs, *OURS}):
            raise BadText(f"names {strange[0]}, which this notice does not have", where)
        if where.endswith("sms"):
            if personal := sorted(names - IN_SMS):
                raise BadText(f"an SMS must not name {personal[0]}", where)
            if found := _LINK.search(source):
                raise BadText(f"an SMS has no link, and this looks like one: {found.group()}", where)

    def _check(self, kind: Kind, version: int) -> None:
        """Renders everything once, and counts the parts of each SMS."""
        for language in LANGUAGES:
            where = f"{kind}/{version}.yaml {language}"
            try:
                sms = self.render(kind, Channel.SMS, language, SAMPLE, version=version)
                self.render(kind, Channel.EMAIL, language, SAMPLE, version=version)
            except BadText as error:
                raise BadText(error.code, where) from error
            size, most = size_of(sms.body), MAX_SEGMENTS.get(language, MAX_SEGMENTS_ELSE)
            if size.segments > most:
                raise BadText(f"the SMS has {size.segments} parts ({size.coding.name}), {most} at most", where)


SAMPLE: Final[Mapping[str, str]] = {
    "code": "7K3MZ-Q8XWT",
    "reference": "MB-2026-000001",
    "place": "Südbahnhofmarkt",
    "starts_at": "2026-12-01T09:00:00+01:00",
    "ends_at": "2026-12-01T09:20:00+01:00",
}
_ROOT: Final = resources.files("notifications") / "templates"


def _words(language: str) -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load((_ROOT / "words" / f"{language}.yaml").read_text("utf-8"))
    return words
