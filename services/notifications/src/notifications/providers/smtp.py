"""Mail by SMTP. A mail server takes the same mail twice (effect: unsafe), so a missing answer is told as unknown."""

from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate

import aiosmtplib
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from wanderamt.kernel.decision import Retry

from notifications.domain.notice import Delivery, Failed, Sent, Unknown

RETRY_AFTER_S = 5.0

tracer = trace.get_tracer(__name__)


class MailServer:
    NAME = "smtp"

    def __init__(
        self, host: str, port: int, *, sender: str, user: str, password: str, start_tls: bool, timeout_s: float
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._credentials = (user, password) if user else None
        self._start_tls = start_tls
        self._timeout_s = timeout_s

    async def send(self, reference: str, *, to: str, subject: str, body: str) -> Delivery | Retry:
        mail = self._compose(reference, to=to, subject=subject, body=body)
        client = aiosmtplib.SMTP(
            hostname=self._host, port=self._port, timeout=self._timeout_s, start_tls=self._start_tls
        )
        with tracer.start_as_current_span("smtp send", kind=SpanKind.CLIENT) as span:
            try:
                await client.connect()
                if self._credentials:
                    await client.login(*self._credentials)
            except (aiosmtplib.SMTPException, OSError) as error:
                client.close()
                return Retry(RETRY_AFTER_S, f"{type(error).__name__} before the mail was handed over")
            delivery = await self._hand_over(client, mail)
            span.set_attribute("notice.outcome", type(delivery).__name__.lower())
            return delivery

    async def _hand_over(self, client: aiosmtplib.SMTP, mail: EmailMessage) -> Delivery | Retry:
        try:
            await client.send_message(mail)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(min(one.code for one in error.recipients))
        except (aiosmtplib.SMTPException, OSError) as error:
            return Unknown(f"{type(error).__name__} after the mail was handed over")
        finally:
            client.close()
        return Sent(self.NAME)

    def _compose(self, reference: str, *, to: str, subject: str, body: str) -> EmailMessage:
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"] = self._sender
        mail["To"] = to
        mail["Subject"] = subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{reference}@{self._sender.split('@')[1]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(body)
        return mail


def _refused(code: int) -> Failed | Retry:
    if code >= 500:
        return Failed(f"the mail server refused the mail with {code}")
    return Retry(RETRY_AFTER_S, f"the mail server said {code}, later")
