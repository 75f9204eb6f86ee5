"""Texts of notices: templates/<kind>/<version>.yaml, each in several languages, all checked when the service starts.

Invariants: a text uses the variables that its kind requires, and no others; an SMS has no link and no personal value; a
language without a text falls back to German. Templates are sandboxed and strict: an unknown variable stops the start.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib import resources
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

import yaml
from babel.dates import format_date, format_time
from jinja2 import StrictUndefined, Template, UndefinedError, meta
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import SandboxedEnvironment
from service_catalogue.authority import AuthorityProfile
from wanderamt.contracts import Channel

from notifications.domain.channel_decision import check_variables
from notifications.domain.kinds import RULES, NoticeKind
from notifications.domain.message_text import MessageText, TemplateError
from notifications.domain.refusals import NO_VARIABLE
from notifications.domain.sms_segments import sms_size

FALLBACK: Final = "de"
LANGUAGE_ALIASES: Final = {"bs": "bcs", "hr": "bcs", "sr": "bcs"}  # one text for three languages
LOCALES: Final = {"de": "de_AT", "en": "en_GB", "tr": "tr_TR", "bcs": "bs_Latn_BA", "uk": "uk_UA"}
LANGUAGES: Final = tuple(LOCALES)
SMS_VARIABLES: Final = frozenset(
    {
        *("code", "contact_code", "reference", "place", "starts_at", "ends_at", "sender", "inquiries"),
        *("sentence", "sentence_en", "due_at"),  # of the catalogue: it names nobody
    }
)
GLOBAL_VARIABLES: Final = frozenset({"sender", "inquiries", "status_url"})
MAX_SEGMENTS: Final = {"de": 1, "en": 1}
MAX_SEGMENTS_OTHERS: Final = 3
_LINK = re.compile(r"https?:|www\.|\S+\.(?:at|com|eu|org|info)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _TemplateVersion:
    sms: Mapping[str, Template]
    subject: Mapping[str, Template]
    mail: Mapping[str, Template]


@dataclass
class MessageTemplates:
    """`inquiries`: telephone number for questions; `status_url`: address of the status page; `newest`: by kind."""

    sender: str
    inquiries: str
    status_url: str
    zone: ZoneInfo
    _versions: dict[tuple[NoticeKind, int], _TemplateVersion] = field(default_factory=dict)
    newest: dict[NoticeKind, int] = field(default_factory=dict)

    @classmethod
    def of(cls, authority: AuthorityProfile, status_url: str = "https://mobil.city.example/status") -> Self:
        """With what its authority.yaml says."""
        return cls(authority.sender, authority.phone, status_url, authority.calendar.zone)

    def __post_init__(self) -> None:
        """Raises TemplateError with the file and the reason."""
        self._environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        self._words = {language: _words(language) for language in LANGUAGES}
        html_environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
        self._layout = html_environment.from_string((_ROOT / "mail.html").read_text("utf-8"))
        for kind in NoticeKind:
            folder = _ROOT / kind.value
            for file in sorted(folder.iterdir(), key=lambda file: file.name) if folder.is_dir() else ():
                self._load(kind, int(file.name.removesuffix(".yaml")), file.read_text("utf-8"))
            if kind not in self.newest:
                raise TemplateError("no_text", kind.value)
        for kind, version in self._versions:
            self._check(kind, version)

    def render(
        self,
        kind: NoticeKind,
        channel: Channel,
        language: str,
        variables: Mapping[str, str],
        *,
        version: int | None = None,
    ) -> MessageText:
        """Raises TemplateError: `text.no_variable`, `text.empty_variable` or `text.control_character`."""
        template = self._versions.get((kind, version or self.newest[kind]))
        if not template:
            raise TemplateError("text.no_version")
        if refusal := check_variables(RULES[kind].required_variables, variables):
            raise TemplateError(refusal.code)
        language = self.resolve_language(language)
        values = self._values(variables, language)
        try:
            if channel is Channel.SMS:
                return MessageText(self.sender, template.sms[language].render(values).strip())
            return self._mail(template, language, values)
        except UndefinedError as error:
            raise TemplateError(NO_VARIABLE.code) from error

    def resolve_language(self, language: str) -> str:
        """The language of the texts for a citizen's language."""
        resolved = LANGUAGE_ALIASES.get(language, language)
        return resolved if resolved in LOCALES else FALLBACK

    def _mail(self, template: _TemplateVersion, language: str, values: Mapping[str, Any]) -> MessageText:
        words = self._words[language]
        subject = template.subject[language].render(values).strip()
        paragraphs = [text.strip() for text in template.mail[language].render(values).split("\n\n") if text.strip()]
        footer = [line.format(**{name: values[name] for name in GLOBAL_VARIABLES}) for line in words["footer"]]
        body = "\n\n".join(
            [words["greeting"], *paragraphs, *footer, f"{self.sender}\n{words['status']}: {self.status_url}"]
        )
        html = self._layout.render(
            language={"bcs": "bs"}.get(language, language),
            subject=subject,
            greeting=words["greeting"],
            paragraphs=paragraphs,
            footer=footer,
            status=words["status"],
            **values,
        )
        return MessageText(self.sender, body + "\n", subject, html)

    def _values(self, variables: Mapping[str, str], language: str) -> dict[str, Any]:
        locale = LOCALES[language]
        global_variables = {"sender": self.sender, "inquiries": self.inquiries, "status_url": self.status_url}
        return {
            **variables,
            **global_variables,
            "day": partial(self._day, locale=locale),
            "hour": partial(self._hour, locale=locale),
        }

    def _day(self, moment: str, *, locale: str) -> str:
        local = datetime.fromisoformat(moment).astimezone(self.zone)
        return str(format_date(local.date(), "EEE d.M.y" if locale != "en_GB" else "EEE d MMM y", locale=locale))

    def _hour(self, moment: str, *, locale: str) -> str:
        local = datetime.fromisoformat(moment).astimezone(self.zone)
        return str(format_time(local.timetz(), "HH:mm", locale=locale, tzinfo=self.zone))

    def _load(self, kind: NoticeKind, version: int, text: str) -> None:
        place = f"{kind}/{version}.yaml"
        try:
            content = yaml.safe_load(text)
            texts, compile_text = content["texts"], self._environment.from_string
            if FALLBACK not in texts:
                raise TemplateError(f"no text in {FALLBACK}", place)
            required = RULES[kind].required_variables
            if set(content["required_variables"]) != set(required) or set(texts) - set(LANGUAGES):
                raise TemplateError(f"expected required_variables {sorted(required)} and languages {LANGUAGES}", place)
            by_language = {language: texts.get(language, texts[FALLBACK]) for language in LANGUAGES}
            parts = {
                part: {language: by_language[language][part] for language in LANGUAGES}
                for part in ("sms", "subject", "mail")
            }
            for part, sources in parts.items():
                for language, source in sources.items():
                    self._check_names(source, required, f"{place} {language} {part}")
            compiled = {
                part: {language: compile_text(source) for language, source in sources.items()}
                for part, sources in parts.items()
            }
        except (yaml.YAMLError, JinjaError, KeyError, TypeError) as error:
            raise TemplateError(f"{type(error).__name__} {error}", place) from error
        self._versions[kind, version] = _TemplateVersion(compiled["sms"], compiled["subject"], compiled["mail"])
        self.newest[kind] = max(version, self.newest.get(kind, 0))

    def _check_names(self, source: str, required: tuple[str, ...], place: str) -> None:
        names = meta.find_undeclared_variables(self._environment.parse(source)) - {"day", "hour"}
        if unknown := sorted(names - {*required, *GLOBAL_VARIABLES}):
            raise TemplateError(f"uses {unknown[0]}, which this notice does not have", place)
        if place.endswith("sms"):
            if personal := sorted(names - SMS_VARIABLES):
                raise TemplateError(f"an SMS must not use {personal[0]}", place)
            if link := _LINK.search(source):
                raise TemplateError(f"an SMS must not have a link, and this looks like one: {link.group()}", place)

    def _check(self, kind: NoticeKind, version: int) -> None:
        """Renders every text once, and checks the number of parts of each SMS."""
        for language in LANGUAGES:
            place = f"{kind}/{version}.yaml {language}"
            try:
                sms = self.render(kind, Channel.SMS, language, SAMPLE, version=version)
                self.render(kind, Channel.EMAIL, language, SAMPLE, version=version)
            except TemplateError as error:
                raise TemplateError(error.code, place) from error
            size, most = sms_size(sms.body), MAX_SEGMENTS.get(language, MAX_SEGMENTS_OTHERS)
            if size.segments > most:
                raise TemplateError(
                    f"the SMS has {size.segments} parts ({size.coding.name}), at most {most} allowed", place
                )


SAMPLE: Final[Mapping[str, str]] = {
    "code": "7K3MZ-Q8XWT",
    "contact_code": "123456",
    "reference": "MB-2026-000001",
    "place": "Südbahnhofmarkt",
    "starts_at": "2026-12-01T09:00:00+01:00",
    "ends_at": "2026-12-01T09:20:00+01:00",
    "sentence": "Der Nachweis der Heimtierdatenbank fehlt noch.",
    "sentence_en": "The proof of the pet database is still missing.",
    "due_at": "2026-12-01T23:59:00+01:00",
}
_ROOT: Final = resources.files("notifications") / "templates"


def _words(language: str) -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load((_ROOT / "words" / f"{language}.yaml").read_text("utf-8"))
    return words
