"""An id that a caller makes belongs to whoever used it first: nobody else can use it, read it or change what has it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from caller_id_fixtures import KINDS, Callers, Kind, Use, with_document
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

OPENAPI = Path(__file__).parents[2] / "docs" / "openapi"
METHODS = {"post", "put", "patch"}
NAMES_SOMETHING = {
    "intake POST /sync appointment_id": "the appointment that the citizen came for",
    "intake POST /sync attachment_id": "the scan of a document; /attachments makes it",
    "intake POST /sync stand_id": "scheduling makes stands",
    "intake POST /sync till_id": "/tills makes it",
    "intake POST /cases/{case_id}/obligations/{code}/fulfil attachment_id": "the proof; /attachments makes it",
    "intake POST /devices/codes device_id": "a known device that gets a new key",
    "intake POST /field/sessions device_id": "an enrolled device, whose key the request proves",
    "intake POST /field/sessions stand_id": "scheduling makes stands",
    "intake POST /refunds/{refund_id}/pay-out till_id": "/tills makes it",
    "registry-bridge POST /lookups case_id": "the case that the question is for",
    "scheduling POST /plans replaces": "a cancelled stand",
    "scheduling POST /public/appointments/move stand_id": "the stand to move to",
}
SAME_AS_STANDS = {
    "scheduling POST /stands/series stand_ids",
    "scheduling POST /plans/{plan_id}/accept stand_ids",
}
IN_HEADERS = {"intake POST /attachments attachment_id"}

USES = st.builds(Use, owner=st.integers(0, 1), content=st.integers(0, 1))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(uses=st.lists(USES, min_size=2, max_size=6))
async def test_only_the_same_use_of_an_id_by_its_owner_is_answered_again(
    callers: Callers, kind: Kind, uses: list[Use]
) -> None:
    await callers.prepare(numbers=kind.name == "document")
    id_, first = uuid7(), uses[0]
    made = await kind.use(callers, id_, first)
    assert made.code == ""
    before = await callers.row(kind, made.thing)
    assert len(before) == 1
    for use in uses[1:]:
        again = await kind.use(callers, id_, use)
        if use == first:
            assert again == made
        elif kind.separate and use.owner != first.owner:
            assert again.thing != made.thing
        else:
            assert again.code in kind.codes
        assert await callers.row(kind, made.thing) == before


@pytest.mark.parametrize("second", [Use(1, 0), Use(0, 1)], ids=["another owner", "other content"])
async def test_of_two_uses_of_an_id_at_the_same_moment_one_is_refused(callers: Callers, second: Use) -> None:
    uses = Use(0, 0), second
    for kind in KINDS:
        await callers.prepare(numbers=kind.name == "document")
        id_ = uuid7()
        outcomes = await asyncio.gather(*(kind.use(callers, id_, use) for use in uses))
        made = [outcome for outcome in outcomes if not outcome.code]
        if kind.separate and second.owner:
            assert len({outcome.thing for outcome in made}) == 2
            continue
        assert len(made) == 1, (kind.name, outcomes)
        before = await callers.row(kind, made[0].thing)
        loser = uses[outcomes.index(made[0]) - 1]
        assert (await kind.use(callers, id_, loser)).code in kind.codes, kind.name
        assert await callers.row(kind, made[0].thing) == before, kind.name


async def test_a_hold_never_gets_the_id_that_its_caller_chose(callers: Callers) -> None:
    [kind] = [kind for kind in KINDS if kind.name == "hold"]
    id_ = uuid7()
    assert (await kind.use(callers, id_, Use(0, 0))).thing != id_


async def test_only_the_token_of_a_hold_confirms_it(callers: Callers) -> None:
    await callers.prepare()
    path, at = f"/public/stands/{callers.stands[0]}/holds", callers.starts_at.isoformat()
    own, other = [
        (await callers.public.post(path, json={"service": "active_pass", "starts_at": at})).json() for _ in range(2)
    ]
    confirm, citizen = f"/public/holds/{own['hold_id']}/confirm", {"phone": "+436641234567", "born": "1980-05-04"}
    without = await callers.public.post(confirm, json=citizen)
    assert without.status_code == 422
    wrong = await callers.public.post(confirm, json=citizen | {"token": other["token"]})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "appointment.hold_token")
    for _ in range(2):
        booked = await callers.public.post(confirm, json=citizen | {"token": own["token"]})
        assert booked.status_code == 201
    look_up = {"code": booked.json()["code"], "born": "1980-05-04"}
    looked_up = (await callers.public.post("/public/appointments/look-up", json=look_up)).json()
    for token, allowed in ((own["token"], False), (looked_up["token"], True)):
        cancelled = await callers.public.post("/public/appointments/cancel", json={"token": token})
        assert cancelled.is_success is allowed


async def test_two_cases_of_one_request_cannot_share_a_document(callers: Callers) -> None:
    await callers.prepare(numbers=True)
    device, document_id = callers.devices[0], uuid7()
    entries = [with_document(callers, device, document_id) for _ in range(2)]
    results = (await device.sync(*entries)).json()["results"]
    assert [result["status"] for result in results] == ["accepted", "refused"]
    assert results[1]["problem"]["code"] == "document.id_reused"
    [row] = await device.rows(f"SELECT case_id FROM document WHERE document_id = '{document_id}'")
    assert str(row["case_id"]) == entries[0]["case_id"]
    refused = f"SELECT 1 FROM case_file WHERE case_id = '{entries[1]['case_id']}'"
    assert await device.rows(refused) == []


def test_every_id_that_a_request_can_carry_is_one_of_the_kinds_or_names_something() -> None:
    """A new field with an id belongs into KINDS if the request makes something with it."""
    made = {f"{kind.service} {kind.field}" for kind in KINDS} | SAME_AS_STANDS
    assert set(_ids_in_bodies()) == (made - IN_HEADERS) | NAMES_SOMETHING.keys()
    assert made >= IN_HEADERS


def _ids_in_bodies() -> Iterator[str]:
    for path in OPENAPI.glob("*.json"):
        document = json.loads(path.read_text())
        for route, operations in document["paths"].items():
            for method in METHODS & operations.keys():
                for content in operations[method].get("requestBody", {}).get("content", {}).values():
                    for name in _ids_in(content["schema"], document, frozenset()):
                        yield f"{path.stem} {method.upper()} {route} {name}"


def _ids_in(schema: dict[str, Any], document: dict[str, Any], inside: frozenset[str]) -> Iterator[str]:
    """The names of properties that are an id, or a list of ids."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name and name not in inside:
        yield from _ids_in(document["components"]["schemas"][name], document, inside | {name})
    for field_name, field_schema in schema.get("properties", {}).items():
        if '"format": "uuid"' in json.dumps(field_schema) and not _has_properties(field_schema):
            yield field_name
        yield from _ids_in(field_schema, document, inside)
    parts = [schema.get(key) for key in ("items", "additionalProperties")]
    parts += [part for key in ("oneOf", "anyOf", "allOf") for part in schema.get(key, ())]
    for part in parts:
        if isinstance(part, dict):
            yield from _ids_in(part, document, inside)


def _has_properties(schema: dict[str, Any]) -> bool:
    return '"properties"' in json.dumps(schema)
