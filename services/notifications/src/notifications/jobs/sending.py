"""Renders a message and sends it to its provider. Address and variables are decrypted only here."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

from connector_kit.adapter import CallContext
from connector_kit.call_outcome import Succeeded
from wanderamt.contracts import Channel
from wanderamt.security.keys import FieldCipher, UnreadableCiphertextError
from wanderamt.security.signed_links import sign_token

from notifications.domain.kinds import RULES, LinkKind
from notifications.domain.message_text import TemplateError
from notifications.domain.notice import address_of, open_variables
from notifications.domain.sending import SEND, NotSendable, SendResult, SendTask
from notifications.message_templates import MessageTemplates
from notifications.providers.connections import ProviderConnection
from notifications.providers.messages import MAX_SMS, Sms, mail_of, shortened

PURPOSE = "notice"
OFFICER = "notifications"
UNSUBSCRIBE_LIFETIME = timedelta(days=90)  # of the one-click link in an e-mail header (RFC 8058)


@dataclass(frozen=True)
class SendDependencies:
    templates: MessageTemplates
    cipher: FieldCipher
    clock: Callable[[], datetime]


async def send(
    task: SendTask, *, connections: Mapping[str, ProviderConnection], dependencies: SendDependencies
) -> SendResult | NotSendable:
    try:
        message = _render(task, dependencies)
    except UnreadableCiphertextError:
        return NotSendable(task.provider, "address_unreadable")
    except TemplateError as error:
        return NotSendable(task.provider, error.code)
    if task.wait_s:
        await asyncio.sleep(task.wait_s)  # until its slot in the provider's rate limit
    started = perf_counter()
    context = CallContext(task.notice_id, OFFICER, PURPOSE)
    outcome = await connections[task.provider].client.call(SEND, message, context, kind=task.call_kind)
    reference = getattr(outcome.result, "message_id", "") if isinstance(outcome, Succeeded) else ""
    return SendResult(task.provider, outcome, perf_counter() - started, task.call_kind, reference)


def _render(task: SendTask, dependencies: SendDependencies) -> bytes:
    """The message as JSON. Raises UnreadableCiphertextError, TemplateError."""
    cipher, templates = dependencies.cipher, dependencies.templates
    recipient = cipher.open_bytes(task.about_id, task.address, purpose=address_of(task.notice_id)).decode()
    variables = open_variables(task.variables, cipher, about_id=task.about_id, notice_id=task.notice_id)
    text = templates.render(task.kind, task.channel, task.language, variables, version=task.template_version)
    if task.channel is Channel.SMS:
        return (
            Sms(to=recipient, text=shortened(text.body, MAX_SMS), short_ref=task.short_ref).model_dump_json().encode()
        )
    token = sign_token(
        task.notice_id,  # of this message: the link stops messages to its address, and opens nothing
        cipher.keyed_hash,
        kind=LinkKind.UNSUBSCRIBE,
        now=dependencies.clock(),
        lifetime=UNSUBSCRIBE_LIFETIME,
    )
    unsubscribe = "" if RULES[task.kind].requested else f"{templates.status_url}/unsubscribe?token={token}"
    mail = mail_of(recipient, text, task.kind, variables, notice_id=str(task.notice_id), unsubscribe=unsubscribe)
    return mail.model_dump_json().encode()
