"""Who may look up what: an open case at the officer's stand, its service's question, its applicant, and not too often.

Every lookup is written down, also one that is refused or fails.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey
from registry_bridge.api import lookups
from registry_bridge.bridges.residents.simulator import ResidentsFaults, ResidentsSimulator
from registry_bridge.domain.case_copy import CaseCopyEvent
from registry_bridge_fixtures import BridgeEnv, OpenBridgeEnv
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import (
    AllowedQuery,
    CaseApplicantChanged,
    CaseClosed,
    CaseCompensated,
    CaseCompleted,
    CaseReopened,
    CaseWithdrawn,
    Language,
    VisitReason,
)
from wanderamt.security.dpop import sha256_base64url
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner
from wanderamt_testing.simulator_server import ServeSimulator
from wanderamt_testing.waiting import wait_until

QUIET = ResidentsFaults(latency_s=0.01, jitter_s=0)
ALLOWED = "residents confirm_residence MeldeG-19"
ZOE = {"given_name": "Zoë", "family_name": "Hadžić", "born": "1990-04-01"}
ABOUT_ZOE = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}
NEIGHBOUR = {"given_name": "Irgend", "family_name": "Nachbar", "birth_date": "1971-01-01"}
LIMIT = 6


def question(case_id: UUID, **other: Any) -> dict[str, Any]:
    return {
        "register_name": "residents",
        "operation": "confirm_residence",
        "case_id": str(case_id),
        "purpose": "MeldeG-19",
        "question": ABOUT_ZOE,
    } | other


@pytest_asyncio.fixture
async def residents(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ResidentsSimulator, BridgeEnv, UUID]]:
    """A register that confirms everybody, and an open case of Zoë. A busy machine is no register without an answer."""
    monkeypatch.setattr(lookups, "ANSWER_WITHIN_S", 20.0)
    register, case_id = ResidentsSimulator(None, QUIET), uuid7()
    async with open_bridge_env(
        {"residents": await serve(register)}, lookups_per_hour=LIMIT, lookups_per_case=4
    ) as bridge_env:
        await bridge_env.deliver_case_events(bridge_env.opened(case_id, ALLOWED, applicant=ZOE))
        yield register, bridge_env, case_id


async def post(
    bridge_env: BridgeEnv, body: dict[str, Any], *, officer: str = "clerk@linz", stand: UUID | None = None
) -> httpx.Response:
    async with bridge_env.clerk_client(officer, stand=stand) as client:
        return await client.post("/lookups", json=body)


def outcome(reply: httpx.Response) -> tuple[int, str]:
    """The status, and the code of the refusal or where the answer came from."""
    return reply.status_code, reply.json().get("freshness") or reply.json()["code"]


async def written(bridge_env: BridgeEnv) -> list[tuple[str, str]]:
    rows = await bridge_env.rows("SELECT outcome, code FROM lookup ORDER BY asked_at, lookup_id")
    return [(row["outcome"], row["code"]) for row in rows]


async def test_an_officer_looks_up_the_applicant_of_an_open_case_at_the_stand(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, case_id = residents
    assert outcome(await post(bridge_env, question(case_id))) == (200, "fresh")
    [row] = await bridge_env.rows("SELECT * FROM lookup")
    assert row["asked_at"]
    assert {name: row[name] for name in row if name not in {"asked_at", "lookup_id"}} == {
        "officer": "clerk@linz",
        "device_id": bridge_env.device_id,
        "stand_id": bridge_env.stand_id,
        "case_id": case_id,
        "register_name": "residents",
        "operation": "confirm_residence",
        "purpose": "MeldeG-19",
        "outcome": "delivered",
        "code": "",
    }
    [read] = await bridge_env.rows("SELECT id, case_id, delivered FROM register_access_log")
    assert (read["id"], read["case_id"]) == (row["lookup_id"], case_id)
    assert read["delivered"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"case_id": str(uuid7())}, (404, "lookup.case_not_here")),
        ({"question": NEIGHBOUR}, (403, "lookup.not_the_applicant")),
        ({"question": ABOUT_ZOE | {"given_name": "Zita"}}, (403, "lookup.not_the_applicant")),
        ({"question": ABOUT_ZOE | {"family_name": "Nachbar"}}, (403, "lookup.not_the_applicant")),
        ({"question": ABOUT_ZOE | {"birth_date": "1990-04-02"}}, (403, "lookup.not_the_applicant")),
        ({"question": ABOUT_ZOE | {"birth_date": None, "birth_year": 1990}}, (403, "lookup.not_the_applicant")),
        ({"purpose": "MeldeG-3"}, (403, "lookup.not_of_service")),
        ({"purpose": "curiosity"}, (403, "purpose.not_allowed")),
        ({"operation": "grant_permit"}, (404, "operation.unknown")),
        ({"register_name": "passports"}, (404, "register.unknown")),
        ({"question": {"family_name": "Hadžić"}}, (422, "question.invalid")),
        ({"question": {}}, (422, "question.invalid")),
    ],
)
async def test_a_lookup_outside_of_its_case_is_refused_written_down_and_calls_no_register(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID], other: dict[str, Any], expected: tuple[int, str]
) -> None:
    register, bridge_env, case_id = residents
    reply = await post(bridge_env, question(case_id) | other)
    assert outcome(reply) == expected
    assert reply.json()["hint"]
    assert register.call_log.calls.total() == 0
    assert await written(bridge_env) == [("refused", expected[1])]
    assert await bridge_env.rows("SELECT 1 FROM register_access_log") == []


@pytest.mark.parametrize("sign", ["\x0b", "\x00", "\ufffe", "\u202e"])
async def test_a_sign_that_no_register_can_be_sent_is_refused_at_the_door(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID], sign: str
) -> None:
    register, bridge_env, case_id = residents
    for _ in range(LIMIT):
        odd = question(case_id) | {"question": ABOUT_ZOE | {"given_name": f"Zoë{sign}"}}
        assert outcome(await post(bridge_env, odd)) == (422, "request.character")
    assert register.call_log.calls.total() == 0
    assert outcome(await post(bridge_env, question(case_id), officer="other@linz"))[0] == 200


async def test_the_same_person_in_another_spelling_is_the_applicant(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, case_id = residents
    spelled = {"given_name": " zoe\u0308 ", "family_name": "HADŽIĆ", "birth_date": "1990-04-01"}
    assert outcome(await post(bridge_env, question(case_id, question=spelled))) == (200, "fresh")


async def test_an_officer_of_another_stand_does_not_learn_that_a_case_exists(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, case_id = residents
    ended = uuid7()
    await bridge_env.deliver_case_events(
        bridge_env.opened(ended, ALLOWED, applicant=ZOE),
        CaseWithdrawn(
            case_id=ended, service="x", stand_id=bridge_env.stand_id, refund_cents=0, withdrawn_at=bridge_env.clock()
        ),
    )
    asked = (question(case_id), question(uuid7()), question(ended), question(case_id, question=NEIGHBOUR))
    replies = [await post(bridge_env, body, stand=uuid7()) for body in asked]
    assert [outcome(reply) for reply in replies] == [(404, "lookup.case_not_here")] * 4
    assert len({reply.text for reply in replies}) == 1
    assert outcome(await post(bridge_env, question(case_id))) == (200, "fresh")  # the case itself is not used up


async def test_a_token_without_device_and_stand_looks_nothing_up(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, case_id = residents
    for device, stand in ((None, None), (uuid7(), None), (None, bridge_env.stand_id)):
        async with bridge_env.http_client(Role.CLERK, device=device, stand=stand) as client:
            reply = await client.post("/lookups", json=question(case_id))
        assert outcome(reply) == (403, "access.device_needed")
    await bridge_env.service.context.audit_log.flush()
    rows = await bridge_env.rows("SELECT action, outcome, times FROM audit_record ORDER BY id")
    assert {(row["action"], row["outcome"]) for row in rows} == {("register.look_up", "access.device_needed")}
    assert sum(row["times"] for row in rows) == 3
    assert await written(bridge_env) == []


async def test_a_case_that_has_ended_answers_no_lookup_until_it_is_reopened(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, case_id = residents
    head: dict[str, Any] = {"case_id": case_id, "service": "x", "stand_id": bridge_env.stand_id}
    now = bridge_env.clock()
    ends: tuple[CaseCopyEvent, ...] = (
        CaseCompleted(**head, completed_at=now),
        CaseWithdrawn(**head, refund_cents=0, withdrawn_at=now),
        CaseClosed(**head, closed_at=now),
        CaseCompensated(**head, language=Language.DE, reason=VisitReason.NOT_FOUND, refund_cents=0, decided_at=now),
    )
    reopened = CaseReopened(**head, owner="clerk@linz", deadline=now)  # of an intake that sends no rules with it
    for number, ended in enumerate(ends):
        await bridge_env.deliver_case_events(ended)
        asked = await post(bridge_env, question(case_id), officer=f"clerk{number}@linz")
        assert outcome(asked) == (409, "lookup.case_ended")
        await bridge_env.deliver_case_events(reopened)
        assert (await post(bridge_env, question(case_id), officer=f"clerk{number}@linz")).status_code == 200


async def test_the_question_follows_the_applicant_whom_the_crew_corrects(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, _ = residents
    case_id = uuid7()
    await bridge_env.deliver_case_events(bridge_env.opened(case_id, ALLOWED))
    assert outcome(await post(bridge_env, question(case_id)))[1] == "lookup.not_the_applicant"  # nobody is named yet
    named = bridge_env.hash_applicant(case_id, ZOE)
    await bridge_env.deliver_case_events(CaseApplicantChanged(case_id=case_id, applicant_hash=named))
    assert outcome(await post(bridge_env, question(case_id))) == (200, "fresh")
    await bridge_env.deliver_case_events(CaseApplicantChanged(case_id=case_id, applicant_hash=""))
    assert outcome(await post(bridge_env, question(case_id)))[1] == "lookup.not_the_applicant"
    other_case = bridge_env.hash_applicant(uuid7(), ZOE)
    assert other_case != named, "a hash does not tell which cases are of one person"


async def test_sixty_parallel_lookups_of_one_officer_never_pass_the_limit(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    register, bridge_env, case_id = residents
    async with bridge_env.clerk_client("greedy@linz") as client:
        bodies = [question(case_id if number % 2 else uuid7()) for number in range(60)]
        replies = await asyncio.gather(*(client.post("/lookups", json=body) for body in bodies))
    counts = Counter(reply.json().get("code") for reply in replies)
    assert counts["lookups.too_many"] == 60 - LIMIT
    assert register.call_log.calls.total() <= 4
    rows = Counter(await written(bridge_env))
    assert rows["refused", "lookups.too_many"] == 60 - LIMIT
    assert rows.total() == 60
    assert outcome(await post(bridge_env, question(case_id), officer="other@linz"))[0] in {200, 429}
    bridge_env.clock.ahead += timedelta(minutes=61)
    assert (await post(bridge_env, question(case_id), officer="greedy@linz")).status_code == 200


async def test_refused_and_failed_lookups_count(residents: tuple[ResidentsSimulator, BridgeEnv, UUID]) -> None:
    register, bridge_env, case_id = residents
    for _ in range(3):
        assert (await post(bridge_env, question(uuid7()))).status_code == 404
    register.faults = QUIET.model_copy(update={"down": True})
    for _ in range(LIMIT - 3):
        assert outcome(await post(bridge_env, question(case_id))) == (200, "unavailable")
    register.faults = QUIET
    assert outcome(await post(bridge_env, question(case_id))) == (429, "lookups.too_many")
    assert await written(bridge_env) == [
        *[("refused", "lookup.case_not_here")] * 3,
        *[("failed", "register.no_answer")] * (LIMIT - 3),
        ("refused", "lookups.too_many"),
    ]


async def test_a_case_has_a_limited_number_of_lookups_by_all_its_officers(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, case_id = residents
    replies = [
        outcome(reply)
        for reply in await asyncio.gather(
            *(post(bridge_env, question(case_id), officer=f"clerk{number}@linz") for number in range(9))
        )
    ]
    assert Counter(code for _, code in replies)["lookups.too_many_for_case"] == 9 - 4


async def test_a_lookup_is_written_down_before_the_register_is_called(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    register, bridge_env, case_id = residents
    register.faults = QUIET.model_copy(update={"latency_s": 1.0})
    asking = asyncio.create_task(post(bridge_env, question(case_id)))
    await wait_until(lambda: register.call_log.concurrent == 1)
    assert await written(bridge_env) == [("unknown", "")]
    assert outcome(await asking) == (200, "fresh")
    assert await written(bridge_env) == [("delivered", "")]


async def test_a_word_that_only_the_caller_knows_is_not_written_down(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, case_id = residents
    for other in ({"register_name": "Irgend Wer"}, {"operation": "Irgend Wer"}, {"purpose": "Irgend Wer"}):
        await post(bridge_env, question(case_id) | other)
    rows = await bridge_env.rows("SELECT register_name, operation, purpose FROM lookup ORDER BY asked_at, lookup_id")
    assert [tuple(row.values()) for row in rows] == [
        ("", "", ""),
        ("residents", "", "MeldeG-19"),
        ("residents", "confirm_residence", ""),
    ]


async def test_a_field_session_of_intake_counts_here(residents: tuple[ResidentsSimulator, BridgeEnv, UUID]) -> None:
    _, bridge_env, case_id = residents
    key = ECKey.generate_key("P-256")
    roles, device_id, stand_id = frozenset({Role.CLERK}), bridge_env.device_id, bridge_env.stand_id
    caller = Principal("field@linz", roles, device_id, stand_id, key_thumbprint=key.thumbprint())
    signer, hour = TokenSigner(bridge_env.keys.secrets.session_key), timedelta(hours=1)
    for audience, proven, status in (
        ("registry-bridge", True, 200),
        ("registry-bridge", False, 401),
        ("intake", True, 401),
    ):
        token = signer.sign(caller, audience=audience, now=bridge_env.clock(), lifetime=hour)
        claims = {
            "htm": "POST",
            "htu": "https://linz.example/lookups",
            "jti": str(uuid7()),
            "iat": int(utc_now().timestamp()),
        }
        head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
        proof = jwt.encode(head, claims | {"ath": sha256_base64url(token)}, key, algorithms=["ES256"])
        headers = {"Authorization": f"Bearer {token}"} | ({"DPoP": proof} if proven else {})
        async with bridge_env.http_client() as client:
            reply = await client.post("/lookups", json=question(case_id), headers=headers)
        assert reply.status_code == status, (audience, proven)


async def test_the_copy_of_a_case_is_dropped_some_days_after_its_end(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, case_id = residents
    now = bridge_env.clock()
    ended = CaseClosed(case_id=case_id, service="x", stand_id=bridge_env.stand_id, closed_at=now)
    await bridge_env.deliver_case_events(ended)
    assert await drop_ended(bridge_env) == 0
    bridge_env.clock.ahead += timedelta(days=8)
    assert await drop_ended(bridge_env) == 1
    assert await bridge_env.rows("SELECT 1 FROM case_copy") == []
    await bridge_env.deliver_case_events(bridge_env.opened(case_id, ALLOWED, applicant=ZOE))
    await bridge_env.deliver_case_events(ended)  # as in a rebuild: a copy that would have been dropped is not kept
    assert await bridge_env.rows("SELECT 1 FROM case_copy") == []


async def test_a_case_that_is_reopened_after_its_copy_was_dropped_comes_back(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, _ = residents
    case_id, elsewhere = uuid7(), uuid7()
    reopened = CaseReopened(
        case_id=case_id,
        service="registration_confirmation",
        stand_id=bridge_env.stand_id,
        owner="clerk@linz",
        deadline=bridge_env.clock(),
        queries=(AllowedQuery(register_name="residents", operation="confirm_residence", purpose="MeldeG-19"),),
        applicant_hash=bridge_env.hash_applicant(case_id, ZOE),
    )
    await bridge_env.deliver_case_events(reopened)
    await bridge_env.deliver_case_events(reopened.model_copy(update={"stand_id": elsewhere}))
    for number, stand in enumerate((bridge_env.stand_id, elsewhere)):
        assert (await post(bridge_env, question(case_id), officer=f"c{number}", stand=stand)).status_code == 200


async def test_events_of_one_batch_have_their_effect_in_their_order(
    residents: tuple[ResidentsSimulator, BridgeEnv, UUID],
) -> None:
    _, bridge_env, _ = residents
    first, second, now = uuid7(), uuid7(), bridge_env.clock()
    head: dict[str, Any] = {"service": "x", "stand_id": bridge_env.stand_id}
    await bridge_env.deliver_case_events(
        bridge_env.opened(first, ALLOWED, applicant=ZOE),
        bridge_env.opened(second, ALLOWED),
        CaseCompleted(case_id=first, **head, completed_at=now),
        CaseApplicantChanged(case_id=second, applicant_hash="h"),
        CaseReopened(case_id=first, **head, owner="o", deadline=now),
        CaseClosed(case_id=uuid7(), **head, closed_at=now),  # of a case that is not known: no copy of it
        CaseClosed(case_id=second, **head, closed_at=now),
    )
    rows = await bridge_env.rows("SELECT * FROM case_copy WHERE case_id = ANY($1) ORDER BY case_id", [first, second])
    copies: list[tuple[UUID, str, datetime | None]] = [
        (row["case_id"], row["applicant_hash"], row["ended_at"]) for row in rows
    ]
    assert copies == [(first, bridge_env.hash_applicant(first, ZOE), None), (second, "h", now)]
    assert len(await bridge_env.rows("SELECT 1 FROM case_copy")) == 3


async def drop_ended(bridge_env: BridgeEnv) -> int:
    """Runs the periodic task once."""
    return await bridge_env.case_copies.run_once()
