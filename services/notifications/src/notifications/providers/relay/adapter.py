"""Builds the e-mail, with headers that a signing relay (DKIM) and a strict receiver (DMARC) accept. Pure.

Invariants: From, Message-ID and the envelope sender have the same domain; every header occurs once; no value with a
line break becomes a header, because the email package rejects it.
"""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formatdate
from typing import Final

from connector_kit.adapter import AdapterConfig, CallContext
from connector_kit.call_outcome import CallOutcome, Succeeded
from connector_kit.transports.smtp import OutgoingEmail
from pydantic import BaseModel

from notifications.providers.messages import Accepted, Mail


class _MailPolicy(EmailPolicy):
    """The email package encodes a long word of any header (RFC 2047), but these hold addresses for programs: an encoded
    one works for nobody. Each is one line of ASCII, far below the 998 characters that RFC 5322 allows."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in VERBATIM:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


VERBATIM: Final = frozenset({"list-unsubscribe", "message-id"})
POLICY: Final = _MailPolicy(linesep="\r\n")


def open_adapter(config: AdapterConfig) -> "RelayAdapter":
    return RelayAdapter(config.settings["sender"], config.settings["name"])


class RelayAdapter:
    def __init__(self, sender: str, name: str) -> None:
        user, _, self._domain = sender.partition("@")
        self._sender, self._from = sender, Address(name, user, self._domain)

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> OutgoingEmail:
        """Raises ValueError for an invalid header or address."""
        assert isinstance(question, Mail)  # noqa: S101 -- by the manifest
        mail = EmailMessage(policy=POLICY)
        mail["From"] = self._from
        mail["To"] = Address(addr_spec=question.to)
        mail["Subject"] = question.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{context.call_id}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        if question.unsubscribe:
            mail["List-Unsubscribe"] = f"<{question.unsubscribe}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.set_content(question.text)
        mail.add_alternative(question.html, subtype="html")
        if question.calendar:
            mail.add_attachment(
                question.calendar.encode(),
                maintype="text",
                subtype="calendar",
                filename="termin.ics",
                params={"method": "PUBLISH", "charset": "utf-8"},
            )
        return OutgoingEmail(self._sender, question.to, mail.as_bytes())

    def accepted(self, operation: str, reply: str) -> CallOutcome:
        return Succeeded(Accepted())
