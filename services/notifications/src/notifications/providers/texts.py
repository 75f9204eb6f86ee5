"""Texts of notices: templates/<language>/<kind>.<channel>.txt, checked whole when the service starts.

The first line of a mail is its subject. Templates are sandboxed and strict: an unknown variable is an error, at start.
"""

from dataclasses import dataclass

from jinja2 import PackageLoader, StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment
from wanderamt.contracts import Channel, Language

from notifications.domain.notice import Occasion

INQUIRIES = "+43 732 7070"


@dataclass(frozen=True, slots=True)
class Text:
    subject: str
    body: str


class Texts:
    def __init__(self) -> None:
        """Raises a jinja2 error when a template is missing or names a variable that no notice has."""
        environment = SandboxedEnvironment(
            loader=PackageLoader("notifications", "templates"),
            undefined=StrictUndefined,
            autoescape=False,
            keep_trailing_newline=True,
        )
        self._templates: dict[tuple[Occasion, Channel, Language], Template] = {
            (kind, channel, language): environment.get_template(f"{language}/{kind}.{channel}.txt")
            for kind in Occasion
            for channel in Channel
            for language in Language
        }
        for kind, channel, language in self._templates:
            self.render(kind, channel, language, reference="MB-2026-000000")

    def render(self, kind: Occasion, channel: Channel, language: Language, *, reference: str) -> Text:
        text = self._templates[kind, channel, language].render(reference=reference, inquiries=INQUIRIES)
        if channel is Channel.SMS:
            return Text("", text.strip())
        subject, _, body = text.partition("\n")
        return Text(subject.strip(), body.strip() + "\n")
