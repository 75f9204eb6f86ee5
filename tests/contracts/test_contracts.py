"""Contracts with other teams: compatible schemas, one owner per topic, documents that match the code."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, create_model
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS
from wanderamt.contracts import EVENTS, CaseOpened
from wanderamt.contracts.compatibility import breaking_changes, published_schema, schema_of
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.roles import Role
from wanderamt_local.contracts import CONSUMED_EVENTS, generated_files, incompatible_changes
from wanderamt_local.system import SERVICES, System

ROOT = Path(__file__).parents[2]


def test_no_event_breaks_its_published_schema_and_every_event_has_one() -> None:
    assert [event.TYPE for event in EVENTS if published_schema(event) is None] == []
    assert incompatible_changes() == []


@pytest.mark.parametrize("model", [*EVENTS, Sealed])
def test_a_model_declares_nothing_that_the_fast_json_text_would_ignore(model: type[BaseModel]) -> None:
    declared = model.__pydantic_decorators__
    assert [*declared.field_serializers, *declared.model_serializers, *declared.computed_fields] == []
    assert not [name for name, field in model.model_fields.items() if field.serialization_alias or field.exclude]


def test_files_generated_from_the_contracts_are_up_to_date() -> None:
    stale = [
        str(path)
        for path, text in generated_files().items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text() != text
    ]
    assert stale == [], "run 'make docs' and check the difference"


@pytest.mark.parametrize("service", SERVICES)
def test_faststreams_own_command_writes_the_asyncapi_of_a_service(service: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("faststream")), "docs", "gen"]
    application = f"{service.replace('-', '_')}.events:consumer.application"
    subprocess.run([*command, application, "--out", tmp_path / "asyncapi.json"], cwd=tmp_path, timeout=60, check=True)
    expected = (ROOT / "docs/asyncapi" / f"{service}.json").read_text()
    assert json.loads((tmp_path / "asyncapi.json").read_text()) == json.loads(expected)


def test_an_optional_field_may_be_added_under_the_same_version() -> None:
    extended = create_model("CaseOpened", __base__=CaseOpened, note=(str | None, None))
    assert breaking_changes(schema_of(CaseOpened), schema_of(extended)) == []


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda s: s["properties"].pop("service"), "field service is gone"),
        (lambda s: s["properties"]["service"].update(type="integer"), "field service changed"),
        (lambda s: s["required"].append("contact"), "field contact is required now"),
        (lambda s: s["required"].remove("service"), "field service is not always present any more"),
        (lambda s: s["$defs"]["Language"]["enum"].append("fr"), "Language: enum changed"),
        (lambda s: s["$defs"]["Language"]["enum"].remove("en"), "Language: enum changed"),
        (lambda s: s["$defs"].pop("Sealed"), "Sealed is gone"),
        (lambda s: s["properties"]["stand_id"].pop("format"), "field stand_id changed"),
    ],
)
def test_any_other_change_needs_a_new_version(edit: Callable[[dict[str, Any]], object], complaint: str) -> None:
    published = json.loads(json.dumps(schema_of(CaseOpened)))
    current = json.loads(json.dumps(published))
    edit(current)
    assert any(complaint in change for change in breaking_changes(published, current))


def test_every_topic_has_one_owner_and_types_and_topics_agree() -> None:
    assert len({event.TYPE for event in EVENTS}) == len(EVENTS)
    assert {event.TOPIC for event in EVENTS} == TOPIC_OWNERS.keys()
    assert set(TOPIC_OWNERS.values()) <= set(SERVICES)
    for event in EVENTS:
        assert event.TYPE.startswith(f"at.wanderamt.{event.TOPIC.split('.')[0]}.")
        assert event.TYPE.rsplit(".", 1)[1].startswith("v")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_serves_its_asyncapi_with_headers_keys_and_messages(
    running_system: System, service: str
) -> None:
    token = running_system.token("operator@linz", Role.OPERATOR, audience=service)
    async with httpx.AsyncClient(base_url=running_system.url(service), timeout=10) as http:
        document = (await http.get("/asyncapi", headers={"Authorization": f"Bearer {token}"})).json()
    assert document["asyncapi"].startswith("3.")
    published = {event.TYPE for event in EVENTS if TOPIC_OWNERS[event.TOPIC] == service}
    consumed = {event.TYPE for event in CONSUMED_EVENTS[service]}
    messages = document["components"]["messages"].values()
    assert {message["name"] for message in messages} == published | consumed
    for message in messages:
        assert message["headers"]["properties"]["ce_type"] == {"const": message["name"]}
        assert message["bindings"]["kafka"]["key"]["format"] == "uuid"
        schema = document["components"]["schemas"][message["payload"]["$ref"].rsplit("/", 1)[1]]
        assert schema["type"] == "object"
    actions = {operation["action"] for operation in document["operations"].values()}
    assert actions == {name for name, types in (("send", published), ("receive", consumed)) if types}
    text = json.dumps(document)
    refs = {part.split('"')[0] for part in text.split('"$ref": "#')[1:]}
    for ref in refs:
        node: Any = document
        for step in ref.strip("/").split("/"):
            node = node[step]
