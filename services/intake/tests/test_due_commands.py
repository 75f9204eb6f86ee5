"""The commands about obligations and retention, in a process of their own on the same database."""

import asyncio
import json
import os
import sys

import pytest
from due_date_fixtures import MovedIntake
from intake_fixtures import IntakeClient
from pydantic import BaseModel, SecretStr
from retention_fixtures import OBLIGATIONS

WHO = ("--who", "olga@linz")


def environment(client: IntakeClient) -> dict[str, str]:
    """The settings of the service as environment variables."""
    settings: BaseModel = client.service.context.settings
    values: dict[str, str] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        values[f"WANDERAMT_{name.upper()}"] = text if isinstance(text, str) else json.dumps(text)
    return values


async def run(client: IntakeClient, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wanderamt.shell", *words),
        env={**os.environ, **environment(client), "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


async def backdate(client: IntakeClient, days: int) -> None:
    await client.rows(f"UPDATE case_file SET ended_at = now() - interval '{days} days' RETURNING 1")


async def test_a_dry_run_shows_and_changes_nothing_a_run_does_it_and_show_lists_it(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    case_id = await moved_intake.open({"service": "registration_confirmation", "language": "de"})
    assert (await client.http.post(f"/cases/{case_id}/withdraw", headers=client.clerk())).status_code == 200
    await backdate(client, 31)
    code, output = await run(client, "retention", "run", "--dry-run", *WHO)
    assert (code, "1 cases would be closed" in output) == (0, True), output
    assert (await client.case(case_id))["state"] == "withdrawn"
    code, output = await run(client, "retention", "run", *WHO)
    assert (code, "closed 1, deleted 0" in output) == (0, True), output
    await backdate(client, 31)
    code, output = await run(client, "retention", "run", "--dry-run", *WHO)
    assert "days_30" in output, output
    code, output = await run(client, "retention", "run", *WHO)
    assert (code, "closed 0, deleted 1" in output) == (0, True), output
    code, output = await run(client, "retention", "show")
    assert (code, "registration_confirmation" in output) == (0, True), output
    records = await client.rows("SELECT who FROM audit_record WHERE action = 'retention.run'")
    assert {row["who"] for row in records} == {"olga@linz"}


async def test_an_operator_lists_obligations_and_notes_a_fulfilment(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    code, output = await run(client, "obligations", "list")
    assert (code, "nothing is open" in output) == (0, True), output
    case_id = await moved_intake.finished_dog()
    code, output = await run(client, "obligations", "list")
    assert [obligation for obligation in OBLIGATIONS if obligation not in output] == []
    done = ("obligations", "fulfil", case_id, "levy", "--reason", "paid by bank transfer", *WHO)
    code, output = await run(client, *done)
    assert (code, "is fulfilled" in output) == (0, True), output
    assert (await moved_intake.states(case_id))["levy"] == "met"
    [record] = await client.rows("SELECT who, reason FROM audit_record WHERE action = 'obligation.fulfil'")
    assert tuple(record) == ("olga@linz", "paid by bank transfer")
    code, output = await run(client, "obligations", "fulfil", case_id, "nothing", "--reason", "a mistake", *WHO)
    assert (code, "no such obligation" in output) == (1, True), output


@pytest.mark.parametrize("group", ["obligations", "retention"])
async def test_the_commands_explain_themselves(moved_intake: MovedIntake, group: str) -> None:
    code, output = await run(moved_intake.client, group, "--help")
    assert (code, "Commands" in output) == (0, True)
