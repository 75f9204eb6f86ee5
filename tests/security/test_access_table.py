"""Each route of each running service answers each kind of caller as docs/security.md says, and writes refusals down."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner
from wanderamt.shell.access import REASON_HEADER
from wanderamt_local.access_table import (
    ALLOWED,
    CLERKS_WITHOUT_DEVICE,
    PUBLIC,
    WITH_REASON,
    CallerKind,
    access_routes,
    read_table,
)
from wanderamt_local.contracts import unstarted_application
from wanderamt_local.field_entries import open_case_entry
from wanderamt_local.system import SERVICES, System

DOCUMENT = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
REASON = "Nachfrage der Bürgerin am Telefon"
ANY_ID = UUID("01900000-0000-7000-8000-000000000000")
CUT_OFF_OFFICER = "matrix.cut_off@linz"
OTHER_PARAMETERS = {
    "{series}": "BE",
    "{year}": "2026",
    "{kind}": "crew",
    "{name}": "A",
    "{district}": "A",
    "{group}": "A",
}
ROLES = {
    CallerKind.NO_ROLE: (),
    CallerKind.OFFICE: (Role.OFFICE,),
    CallerKind.OFFICE_REASON: (Role.OFFICE,),
    CallerKind.PLANNER: (Role.PLANNER,),
    CallerKind.OPERATOR: (Role.OPERATOR,),
    CallerKind.AUDITOR: (Role.AUDITOR,),
}
WITHOUT_DEVICE = {*ROLES, *CLERKS_WITHOUT_DEVICE}


class CrewDevice(NamedTuple):
    device_id: UUID
    stand_id: UUID


@dataclass(frozen=True)
class AccessScene:
    """Devices of two stands, a revoked one, an officer who is cut off, and things that belong to the first stand."""

    system: System
    here: CrewDevice
    elsewhere: CrewDevice
    revoked: CrewDevice
    ids: dict[str, UUID]
    intake: asyncpg.Connection

    def headers(self, kind: CallerKind, service: str) -> dict[str, str]:
        if kind is CallerKind.NOBODY:
            return {}
        signer = TokenSigner(self.system.state.secrets.token_private_key)
        device = {
            CallerKind.CLERK_ELSEWHERE: self.elsewhere,
            CallerKind.CLERK_ELSEWHERE_REASON: self.elsewhere,
            CallerKind.REVOKED_DEVICE: self.revoked,
        }.get(kind, self.here)
        subject = CUT_OFF_OFFICER if kind is CallerKind.CUT_OFF else f"matrix.{kind.name.lower()}@linz"
        roles = frozenset(ROLES.get(kind, (Role.CLERK,)))
        caller = Principal(subject, roles) if kind in WITHOUT_DEVICE else Principal(subject, roles, *device)
        if kind is CallerKind.WRONG_PROOF:
            caller = Principal(subject, roles, *device, key_thumbprint="a" * 43)
        token = signer.sign(caller, audience=service, now=utc_now(), lifetime=timedelta(minutes=20))
        headers = {"Authorization": f"Bearer {token}"}
        if kind is CallerKind.WRONG_PROOF:
            headers["DPoP"] = "not.a.proof"
        if kind in WITH_REASON:
            headers[REASON_HEADER] = quote(REASON)
        return headers

    def url(self, path: str) -> str:
        for name, id_ in self.ids.items():
            path = path.replace(f"{{{name}}}", str(id_))
        for parameter, value in OTHER_PARAMETERS.items():
            path = path.replace(parameter, value)
        return re.sub(r"\{\w+\}", str(ANY_ID), path)


async def opened(
    http: httpx.AsyncClient, case_id: UUID, device: CrewDevice, headers: dict[str, str], *, device_seq: int
) -> str:
    """The answer to the entry that opens a case."""
    body = {
        "service": "active_pass",
        "language": "de",
        "applicant": {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"},
    }
    opening = open_case_entry(
        uuid7(), case_id, device.stand_id, device_seq=device_seq, captured_at=utc_now(), body=body
    )
    synced = await http.post("/sync", json={"entries": [opening]}, headers=headers)
    return str(synced.json()["results"][0]["status"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(running_system: System) -> AsyncIterator[AccessScene]:
    here, elsewhere, revoked = (CrewDevice(uuid7(), stand) for stand in (uuid7(), uuid7(), uuid7()))
    operator = {"Authorization": f"Bearer {running_system.token('operator@linz', Role.OPERATOR, audience='intake')}"}
    async with httpx.AsyncClient(base_url=running_system.url("intake"), timeout=30) as http:
        tokens = [await running_system.enrol(*device) for device in (here, elsewhere, revoked)]
        case_id = uuid7()
        token = {"Authorization": f"Bearer {tokens[0]}"}
        assert await opened(http, case_id, here, token, device_seq=1) == "accepted"
        ended = await http.post(f"/devices/{revoked.device_id}/revoke", headers=operator)
        order = {"officer": CUT_OFF_OFFICER, "reason": "left the city's service"}
        cut_off = await http.post("/officers/cut-off", json=order, headers=operator)
        assert (ended.status_code, cut_off.status_code) == (204, 204)
    assert running_system.postgres
    intake = await asyncpg.connect(running_system.postgres.database_url(running_system.database("intake")))
    ids = {name: uuid7() for name in ("document_id", "attachment_id", "conflict_id", "refund_id")}
    await intake.execute(
        "INSERT INTO document (document_id, case_id, number, version, ordered_at, status_index) "
        "VALUES ($1, $2, $3, 0, now(), nextval('document_serial'))",
        ids["document_id"],
        case_id,
        f"MB-{uuid7().hex}",
    )
    await intake.execute(
        "INSERT INTO attachment (attachment_id, case_id, device_id, kind, length, sha256, begun_at, received) "
        "VALUES ($1, $2, $3, 'image/png', 1, '', now(), 0)",
        ids["attachment_id"],
        case_id,
        here.device_id,
    )
    await intake.execute(
        "INSERT INTO conflict (conflict_id, case_id, stand_id, entry_id, device_id, name, field_values, noted_at) "
        "VALUES ($1, $2, $3, $4, $5, 'facts.a', '{}', now())",
        ids["conflict_id"],
        case_id,
        uuid7(),  # not the one of the list, which would read its values
        uuid7(),
        here.device_id,
    )
    await intake.execute(
        "INSERT INTO refund (refund_id, case_id, stand_id, cents, reason, owed_at) VALUES ($1, $2, $3, 1, 'x', now())",
        ids["refund_id"],
        case_id,
        here.stand_id,
    )
    scheduling = await asyncpg.connect(running_system.postgres.database_url(running_system.database("scheduling")))
    ids["appointment_id"] = uuid7()
    await scheduling.execute(
        "INSERT INTO appointment (appointment_id, stand_id, service, starts_at, ends_at, state, version, language, "
        "code, made_at) VALUES ($1, $2, 'active_pass', now(), now() + interval '20 minutes', 'booked', 1, 'de', $3, "
        "now())",
        ids["appointment_id"],
        here.stand_id,
        ids["appointment_id"].hex[-10:],
    )
    await scheduling.close()
    yield AccessScene(
        running_system, here, elsewhere, revoked, ids | {"case_id": case_id, "stand_id": here.stand_id}, intake
    )
    await intake.close()


@pytest.mark.parametrize("service", SERVICES)
def test_the_printed_table_holds_each_route(service: str) -> None:
    with unstarted_application(service) as app:
        assert {(route.method, route.path) for route in access_routes(app)} == read_table(DOCUMENT, service).keys()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("service", SERVICES)
async def test_each_route_answers_each_caller_as_the_printed_table_says(scene: AccessScene, service: str) -> None:
    table = read_table(DOCUMENT, service)
    wrong = []
    async with httpx.AsyncClient(base_url=scene.system.url(service), timeout=60) as http:
        await _wait_for_cut_offs(scene, http, service)
        for (method, path), answers in sorted(table.items(), key=_takes_a_case):
            for kind, expected in answers.items():
                reply = await http.request(method, scene.url(path), headers=scene.headers(kind, service))
                answer = _answer(reply, method)
                if not _fits(answer, expected, method):
                    wrong.append((method, path, kind.value, expected, answer))
    assert wrong == []


@pytest.mark.asyncio(loop_scope="module")
async def test_refusals_and_readings_are_written_down(scene: AccessScene) -> None:
    document = f"/documents/{scene.ids['document_id']}.pdf"
    async with httpx.AsyncClient(base_url=scene.system.url("intake"), timeout=30) as http:
        for kind in (CallerKind.CLERK, CallerKind.CLERK_ELSEWHERE, CallerKind.OFFICE_REASON, CallerKind.NOBODY):
            await http.get(document, headers=scene.headers(kind, "intake"))
        auditor = scene.headers(CallerKind.AUDITOR, "intake")
        query: dict[str, str | int] = {"action": "document.read", "limit": 200}
        of_nobody = {("", "token.missing", "")}
        assert of_nobody <= await written(http, query | {"outcome": "token.missing"}, auditor, of_nobody)
        query["subject_id"] = str(scene.ids["document_id"])
        expected = {
            ("matrix.clerk@linz", "allowed", ""),
            ("matrix.clerk_elsewhere@linz", "access.reason_needed", ""),
            ("matrix.office_reason@linz", "allowed", REASON),
        }
        assert expected <= await written(http, query, auditor, expected)
        own = (await http.get("/audit", params={"action": "audit.read"}, headers=auditor)).json()
    assert own["records"][0]["who"] == "matrix.auditor@linz"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_clerk_without_a_stand_writes_a_reason_which_is_kept(scene: AccessScene) -> None:
    """To drop the token of the device wins nothing: what a clerk of another stand needs, this one needs, too."""
    arrive = f"/appointments/{scene.ids['appointment_id']}/arrive"
    async with httpx.AsyncClient(base_url=scene.system.url("scheduling"), timeout=30) as http:
        for kind in (
            CallerKind.CLERK_ELSEWHERE,
            CallerKind.CLERK_WITHOUT_DEVICE,
            CallerKind.CLERK_WITHOUT_DEVICE_REASON,
        ):
            await http.post(arrive, headers=scene.headers(kind, "scheduling"))
        query: dict[str, str | int] = {"subject_id": str(scene.ids["appointment_id"]), "limit": 200}
        expected = {
            ("matrix.clerk_elsewhere@linz", "access.reason_needed", ""),
            ("matrix.clerk_without_device@linz", "access.reason_needed", ""),
            ("matrix.clerk_without_device_reason@linz", "allowed", REASON),
        }
        assert expected <= await written(http, query, scene.headers(CallerKind.AUDITOR, "scheduling"), expected)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_case_taken_to_another_stand_belongs_to_both(scene: AccessScene) -> None:
    case_id = uuid7()
    path = f"/cases/{case_id}"
    async with httpx.AsyncClient(base_url=scene.system.url("intake"), timeout=30) as http:
        here = scene.headers(CallerKind.CLERK, "intake")
        assert await opened(http, case_id, scene.here, here, device_seq=2) == "accepted"
        elsewhere = scene.headers(CallerKind.CLERK_ELSEWHERE, "intake")
        assert (await http.get(path, headers=elsewhere)).json()["code"] == "access.reason_needed"
        assert (await http.post(f"{path}/take", headers=elsewhere)).json()["code"] == "access.reason_needed"
        with_reason = elsewhere | {REASON_HEADER: quote(REASON)}
        assert (await http.post(f"{path}/take", headers=with_reason)).status_code == 200
        assert (await http.get(path, headers=elsewhere)).status_code == 200
        assert (await http.get(path, headers=here)).status_code == 200
        listed = (await http.get(f"/stands/{scene.elsewhere.stand_id}/cases", headers=elsewhere)).json()
        assert str(case_id) in [case["case_id"] for case in listed]
        changed: list[dict[str, str]] = []
        for _ in range(50):
            changed = (await http.get("/changes", headers=elsewhere)).json()["cases"]
            if str(case_id) in [case["case_id"] for case in changed]:
                break
            await asyncio.sleep(0.1)
    assert str(case_id) in [case["case_id"] for case in changed]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_flood_of_refused_tokens_becomes_few_rows(scene: AccessScene) -> None:
    async with httpx.AsyncClient(base_url=scene.system.url("intake"), timeout=30) as http:
        replies = await asyncio.gather(
            *(http.get("/devices", headers={"Authorization": f"Bearer {number}.x.y"}) for number in range(300))
        )
        assert Counter(reply.status_code for reply in replies) == {401: 300}
    counted = 0
    for _ in range(200):
        rows = await scene.intake.fetch(
            "SELECT times FROM audit_record WHERE action = 'devices.list' AND outcome = 'token.invalid'"
        )
        counted = sum(row["times"] for row in rows)
        if counted == 300:
            break
        await asyncio.sleep(0.05)
    assert counted == 300
    assert len(rows) < 60


async def written(
    http: httpx.AsyncClient, query: dict[str, str | int], auditor: dict[str, str], expected: set[tuple[str, str, str]]
) -> set[tuple[str, str, str]]:
    """(who, outcome, reason) of the audit records, once the expected ones are there: refusals are written later."""
    records: set[tuple[str, str, str]] = set()
    for _ in range(200):
        page = (await http.get("/audit", params=query, headers=auditor)).json()
        records = {(row["who"], row["outcome"], row["reason"]) for row in page["records"]}
        if expected <= records:
            break
        await asyncio.sleep(0.05)
    return records


def _takes_a_case(row: tuple[tuple[str, str], object]) -> bool:
    """Last: afterwards the case belongs to the other stand, too."""
    return row[0][1].endswith("/take")


async def _wait_for_cut_offs(scene: AccessScene, http: httpx.AsyncClient, service: str) -> None:
    """The other services follow intake's decisions by events."""
    for kind in (CallerKind.REVOKED_DEVICE, CallerKind.CUT_OFF):
        for _ in range(200):
            reply = await http.get("/asyncapi", headers=scene.headers(kind, service))
            if reply.status_code in {401, 403}:
                break
            await asyncio.sleep(0.1)


def _answer(reply: httpx.Response, method: str) -> str:
    refused = reply.status_code in {401, 403}
    code = "" if method == "HEAD" or not refused else reply.json()["code"]
    return f"{reply.status_code} {code}".strip()


def _fits(answer: str, expected: str, method: str) -> bool:
    """A route that admits a caller may still refuse the request, but not for the caller."""
    if answer == "401 proof.missing" and expected == ALLOWED:
        return True  # to begin a session also needs a proof of the device's key
    if expected in {ALLOWED, PUBLIC}:
        return not answer.startswith(("401", "403", "5"))
    return answer == (expected.split(maxsplit=1)[0] if method == "HEAD" else expected)
