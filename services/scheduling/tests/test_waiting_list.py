"""The waiting list tells strangers nothing, and its places count like bookings."""

import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from public_fixtures import PublicEnv
from scheduling.domain.appointment import SLOT
from scheduling.domain.stand import Stand, StandDetails

PHONE = "+436601234567"


async def states(env: PublicEnv) -> dict[str, int]:
    rows = await env.rows("SELECT state, count(*) AS n FROM appointment GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


async def wait_for_place(http: httpx.AsyncClient, stand: Stand, phone: str, *, lang: str = "en") -> tuple[int, str]:
    """(status, what the page answers)."""
    form = {"service": "active_pass", "born": "4.5.1980", "consent": "yes", "phone": phone}
    page = await http.post(f"/visit/{stand.id}/wait?lang={lang}", data=form)
    answer = re.search(r"<h2>([^<]+)", page.text)
    assert answer, page.text
    return page.status_code, answer[1]


async def test_a_person_joins_one_waiting_list_a_day_and_an_address_three(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await public_env.stand(details), await public_env.stand(elsewhere)
    refused = (409, "No new entry is possible")
    async with public_env.citizen() as http, public_env.citizen("192.0.2.2") as elsewhere_http:
        assert await wait_for_place(http, stand, PHONE) == (200, "On the waiting list")
        assert await wait_for_place(http, other, PHONE) == refused
        assert await wait_for_place(elsewhere_http, other, PHONE) == refused
        codes = [(await wait_for_place(http, stand, f"+43661{number:07}"))[0] for number in range(60)]
    assert codes == [200] + [429] * 59, "every try counts"
    assert [row["times"] for row in await public_env.rows("SELECT times FROM wish")] == [2.0]


@pytest.mark.parametrize(("lang", "answer"), [("de", "Kein neuer Eintrag möglich"), ("en", "No new entry is possible")])
async def test_the_waiting_list_tells_not_who_waits_or_has_an_appointment_and_counts_who_asks(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails, lang: str, answer: str
) -> None:
    stand, other = await public_env.stand(details), await public_env.stand(elsewhere)
    booked = "+436605550077"
    async with public_env.citizen() as http, public_env.citizen("203.0.113.5") as stranger:
        await wait_for_place(http, stand, PHONE)
        await public_env.book(http, stand, (await public_env.times(stand))[0], phone=booked)
        asked = [
            await wait_for_place(stranger, stand, PHONE, lang=lang),  # waits
            await wait_for_place(stranger, other, PHONE, lang=lang),  # wished today
            await wait_for_place(stranger, stand, booked, lang=lang),
        ]
        assert asked == [(409, answer)] * 3
        more = {await wait_for_place(stranger, stand, phone) for phone in (PHONE, booked, "+436600000001")}
        assert {status for status, _ in more} == {429}
        assert len(more) == 1


async def test_a_contact_with_an_appointment_gets_none_by_the_waiting_list(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await public_env.stand(details), await public_env.stand(elsewhere)
    async with public_env.citizen() as http:
        assert (await wait_for_place(http, other, PHONE))[0] == 200
        assert (await public_env.book(http, stand, (await public_env.times(stand))[0], phone=PHONE)).is_success
    await public_env.promote()
    assert await states(public_env) == {"booked": 1}
    assert [row["ended"] for row in await public_env.rows("SELECT ended FROM waiting")] == ["other"]


async def test_who_books_with_a_strangers_number_does_not_end_the_strangers_wait(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await public_env.stand(details), await public_env.stand(elsewhere)
    async with public_env.citizen() as http, public_env.citizen("203.0.113.9") as stranger:
        assert (await wait_for_place(http, other, PHONE))[0] == 200
        assert (await public_env.book(stranger, stand, (await public_env.times(stand))[0], phone=PHONE)).is_success
    await public_env.promote()
    assert await public_env.rows("SELECT 1 FROM waiting WHERE ended IS NOT NULL") == []
    await public_env.rows("UPDATE appointment SET state = 'cancelled' RETURNING 1")
    public_env.clock.ahead += timedelta(days=1, minutes=1)
    await public_env.promote()
    assert await states(public_env) == {"cancelled": 1, "booked": 1}


async def test_an_appointment_with_a_code_ends_the_wait_from_any_network(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await public_env.stand(details), await public_env.stand(elsewhere)
    async with public_env.citizen() as http, public_env.citizen("192.0.2.2") as away:
        assert (await wait_for_place(http, other, PHONE))[0] == 200
        hold_id = (await public_env.hold(away, stand, (await public_env.times(stand))[0])).json()["hold_id"]
        await away.post(f"/public/holds/{hold_id}/code", json={"phone": PHONE})
        [(_, code)] = await public_env.sent_codes()
        assert (await public_env.confirm(away, hold_id, code=code, phone=PHONE)).is_success
    await public_env.promote()
    assert [row["ended"] for row in await public_env.rows("SELECT ended FROM waiting")] == ["other"]


async def test_places_of_the_waiting_list_count_like_bookings(public_env: PublicEnv, details: StandDetails) -> None:
    stand = await public_env.stand(replace(details, ends_at=details.starts_at + 28 * SLOT))
    async with public_env.citizen() as http:
        for number in range(3):
            at = (await public_env.times(stand))[0]
            assert (await public_env.book(http, stand, at, phone=f"+43660{1000000 + number}")).is_success
            assert (await wait_for_place(http, stand, f"+43661{1000000 + number}"))[0] == 200
        for _ in range(4):
            await public_env.promote()
        assert await states(public_env) == {"booked": 3}, "three a day without a code"
        public_env.clock.ahead += timedelta(days=1, minutes=1)
        for _ in range(4):
            await public_env.promote()
        assert await states(public_env) == {"booked": 6}
        assert await public_env.rows("SELECT 1 FROM appointment WHERE holder IS NULL") == []
        refused = await public_env.book(http, stand, (await public_env.times(stand))[0], phone=PHONE)
        assert refused.json()["code"] == "appointment.code_needed"


async def test_twenty_who_wait_and_may_not_book_keep_nobody_behind_them_from_a_place(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await public_env.stand(details), await public_env.stand(elsewhere)
    for number in range(20):
        async with public_env.citizen(f"198.51.100.{number // 3}") as http:
            assert (await wait_for_place(http, stand, f"+43661{number:07}"))[0] == 200
    await public_env.rows("UPDATE slot SET booked = capacity WHERE stand_id = $1 RETURNING 1", stand.id)
    one_slot = "UPDATE slot SET booked = 0 WHERE stand_id = $1 AND starts_at = $2 RETURNING 1"
    await public_env.rows(one_slot, stand.id, details.starts_at)  # too short for the service
    async with public_env.citizen("192.0.2.9") as http:
        assert (await wait_for_place(http, other, PHONE))[0] == 200
    for _ in range(2):
        await public_env.promote()
    [row] = await public_env.rows("SELECT stand_id FROM appointment")
    assert row["stand_id"] == other.id
