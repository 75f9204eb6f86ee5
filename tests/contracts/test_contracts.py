"""What is promised to other teams: schemas that do not break, one owner per topic, documents that say what is so."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import create_model
from wanderamt.backbone.topics import OWNERS
from wanderamt.contracts import EVENTS, CaseOpened
from wanderamt.contracts.compatibility import breaks, schema_of, snapshot_of
from wanderamt.security.roles import Role
from wanderamt_local.contracts import HEARS, broken, derived
from wanderamt_local.system import SERVICES

ROOT = Path(__file__).parents[2]


def test_no_event_breaks_what_was_promised_and_every_event_has_a_snapshot() -> None:
    assert [event.TYPE for event in EVENTS if snapshot_of(event) is None] == []
    assert broken() == []


def test_what_is_derived_from_the_contracts_is_up_to_date() -> None:
    stale = [
        str(path)
        for path, text in derived().items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text() != text
    ]
    assert stale == [], "run 'make docs' and look at the difference"


def test_an_optional_field_may_be_added_under_the_same_version() -> None:
    more: Any = create_model("CaseOpened", __base__=CaseOpened, note=(str | None, None))
    assert breaks(schema_of(CaseOpened), schema_of(more)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s["properties"].pop("service"), "field service is gone"),
        (lambda s: s["properties"]["service"].update(type="integer"), "field service changed"),
        (lambda s: s["required"].append("contact"), "field contact is required now"),
        (lambda s: s["required"].remove("service"), "field service is not always there any more"),
        (lambda s: s["$defs"]["Language"]["enum"].append("fr"), "Language: enum changed"),
        (lambda s: s["$defs"]["Language"]["enum"].remove("en"), "Language: enum changed"),
        (lambda s: s["$defs"].pop("Sealed"), "Sealed is gone"),
        (lambda s: s["properties"]["stand_id"].pop("format"), "field stand_id changed"),
    ],
)
def test_anything_else_needs_a_new_version(change: Any, complaint: str) -> None:
    promised = json.loads(json.dumps(schema_of(CaseOpened)))
    now = json.loads(json.dumps(promised))
    change(now)
    assert any(complaint in one for one in breaks(promised, now))


def test_every_topic_has_one_owner_and_types_and_topics_agree() -> None:
    assert len({event.TYPE for event in EVENTS}) == len(EVENTS)
    assert {event.TOPIC for event in EVENTS} == OWNERS.keys()
    assert set(OWNERS.values()) <= set(SERVICES)
    for event in EVENTS:
        assert event.TYPE.startswith(f"at.wanderamt.{event.TOPIC.split('.')[0]}.")
        assert event.TYPE.rsplit(".", 1)[1].startswith("v")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_serves_its_asyncapi_with_heads_keys_and_single_messages(
    running_system: Any, service: str
) -> None:
    token = running_system.token("operator@linz", Role.OPERATOR, audience=service)
    async with httpx.AsyncClient(base_url=running_system.url(service), timeout=10) as http:
        document = (await http.get("/asyncapi", headers={"Authorization": f"Bearer {token}"})).json()
    assert document["asyncapi"].startswith("3.")
    says = {event.TYPE for event in EVENTS if OWNERS[event.TOPIC] == service}
    hears = {event.TYPE for event in HEARS[service]}
    assert document["components"]["messages"].keys() == says | hears
    for type_, message in document["components"]["messages"].items():
        assert message["headers"]["properties"]["ce_type"] == {"const": type_}
        assert message["bindings"]["kafka"]["key"]["format"] == "uuid"
        schema = document["components"]["schemas"][message["payload"]["$ref"].rsplit("/", 1)[1]]
        assert schema["type"] == "object"
    actions = {operation["action"] for operation in document["operations"].values()}
    assert actions == {name for name, there in (("send", says), ("receive", hears)) if there}
    text = json.dumps(document)
    refs = {part.split('"')[0] for part in text.split('"$ref": "#')[1:]}
    for ref in refs:
        node: Any = document
        for step in ref.strip("/").split("/"):
            node = node[step]
