"""What a citizen reads, and why there may be nothing to read."""

from dataclasses import dataclass


class BadText(Exception):
    """A text that cannot be made; `code` for staff. At start: what is wrong with which file."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(f"{where}: {code}" if where else code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Text:
    """`body` is what an SMS says, or the plain part of a mail."""

    sender: str
    body: str
    subject: str = ""
    html: str = ""
