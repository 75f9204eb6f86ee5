"""What a service says when it cannot start, and what it reports though nobody declared it."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
import typer
from pydantic import BaseModel, Field, SecretStr
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.kernel.decision import Job
from wanderamt.shell import service_loader
from wanderamt.shell.service import Service, ServiceContext
from wanderamt.shell.settings import CityServiceSettings, InvalidSettingsError, ServiceSettings
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.service_env import component
from wanderamt_testing.waiting import wait_until

REQUIRED = {
    "WANDERAMT_DATABASE_URL": "postgresql://nowhere/nothing",
    "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": "nowhere:9092",
}


class Printer(BaseModel):
    url: str


class PrinterSettings(ServiceSettings):
    printers: dict[str, Printer] = Field({}, description="printers by name, as JSON")
    paper: int = 80


class UnhandledCall(Job):
    QUEUE: ClassVar[str] = "orphaned"
    KEY: ClassVar[str] = "who"
    DEADLINE_S: ClassVar[int] = 60

    who: str


@pytest.mark.parametrize(
    ("settings", "environment", "problem"),
    [
        (ServiceSettings, {}, "WANDERAMT_DATABASE_URL is missing: postgresql://user:password@host:port/database"),
        (ServiceSettings, REQUIRED | {"WANDERAMT_PORT": "http"}, "WANDERAMT_PORT is wrong (Input should be a valid"),
        (ServiceSettings, REQUIRED | {"WANDERAMT_METRICS_TOKEN": "short"}, "at least 32 characters"),
        (CityServiceSettings, REQUIRED, "WANDERAMT_TOKEN_PUBLIC_KEY is missing: PEM of the key"),
        (CityServiceSettings, REQUIRED, "WANDERAMT_ENCRYPTION_KEY is missing: 32 bytes in base64"),
        (PrinterSettings, REQUIRED | {"WANDERAMT_PRINTERS": '{"a": {}}'}, "PRINTERS at a.url is missing: printers by"),
        (PrinterSettings, REQUIRED | {"WANDERAMT_PAPER": "A4"}, "WANDERAMT_PAPER is wrong"),
    ],
)
def test_a_missing_or_wrong_setting_is_named_with_its_purpose(
    settings: type[ServiceSettings], environment: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettingsError) as error:
        settings()
    assert problem in str(error.value)
    assert "A4" not in str(error.value)  # values may be secrets


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("@consumer.on(StandCancelled)\ndef paint(event, uow): ...", "paint: it would block all other work"),
        ("@consumer.on(Event)\nasync def paint(event, uow): ...", "paint: no service emits Event"),
        ("_ = consumer.handlers", "consumer painter handles no event"),
    ],
)
def test_a_declaration_that_cannot_work_ends_the_start_with_a_sentence(
    declaration: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "painter.py").write_text(
        "from wanderamt.backbone.messaging.consumer import EventConsumer\n"
        "from wanderamt.contracts import Event, StandCancelled\n"
        f"consumer = EventConsumer('painter')\n{declaration}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "painter", raising=False)
    point = EntryPoint("painter", "painter:build", "wanderamt.services")
    monkeypatch.setattr(service_loader, "installed_services", lambda: {"painter": point})
    with pytest.raises(typer.Exit) as end:
        service_loader.build_service("painter")
    assert end.value.exit_code == 2
    assert capsys.readouterr().err.startswith("painter cannot start: consumer painter")
    assert message in str(end.value.__cause__)


async def test_a_service_without_job_handlers_is_healthy_and_reports_jobs_that_nobody_runs(
    open_database: OpenDatabase,
) -> None:
    database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        uow.enqueue(UnhandledCall(who="a"))
    settings = ServiceSettings(database_url=SecretStr(database.url), kafka_bootstrap_servers="nowhere:9092")
    service = Service(ServiceContext.create("letter-printer", settings), {})
    jobs = component(service.components, "jobs", JobRunner)
    await service.context.database.start()
    await jobs.start()
    await wait_until(lambda: jobs.unhandled == {"orphaned": 1})
    assert jobs.health_problem == ""
    await jobs.stop()
    await service.context.database.stop()
