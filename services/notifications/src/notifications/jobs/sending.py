"""A message is made and handed to its provider. The address is opened here, nowhere earlier."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

from connector_kit.adapter import Stamp
from connector_kit.verdict import Done
from pydantic import TypeAdapter
from wanderamt.contracts import Channel
from wanderamt.security.keys import Sealer, Unreadable
from wanderamt.security.passes import sign_pass

from notifications.domain.kinds import RULES, About
from notifications.domain.sending import SEND, Called, NotSent, Task
from notifications.domain.text import BadText
from notifications.providers.connected import Connected
from notifications.providers.messages import Sms, mail_of
from notifications.texts import Texts

PURPOSE = "notice"
OFFICER = "notifications"
MAIL_PASS = timedelta(days=90)  # in the head of a mail, to opt out by one click (RFC 8058)
_FACTS = TypeAdapter(dict[str, str])


@dataclass(frozen=True)
class Desk:
    """What every message is made with."""

    texts: Texts
    sealer: Sealer
    clock: Callable[[], datetime]


async def send(task: Task, *, callers: Mapping[str, Connected], desk: Desk) -> Called | NotSent:
    try:
        question = _question(task, desk)
    except Unreadable:
        return NotSent(task.provider, "address_unreadable")
    except BadText as error:
        return NotSent(task.provider, error.code)
    if task.wait_s:
        await asyncio.sleep(task.wait_s)  # its moment in the pace of the provider
    begun = perf_counter()
    stamp = Stamp(task.notice_id, OFFICER, PURPOSE)
    verdict = await callers[task.provider].caller.call(SEND, question, stamp, beat=task.beat)
    reference = getattr(verdict.result, "message_id", "") if isinstance(verdict, Done) else ""
    return Called(task.provider, verdict, perf_counter() - begun, task.beat, reference)


def _question(task: Task, desk: Desk) -> bytes:
    """Raises Unreadable, BadText."""
    to = desk.sealer.open_bytes(task.about_id, task.address).decode()
    facts = _FACTS.validate_json(desk.sealer.open_bytes(task.about_id, task.facts))
    text = desk.texts.render(task.kind, task.channel, task.language, facts, version=task.template)
    if task.channel is Channel.SMS:
        return Sms(to=to, text=text.body, short_ref=task.short_ref).model_dump_json().encode()
    ticket = sign_pass(task.about_id, desk.sealer.fingerprint, now=desk.clock(), lifetime=MAIL_PASS)
    leave = "" if RULES[task.kind].about is About.STAND else f"{desk.texts.status_url}/unsubscribe?ticket={ticket}"
    mail = mail_of(to, text, task.kind, facts, notice_id=str(task.notice_id), unsubscribe=leave)
    return mail.model_dump_json().encode()
