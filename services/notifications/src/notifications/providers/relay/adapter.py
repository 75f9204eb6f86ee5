"""Pure: a mail as it goes over the wire, with a head that a signing relay (DKIM) and a strict receiver (DMARC) accept.

Kept true: From, Message-ID and the envelope's sender are of one domain; every header stands once; nothing with a line
end in it gets into the head, the email package refuses it.
"""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from connector_kit.adapter import Setup, Stamp
from connector_kit.smtp import Letter
from connector_kit.verdict import Done, Verdict
from pydantic import BaseModel

from notifications.providers.messages import Mail, Taken


def open_adapter(setup: Setup) -> "RelayAdapter":
    return RelayAdapter(setup.settings["sender"], setup.settings["name"])


class RelayAdapter:
    def __init__(self, sender: str, name: str) -> None:
        user, _, self._domain = sender.partition("@")
        self._sender, self._from = sender, Address(name, user, self._domain)

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> Letter:
        """Raises ValueError for a mail that is none."""
        assert isinstance(question, Mail)  # noqa: S101 -- by the manifest
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._from
        mail["To"] = Address(addr_spec=question.to)
        mail["Subject"] = question.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{stamp.call_id}@{self._domain}>"
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
        return Letter(self._sender, question.to, mail.as_bytes())

    def taken(self, operation: str, said: str) -> Verdict:
        return Done(Taken())
