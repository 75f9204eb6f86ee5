"""One person or one network address cannot take all places, and cannot have SMS sent to strangers."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from public_fixtures import PublicEnv, token_of
from scheduling.domain.appointment import SLOT
from scheduling.domain.stand import Stand, StandDetails
from wanderamt.contracts import AppointmentBooked

PHONE = "+436601234567"


@pytest.fixture
def fourteen_places(details: StandDetails) -> StandDetails:
    return replace(details, ends_at=details.starts_at + 28 * SLOT)


async def states(env: PublicEnv) -> dict[str, int]:
    rows = await env.rows("SELECT state, count(*) AS n FROM appointment GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


async def take_all(env: PublicEnv, stand: Stand, http: httpx.AsyncClient) -> list[httpx.Response]:
    """Books every time with a new invented telephone number, as often as it goes."""
    replies = []
    for number in range(60):
        times = await env.times(stand)
        if not times:
            break
        replies.append(await env.book(http, stand, times[number % len(times)], phone=f"+43660{1000000 + number}"))
    return replies


async def test_one_address_with_invented_telephones_books_three_of_fourteen_places(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    async with public_env.citizen() as http:
        replies = await take_all(public_env, stand, http)
    assert await states(public_env) == {"booked": 3, "held": 4}, "seven of fourteen: half of the places"
    assert len(await public_env.times(stand)) == 7
    assert {reply.json()["code"] for reply in replies if reply.is_error} == {
        "appointment.code_needed",
        "appointment.too_many_at_stand",
    }
    assert len(await public_env.published(AppointmentBooked)) == 3, "one SMS each"
    assert await public_env.sent_codes() == []
    async with public_env.citizen("192.0.2.2") as http:  # somebody else is not touched
        assert (await public_env.book(http, stand, (await public_env.times(stand))[0], phone=PHONE)).is_success


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"])
async def test_a_header_that_the_client_sends_changes_no_limit(
    public_env: PublicEnv, fourteen_places: StandDetails, header: str
) -> None:
    stand = await public_env.stand(fourteen_places)
    async with public_env.citizen("127.0.0.1") as http:
        codes = []
        for number, at in enumerate(await public_env.times(stand)):
            http.headers[header] = f"10.1.2.{number}"
            codes.append((await public_env.hold(http, stand, at)).status_code)
    assert codes == [201] * 6 + [429] * 8


async def test_all_addresses_of_one_ipv6_customer_share_the_limits(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    codes = []
    for number, at in enumerate(await public_env.times(stand)):
        async with public_env.citizen(f"2001:db8:1:2::{number:x}") as http:
            codes.append((await public_env.hold(http, stand, at)).status_code)
    assert codes == [201] * 6 + [429] * 8


async def test_holds_that_expire_count_for_an_hour(public_env: PublicEnv, details: StandDetails) -> None:
    stand = await public_env.stand(replace(details, ends_at=details.starts_at + timedelta(hours=16)))
    held = 0
    async with public_env.citizen() as http:
        times = iter(await public_env.times(stand))
        for _ in range(7):
            held += sum([(await public_env.hold(http, stand, next(times))).is_success for _ in range(6)])
            await public_env.rows("UPDATE appointment SET hold_until = made_at WHERE state = 'held' RETURNING 1")
            await public_env.rows("UPDATE appointment SET stand_id = gen_random_uuid() RETURNING 1")
    assert held == 30


async def test_bookings_at_the_same_moment_with_one_telephone_are_one(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = await public_env.times(stand)
    citizens = [public_env.citizen(f"192.0.2.{number}") for number in range(8)]
    replies = await asyncio.gather(
        *(public_env.book(http, stand, at, phone=PHONE) for http, at in zip(citizens, times, strict=False))
    )
    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 7
    for http in citizens:
        await http.aclose()


async def test_a_second_appointment_needs_the_code_and_a_family_books_four_with_it(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = iter(await public_env.times(stand))
    async with public_env.citizen() as http:
        assert (await public_env.book(http, stand, next(times), phone=PHONE)).status_code == 201
        hold_id = (await public_env.hold(http, stand, next(times))).json()["hold_id"]
        refused = await public_env.confirm(http, hold_id, phone=PHONE)
        assert (refused.status_code, refused.json()["code"]) == (409, "appointment.code_needed")
        sent = await http.post(f"/public/holds/{hold_id}/code", json={"phone": "0660 123 45 67"})
        assert (sent.status_code, sent.json()["tries"]) == (201, 5)
        [(contact, code)] = await public_env.sent_codes()
        assert contact == f'{{"phone": "{PHONE}"}}'.encode()
        assert len(code) == 6
        assert (await public_env.confirm(http, hold_id, code=code, phone=PHONE)).status_code == 201
        assert (await public_env.book(http, stand, next(times), code=f"{code[:3]} {code[3:]}", phone=PHONE)).is_success
        assert (await public_env.book(http, stand, next(times), code=code, phone=PHONE)).is_success
        fifth = await public_env.book(http, stand, next(times), code=code, phone=PHONE)
        assert (fifth.status_code, fifth.json()["code"]) == (409, "appointment.too_many")
    booked = await public_env.published(AppointmentBooked)
    assert [event["contact_confirmed"] for event in booked] == [False, True, True, True], "only who entered the code"
    stored = await public_env.rows("SELECT * FROM contact_code")
    assert code not in str(stored)
    assert PHONE not in str(stored)


async def test_a_cancelled_appointment_does_not_free_the_telephone_for_another_one_without_a_code(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = iter(await public_env.times(stand))
    async with public_env.citizen() as http:
        assert (await public_env.book(http, stand, next(times), phone=PHONE)).is_success
        await public_env.rows("UPDATE appointment SET state = 'cancelled' RETURNING 1")
        again = await public_env.book(http, stand, next(times), phone=PHONE)
        assert again.json()["code"] == "appointment.code_needed", "each booking sends an SMS"
        public_env.clock.ahead += timedelta(days=1, minutes=1)
        assert (await public_env.book(http, stand, next(times), phone=PHONE)).is_success


async def test_a_wrong_code_can_be_entered_five_times_and_a_new_one_comes_after_ten_minutes(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = iter(await public_env.times(stand))
    async with public_env.citizen() as http:
        await public_env.book(http, stand, next(times), phone=PHONE)
        hold_id = (await public_env.hold(http, stand, next(times))).json()["hold_id"]
        path = f"/public/holds/{hold_id}/code"
        assert (await public_env.confirm(http, hold_id, code="123456", phone=PHONE)).json()["code"] == (
            "appointment.code_wrong"
        )
        await http.post(path, json={"phone": PHONE})
        [(_, code)] = await public_env.sent_codes()
        wrong = f"{(int(code) + 1) % 10**6:06}"
        codes = {(await public_env.confirm(http, hold_id, code=wrong, phone=PHONE)).json()["code"] for _ in range(5)}
        assert codes == {"appointment.code_wrong"}
        right = await public_env.confirm(http, hold_id, code=code, phone=PHONE)
        assert right.json()["code"] == "appointment.code_wrong"
        again = await http.post(path, json={"phone": PHONE})
        assert (again.status_code, again.json()["code"]) == (429, "appointment.code_sent")
        assert "in 10 min" in again.json()["hint"]
        public_env.clock.ahead += timedelta(minutes=10, seconds=1)
        hold_id = (await public_env.hold(http, stand, next(times))).json()["hold_id"]
        assert (await http.post(f"/public/holds/{hold_id}/code", json={"phone": PHONE})).status_code == 201
        _, (_, second) = await public_env.sent_codes()
        assert (await public_env.confirm(http, hold_id, code=code, phone=PHONE)).is_error, "the old one"
        assert (await public_env.confirm(http, hold_id, code=second, phone=PHONE)).status_code == 201


async def test_a_stranger_neither_uses_up_the_tries_of_a_code_nor_learns_of_it(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = iter(await public_env.times(stand))
    async with public_env.citizen() as http, public_env.citizen("203.0.113.9") as stranger:
        hold_id = (await public_env.hold(http, stand, next(times))).json()["hold_id"]
        await http.post(f"/public/holds/{hold_id}/code", json={"phone": PHONE})
        [(_, code)] = await public_env.sent_codes()
        other = (await public_env.hold(stranger, stand, next(times))).json()["hold_id"]
        wrong = f"{(int(code) + 1) % 10**6:06}"
        replies = [await public_env.confirm(stranger, other, code=wrong, phone=PHONE) for _ in range(6)]
        replies.append(await public_env.confirm(stranger, other, code=wrong, phone="+436607654321"))  # got no code
        replies.append(await public_env.confirm(stranger, other, code=code, phone=PHONE))
        assert {(reply.status_code, reply.text) for reply in replies} == {(409, replies[0].text)}
        assert (await public_env.confirm(http, hold_id, code=code, phone=PHONE)).status_code == 201


async def test_a_stranger_who_has_a_code_sent_does_not_keep_the_citizen_from_one(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = iter(await public_env.times(stand))
    async with public_env.citizen() as http, public_env.citizen("203.0.113.9") as stranger:
        for client in (stranger, http):
            hold_id = (await public_env.hold(client, stand, next(times))).json()["hold_id"]
            sent = await client.post(f"/public/holds/{hold_id}/code", json={"phone": PHONE})
            assert sent.status_code == 201
        _, (_, code) = await public_env.sent_codes()
        assert (await public_env.confirm(http, hold_id, code=code, phone=PHONE)).status_code == 201


async def test_a_code_is_for_its_telephone_only(public_env: PublicEnv, fourteen_places: StandDetails) -> None:
    stand = await public_env.stand(fourteen_places)
    times = iter(await public_env.times(stand))
    async with public_env.citizen() as http:
        hold_id = (await public_env.hold(http, stand, next(times))).json()["hold_id"]
        await http.post(f"/public/holds/{hold_id}/code", json={"phone": PHONE, "email": "ana@mail.example"})
        [(contact, code)] = await public_env.sent_codes()
        assert b"mail.example" not in contact
        other = await public_env.confirm(http, hold_id, code=code, phone="+436607654321")
        assert other.json()["code"] == "appointment.code_wrong"
        assert (await public_env.confirm(http, hold_id, code=code, email="ana@mail.example")).is_error
        assert (await public_env.confirm(http, hold_id, code=code, phone=PHONE, email="ana@mail.example")).is_success
        alone = (await public_env.hold(http, stand, next(times))).json()["hold_id"]
        assert (await public_env.confirm(http, alone, code=code, phone=PHONE)).is_success
    booked = await public_env.published(AppointmentBooked)
    assert [event["contact_confirmed"] for event in booked] == [False, True], "nobody confirmed the mailbox"


async def test_a_telephone_gets_one_code_in_ten_minutes_and_an_address_asks_for_few_telephones(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = iter(await public_env.times(stand))
    async with public_env.citizen() as http:
        hold_id = (await public_env.hold(http, stand, next(times))).json()["hold_id"]
        path = f"/public/holds/{hold_id}/code"
        same = [(await http.post(path, json={"phone": PHONE})).status_code for _ in range(20)]
        assert same == [201] + [429] * 19
        others = [(await http.post(path, json={"phone": f"+43660{number:07}"})).status_code for number in range(60)]
        assert others == [201] * 4 + [429] * 56
    assert len(await public_env.sent_codes()) == 5
    per_day = []
    for number in range(6):  # from many addresses, over hours
        public_env.clock.ahead += timedelta(minutes=11)
        async with public_env.citizen(f"198.51.100.{number}") as http:
            hold_id = (await public_env.hold(http, stand, next(times))).json()["hold_id"]
            per_day.append((await http.post(f"/public/holds/{hold_id}/code", json={"phone": PHONE})).status_code)
    assert per_day == [201, 201, 429, 429, 429, 429], "three codes a day"


async def test_a_code_is_sent_to_somebody_who_holds_a_time_and_can_receive_it(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = await public_env.times(stand)
    async with public_env.citizen() as http:
        nobody = await http.post(f"/public/holds/{stand.id}/code", json={"phone": PHONE})
        assert nobody.status_code == 404
        hold_id = (await public_env.hold(http, stand, times[0])).json()["hold_id"]
        path = f"/public/holds/{hold_id}/code"
        for phone in ("+43 732 7070", "+43 900 123456", "+43 800 123456"):
            refused = await http.post(path, json={"phone": phone})
            assert refused.json()["code"] == "appointment.no_code_there", phone
        assert (await http.post(path, json={"email": "ana@mail.example"})).status_code == 201
        public_env.clock.ahead += timedelta(minutes=11)
        assert (await http.post(path, json={"phone": PHONE})).json()["code"] == "appointment.hold_over"
    assert [contact for contact, _ in await public_env.sent_codes()] == [b'{"email": "ana@mail.example"}']


async def test_with_codes_one_address_has_at_most_twelve_appointments_and_half_of_a_stand(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await public_env.stand(details), await public_env.stand(elsewhere)  # 12 appointments each
    booked = []
    async with public_env.citizen() as http:
        for number, at in enumerate([*(await public_env.times(stand))[:7], *(await public_env.times(other))[:8]]):
            public_env.clock.ahead += timedelta(minutes=15)
            held = await public_env.hold(http, stand if number < 7 else other, at)
            if held.is_error:
                booked.append(held.json()["code"])
                continue
            hold_id, phone = held.json()["hold_id"], f"+43660{number:07}"
            await http.post(f"/public/holds/{hold_id}/code", json={"phone": phone})
            code = (await public_env.sent_codes())[-1][1]
            booked.append((await public_env.confirm(http, hold_id, code=code, phone=phone)).status_code)
    assert booked == [
        *[201] * 6,
        "appointment.too_many_at_stand",
        *[201] * 6,
        *["appointment.too_many_here"] * 2,
    ]


async def test_moving_does_not_get_around_the_share_of_a_stand(
    public_env: PublicEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand = await public_env.stand(details)
    small = await public_env.stand(replace(elsewhere, ends_at=elsewhere.starts_at + 8 * SLOT))
    moved = []
    async with public_env.citizen() as http:
        times = await public_env.times(small)
        for number, at in enumerate((await public_env.times(stand))[:3]):
            booked = (await public_env.book(http, stand, at, phone=f"+43660{number:07}")).json()
            look_up = {"code": booked["code"], "born": "1980-05-04"}
            token = (await http.post("/public/appointments/look-up", json=look_up)).json()["token"]
            body = {"token": token, "stand_id": str(small.id), "starts_at": times[number].isoformat()}
            moved.append((await http.post("/public/appointments/move", json=body)).status_code)
    assert moved == [200, 200, 429]


@pytest.mark.parametrize(
    ("lang", "needed", "sent", "wrong", "booked"),
    [
        ("de", "Bitte mit einem Code bestätigen", "Wir haben Ihnen einen Code", "Der Code stimmt nicht", "Gebucht"),
        ("en", "Please confirm with a code", "We have sent you a code", "This code is wrong", "Booked"),
    ],
)
async def test_the_pages_ask_for_the_code_and_keep_what_was_entered(
    public_env: PublicEnv, fourteen_places: StandDetails, lang: str, needed: str, sent: str, wrong: str, booked: str
) -> None:
    stand = await public_env.stand(fourteen_places)
    first, second = (await public_env.times(stand))[:2]
    person = {"phone": PHONE, "born": "4.5.1980", "consent": "yes"}
    async with public_env.citizen() as http:
        await public_env.book(http, stand, first, phone=PHONE)
        form = {"service": "active_pass", "time": second.isoformat()}
        page = await http.post(f"/visit/{stand.id}/hold?lang={lang}", data=form)
        page = await http.post(f"/visit/confirm?lang={lang}", data=person | {"token": token_of(page)})
        assert (page.status_code, needed in page.text) == (409, True)
        assert f'formaction="/visit/code?lang={lang}"' in page.text
        for text in (f'value="{PHONE}"', 'value="4.5.1980"', "checked"):
            assert text in page.text
        page = await http.post(f"/visit/code?lang={lang}", data=person | {"token": token_of(page)})
        assert (page.status_code, sent in page.text) == (200, True)
        [(_, code)] = await public_env.sent_codes()
        form = person | {"token": token_of(page), "contact_code": f"{(int(code) + 1) % 10**6:06}"}
        page = await http.post(f"/visit/confirm?lang={lang}", data=form)
        assert (page.status_code, wrong in page.text, "– 4." in page.text) == (409, True, True)
        form = person | {"token": token_of(page), "contact_code": code}
        page = await http.post(f"/visit/confirm?lang={lang}", data=form)
        assert (page.status_code, booked in page.text) == (200, True)
        assert "script" not in page.text


async def test_sub_addresses_of_one_mailbox_are_one_contact_and_get_their_own_mail(
    public_env: PublicEnv, fourteen_places: StandDetails
) -> None:
    stand = await public_env.stand(fourteen_places)
    times = iter(await public_env.times(stand))
    async with public_env.citizen() as http, public_env.citizen("192.0.2.2") as other:
        assert (await public_env.book(http, stand, next(times), email="v+1@mail.example")).status_code == 201
        second = await public_env.book(other, stand, next(times), email="V+2@mail.example")
        assert (second.status_code, second.json()["code"]) == (409, "appointment.code_needed")
        hold_id = (await public_env.hold(other, stand, next(times))).json()["hold_id"]
        replies = [
            await other.post(f"/public/holds/{hold_id}/code", json={"email": email})
            for email in ("v+2@mail.example", "v+3@mail.example", "v@mail.example")
        ]
        assert [reply.status_code for reply in replies] == [201, 429, 429]
        [(contact, _)] = await public_env.sent_codes()
        assert contact == b'{"email": "v+2@mail.example"}'
        assert (await public_env.book(other, stand, next(times), email="w@mail.example")).status_code == 201
