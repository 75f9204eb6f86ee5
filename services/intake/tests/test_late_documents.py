"""A paper that a device printed is revoked whenever its case has failed, in whatever order the office learns of both."""

import pytest
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7

GIVE = "give"
FAILURES = [["not_found"], ["refused"], ["withdraw"], ["not_found", "withdraw"], ["withdraw", "close"]]


async def outcome(intake_client: IntakeClient, acts: list[str]) -> tuple[str, str, bool, int]:
    """(state, reason, whether the paper is revoked, cents that the city owes back) after these acts on a new case."""
    body = intake_client.complete_body()
    body.pop("provisional", None)
    entry = intake_client.entry(body=body)
    await intake_client.sync(entry)
    case_id = entry["case_id"]
    for act in acts:
        if act == GIVE:
            document = {"document_id": str(uuid7()), "number": intake_client.numbers.take("UK")}
            late = intake_client.follow_up(case_id, "case.give_provisional", document, case_seq=2)
            assert (await intake_client.sync(late)).json()["results"][0]["status"] == "accepted"
        elif act in {"withdraw", "close"}:
            await intake_client.http.post(f"/cases/{case_id}/{act}", headers=intake_client.clerk())
        else:
            await intake_client.answer_register(case_id, act)
    case = await intake_client.case(case_id)
    [document] = await intake_client.rows(f"SELECT revoked_at FROM document WHERE case_id = '{case_id}'")
    refunds = await intake_client.rows(f"SELECT cents FROM refund WHERE case_id = '{case_id}'")
    return case["state"], case["reason"], bool(document["revoked_at"]), sum(refund["cents"] for refund in refunds)


@pytest.mark.parametrize("failure", FAILURES, ids=" then ".join)
async def test_a_paper_for_a_case_that_failed_is_revoked_whichever_comes_first(
    intake_client: IntakeClient, failure: list[str]
) -> None:
    orders = [[*failure[:place], GIVE, *failure[place:]] for place in range(len(failure) + 1)]
    outcomes = {await outcome(intake_client, order) for order in orders}
    assert all(revoked for _, _, revoked, _ in outcomes)
    if failure[0] in {"not_found", "refused"} and len(failure) == 1:
        assert {state for state, *_ in outcomes} == {"compensated"}
    assert len({cents for *_, cents in outcomes}) == 1


async def test_a_paper_is_valid_while_the_register_only_does_not_answer(intake_client: IntakeClient) -> None:
    state, _, revoked, _ = await outcome(intake_client, ["unavailable", GIVE])
    assert (state, revoked) == ("needs_visit", False)
