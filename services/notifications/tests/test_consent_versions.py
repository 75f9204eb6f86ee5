"""A consent names the version of a text; anything else is no consent and is stored nowhere."""

import pytest
from notifications_fixtures import OpenNotificationsEnv

NAME = "Erika Mustermann, geb. 4.5.1980"


@pytest.mark.parametrize("consent", ["2026-1\x00", "2026-1\n", NAME, "1" * 41, ""])
async def test_a_consent_that_names_no_version_is_none_and_reaches_no_column(
    open_notifications_env: OpenNotificationsEnv, consent: str
) -> None:
    async with open_notifications_env("gate", components=()) as env:
        good, bad = env.appointment_booked(), env.appointment_booked(phone="+436609990001", consent=consent)
        await env.deliver_events(good, bad)
        assert [row["wording"] for row in await env.rows("SELECT wording FROM consent")] == ["2026-1"]
        outcomes = {(row["state"], row["reason"]) for row in await env.notices(bad.appointment_id)}
        assert outcomes == {("dropped", "no_consent")}
