"""A code that confirms a contact is sent at once, once, and without consent: the citizen has just asked for it."""

from datetime import timedelta

import pytest
from notifications_fixtures import OpenNotificationsEnv
from wanderamt.contracts import CitizenUnreached


async def test_the_code_is_sent_once_without_consent_at_night_and_beyond_the_budget(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", quiet_hours="20:00-19:59", day_budget=1) as env:
        await env.deliver_events(*(env.contact_code_requested(code, phone="+436605550001") for code in ("1", "2")))
        event = env.contact_code_requested("345678", phone="+436605550001")
        await env.deliver_events(event)
        await env.deliver_events(event)
        await env.wait_until_idle()
        texts = sorted(text for number, text in env.received_sms() if number == "+436605550001")
        assert len(texts) == 3
        assert any("Ihr Code für die Terminbuchung: 345678. Er gilt 10 Minuten" in text for text in texts)
        rows = await env.rows("SELECT variables, address FROM notice")
        assert not any(b"345678" in row["variables"] or b"5550001" in row["address"] for row in rows)
        assert await env.rows("SELECT 1 FROM consent") == [], "asking for a code is no consent to messages"


async def test_the_code_goes_to_a_mailbox_in_the_language_of_the_page(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("post") as env:
        event = env.contact_code_requested("345678", email="ana@mail.example").model_copy(update={"language": "en"})
        await env.deliver_events(event)
        await env.wait_until_idle()
        assert env.post.last
        assert env.post.last["Subject"] == "Your code to book an appointment"


async def test_a_late_or_unreadable_code_is_not_sent(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env:
        late = env.contact_code_requested(phone="+436605550001")
        other = env.contact_code_requested(phone="+436605550001")
        env.clock.ahead += timedelta(minutes=10, seconds=1)
        await env.deliver_events(late, other.model_copy(update={"code": late.code.model_copy(update={"text": "AAAA"})}))
        await env.wait_until_idle()
        assert env.received_sms() == []


@pytest.mark.parametrize("phone", ["+437327070", "+43900123456"])
async def test_a_code_that_reaches_nobody_is_no_task_for_staff(
    open_notifications_env: OpenNotificationsEnv, phone: str
) -> None:
    async with open_notifications_env("gate") as env:
        await env.deliver_events(env.contact_code_requested(phone=phone))
        await env.wait_until_idle()
        assert await env.states() == {"failed": 1}
        assert await env.rows("SELECT 1 FROM task") == []
        assert await env.published(CitizenUnreached) == []
