"""The text of a message, and the error of a template that cannot be rendered."""

from dataclasses import dataclass


class TemplateError(Exception):
    """A text cannot be rendered. `code`: for staff; while the service starts, `place` names the file."""

    def __init__(self, code: str, place: str = "") -> None:
        super().__init__(f"{place}: {code}" if place else code)
        self.code = code


@dataclass(frozen=True, slots=True)
class MessageText:
    """`body`: the text of an SMS, or the plain part of an e-mail."""

    sender: str
    body: str
    subject: str = ""
    html: str = ""
