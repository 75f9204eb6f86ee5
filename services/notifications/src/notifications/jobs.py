"""Slow work of notifications: rendering and sending. Sees no transaction; the recipient is opened here."""

from wanderamt.contracts import Channel
from wanderamt.kernel.decision import Retry
from wanderamt.security.keys import Sealer

from notifications.domain.notice import Delivery, Failed, Message
from notifications.domain.recipient import Recipient
from notifications.providers.sms import SmsGateway
from notifications.providers.smtp import MailServer
from notifications.providers.texts import Texts


async def send(
    message: Message, *, sms: SmsGateway, mail: MailServer, texts: Texts, sealer: Sealer
) -> Delivery | Retry:
    recipient = Recipient.model_validate_json(sealer.open(message.contact))
    text = texts.render(message.kind, message.channel, message.language, reference=message.reference)
    match message.channel, recipient:
        case Channel.SMS, Recipient(phone=str(phone)):
            return await sms.send(str(message.notice_id), to=phone, text=text.body)
        case Channel.EMAIL, Recipient(email=str(email)):
            return await mail.send(str(message.notice_id), to=email, subject=text.subject, body=text.body)
    return Failed("the recipient has no address on this channel")
