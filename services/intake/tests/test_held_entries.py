"""Entries that wait for earlier ones: a bounded number per device, read only when their turn comes."""

from typing import Any

from intake.store.entry_statements import ready_cases
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7

NOTHING = {"service": "registration_confirmation"}
PHONE = {"contact": {"phone": "+436609999999", "consent": "2026-1"}}


async def results(client: IntakeClient, *entries: dict[str, Any]) -> list[tuple[str, str]]:
    """(status, code) of each entry."""
    answers = (await client.sync(*entries)).json()["results"]
    return [(answer["status"], (answer["problem"] or {}).get("code", "")) for answer in answers]


def fills(client: IntakeClient, case_id: str, places: range) -> list[dict[str, Any]]:
    return [client.follow_up(case_id, "case.fill", PHONE, case_seq=place) for place in places]


async def test_what_a_device_sends_beyond_500_held_entries_is_not_stored_and_accepted_later(
    intake_client: IntakeClient,
) -> None:
    opened = [intake_client.entry(body=NOTHING) for _ in range(2)]
    await intake_client.sync(*opened)
    first_case, second_case = (entry["case_id"] for entry in opened)
    first, second = fills(intake_client, first_case, range(3, 301)), fills(intake_client, second_case, range(3, 206))
    assert set(await results(intake_client, *first, *second[:200])) == {("held", "entry.held")}
    new = intake_client.entry(body=NOTHING)
    refused = ("refused", "entry.too_many_held")
    assert await results(intake_client, *second[200:], new) == [("held", "entry.held")] * 2 + [
        refused,
        ("accepted", ""),
    ]
    assert await results(intake_client, second[202]) == [refused]
    assert await intake_client.rows(f"SELECT 1 FROM entry WHERE entry_id = '{second[202]['entry_id']}'") == []
    assert len(await intake_client.rows("SELECT 1 FROM entry WHERE status = 'held'")) == 500
    [missing] = fills(intake_client, first_case, range(2, 3))
    # what this request applies makes space in it
    assert await results(intake_client, second[202], missing) == [("held", "entry.held"), ("accepted", "")]
    assert len(await intake_client.rows("SELECT 1 FROM entry WHERE status = 'held'")) == 203
    [missing] = fills(intake_client, second_case, range(2, 3))
    assert await results(intake_client, missing) == [("accepted", "")]
    assert set(await results(intake_client, *second)) == {("duplicate", "")}
    other = await intake_client.second_device()
    assert await results(other, *fills(other, second_case, range(3, 4))) == [("held", "entry.held")]


async def test_held_entries_behind_a_gap_are_not_read_and_keep_their_places(intake_client: IntakeClient) -> None:
    opened = intake_client.entry(body=NOTHING)
    case_id = opened["case_id"]
    await intake_client.sync(opened)
    held = fills(intake_client, case_id, range(3, 9))
    del held[2]  # place 5
    await intake_client.sync(*held)
    unreadable = "UPDATE entry SET raw = '{}' WHERE status = 'held' AND case_seq > 5 RETURNING 1"  # fails who reads it
    assert len(await intake_client.rows(unreadable)) == 3
    second, again = fills(intake_client, case_id, range(2, 3)) + fills(intake_client, case_id, range(7, 8))
    assert await results(intake_client, second, again) == [("accepted", ""), ("refused", "entry.turn_taken")]
    assert await results(intake_client, *held) == [("duplicate", "")] * 2 + [("held", "entry.held")] * 3


async def test_new_entries_fill_several_gaps_at_once(intake_client: IntakeClient) -> None:
    opened = intake_client.entry(body=NOTHING)
    await intake_client.sync(opened)
    entries = fills(intake_client, opened["case_id"], range(2, 9))
    assert set(await results(intake_client, *entries[1::2])) == {("held", "entry.held")}
    assert set(await results(intake_client, *entries[0::2])) == {("accepted", "")}
    assert await intake_client.rows("SELECT 1 FROM entry WHERE status = 'held'") == []


async def test_the_search_for_entries_whose_turn_came_reads_each_entry_once(intake_client: IntakeClient) -> None:
    opened = [intake_client.entry(body=NOTHING) for _ in range(3)]
    await intake_client.sync(*opened)
    stuck, ready, unopened = opened[0]["case_id"], opened[1]["case_id"], str(uuid7())
    await intake_client.sync(
        *fills(intake_client, stuck, range(3, 301)), *fills(intake_client, unopened, range(1, 100))
    )
    [late] = fills(intake_client, ready, range(3, 4))
    await intake_client.sync(late)
    await intake_client.rows(f"UPDATE entry SET case_seq = 2 WHERE entry_id = '{late['entry_id']}' RETURNING 1")
    database = intake_client.service.context.database
    read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'entry'"
    async with database.unit_of_work() as uow:
        before = await uow.db.fetchval(read)
        assert [str(case_id) for case_id in await ready_cases(uow, limit=50)] == [ready]
        count = await uow.db.fetchval(read) - before
    [stored] = await intake_client.rows("SELECT count(*) FROM entry")
    assert count <= 3 * stored["count"]
