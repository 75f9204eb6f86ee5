"""Each service behaves as its OpenAPI document says, for any input: no server error, no response outside its schema."""

import asyncio
import json
import sys
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.field_entries import open_case_entry
from wanderamt_local.system import SERVICES, System

ROOT = Path(__file__).parents[2]
EXAMPLES = 3
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


@pytest.mark.parametrize("service", SERVICES)
async def test_any_input_gets_a_response_that_the_openapi_document_describes(
    running_system: System, tmp_path: Path, service: str
) -> None:
    device_id, stand_id = uuid7(), uuid7()
    clerk = await running_system.enrol(device_id, stand_id)
    await _open_a_case(running_system.url("intake"), clerk, stand_id)
    token = running_system.token("tester", *Role, audience=service, device=device_id, stand=stand_id)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        f"{running_system.url(service)}/openapi.json",
        *("--header", f"Authorization: Bearer {token}"),
        *("--checks", ",".join(CHECKS)),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(EXAMPLES)),
        *("--generation-deterministic", "--no-color", "--continue-on-failure", "--warnings", "off"),
        *("--request-timeout", "30", "--suppress-health-check", "all"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-20_000:]


@pytest.mark.parametrize("service", SERVICES)
def test_every_request_and_every_response_has_a_valid_example(service: str) -> None:
    document = json.loads((ROOT / "docs" / "openapi" / f"{service}.json").read_text())
    examples, json_paths = 0, set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                assert "example" in parameter or "examples" in parameter, (path, method, parameter["name"])
            for body in [operation.get("requestBody", {}), *operation["responses"].values()]:
                content = body.get("content", {}).get("application/json")
                if content and content["schema"]:
                    json_paths.add(path)
                    schema = content["schema"] | {"components": document["components"]}
                    Draft202012Validator(schema, format_checker=FormatChecker()).validate(content["example"])
                    examples += 1
    assert examples >= len(json_paths) >= len(document["paths"]) // 2  # the others return pages, or nothing


async def _open_a_case(url: str, token: str, stand_id: UUID) -> None:
    """So that there are data to show, and a request that waits for changes returns at once."""
    entry = open_case_entry(uuid7(), uuid7(), stand_id, device_seq=1, captured_at=utc_now(), body={"service": "advice"})
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}) as http:
        (await http.post("/sync", json={"entries": [entry]})).raise_for_status()
