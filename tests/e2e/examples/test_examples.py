"""The examples as an integration team runs them: in environments outside of the workspace, as processes of their own."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.contracts import CaseOpened, case_code
from wanderamt_local.processes import ProcessSpec, ProcessSupervisor
from wanderamt_local.sample_cases import emit_case
from wanderamt_local.state import free_port, state_root
from wanderamt_local.system import responds_ok
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.servers import Servers
from wanderamt_testing.waiting import wait_until

ROOT = Path(__file__).parents[3]
ASYNCAPI = ROOT / "docs" / "asyncapi" / "intake.json"
INSTALL_S = 600
COMMAND_S = 120
WAIT_S = 60


def uv(*arguments: str, folder: Path = ROOT) -> None:
    program = os.environ.get("UV") or shutil.which("uv") or str(state_root() / "uv" / "bin" / "uv")
    subprocess.run([program, *arguments], cwd=folder, timeout=INSTALL_S, check=True)


@dataclass(frozen=True)
class Outside:
    """A folder outside of the project, for copies of the examples with an environment each. `library`: its wheel."""

    folder: Path
    library: Path
    constraints: Path
    installed: set[str] = field(default_factory=set)

    def program(self, example: str, name: str) -> str:
        """The path of a program in the environment of the example."""
        project = self.folder / example
        if example not in self.installed:
            shutil.copytree(ROOT / "examples" / example, project)
            uv("venv", "--quiet", "--python", sys.executable, ".venv", folder=project)
            wheels = [] if example == "plain-reader" else [str(self.library)]
            versions = ["--constraints", str(self.constraints)]
            uv("pip", "install", "--quiet", "--python", ".venv", *versions, *wheels, ".", folder=project)
            self.installed.add(example)
        return str(project / ".venv" / "bin" / name)

    def wanderamt(
        self, example: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Calls the command `wanderamt` of the example. `env`: its settings; without it, it has none."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WANDERAMT_")}
        return subprocess.run(
            [self.program(example, "wanderamt"), *arguments],
            cwd=self.folder,
            env=inherited | dict(env or {}),
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    folder = tmp_path_factory.mktemp("outside")
    uv("build", "--quiet", "--package", "wanderamt-common", "--wheel", "--out-dir", str(folder / "wheels"))
    constraints = folder / "constraints.txt"
    locked = ["--frozen", "--all-packages", "--all-groups", "--all-extras", "--no-emit-workspace", "--no-hashes"]
    uv("export", "--quiet", *locked, "--output-file", str(constraints))
    [library] = (folder / "wheels").glob("*.whl")
    return Outside(folder, library, constraints)


@dataclass
class City:
    """Intake's outbox and relay, which send what an example consumes. `env`: settings of the example."""

    outside: Outside
    relay: Relay
    env: dict[str, str]
    logs: Path
    supervisor: ProcessSupervisor = field(default_factory=ProcessSupervisor)

    @property
    def topic(self) -> str:
        return self.relay.topics.name(CaseOpened.TOPIC)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.env['WANDERAMT_PORT']}"

    async def emit(self, cases: int) -> list[UUID]:
        """Every second of these citizens must come again."""
        return [await emit_case(self.relay.database, number) for number in range(cases)]

    async def repeat_first_record(self) -> None:
        """As a relay that died before it noted what it had sent."""
        servers = self.relay.bootstrap_servers
        async with AIOKafkaConsumer(self.topic, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
            record = await consumer.getone()
        async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
            await producer.send_and_wait(self.topic, record.value, key=record.key, headers=list(record.headers))

    async def run_service(self, example: str, **env: str) -> Path:
        """Starts the example and waits until it is ready. Returns its log."""
        command = [self.outside.program(example, "wanderamt"), "run", example, "--migrate"]
        log = self.logs / f"{example}.log"

        async def ready() -> bool:
            return await responds_ok(f"{self.url}/health/ready")

        await self.supervisor.start(ProcessSpec(example, command, self.env | env, log, ready, restart=False))
        return log

    async def rows(self, sql: str) -> list[asyncpg.Record]:
        """From the database of the example."""
        connection = await asyncpg.connect(self.env["WANDERAMT_DATABASE_URL"])
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()


@pytest.fixture
async def city(
    outside: Outside, servers: Servers, topics: Topics, open_database: OpenDatabase, tmp_path: Path
) -> AsyncIterator[City]:
    kafka = servers.kafka.bootstrap_servers
    relay = Relay(await open_database("intake"), kafka, topics)
    name = f"example_{topics.prefix.strip('.')}"
    env = {
        "WANDERAMT_DATABASE_URL": await servers.postgres.create_database(name),
        "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "WANDERAMT_TOPIC_PREFIX": topics.prefix,
        "WANDERAMT_PORT": str(free_port()),
    }
    city = City(outside, relay, env, tmp_path)
    await topics.create(kafka)
    await relay.start()
    try:
        yield city
    finally:
        await city.supervisor.stop()
        await relay.stop()
        await servers.postgres.drop_database(name)


async def test_a_service_of_thirty_lines_counts_each_case_once_and_shows_it(city: City) -> None:
    source = (ROOT / "examples" / "case-counter" / "case_counter.py").read_text()
    assert len([line for line in source.splitlines() if line]) <= 30
    await city.emit(3)
    log = await city.run_service("case-counter")
    await city.emit(1)
    await city.repeat_first_record()

    async def has_read_all() -> bool:
        """Cases of 2, 3, 2 and 2 records, one of which came twice."""
        [row] = await city.rows("SELECT sum(next_offset) AS records FROM inbox_watermark")
        return bool(row["records"] == 10)

    await wait_until(has_read_all, timeout_s=WAIT_S)
    async with httpx.AsyncClient(base_url=city.url, timeout=10) as http:
        counts = (await http.get("/opened-cases")).json()
        assert counts == {"registration_confirmation": 2, "dog_registration": 1, "resident_parking": 1}
        assert (await http.get("/dead-letters")).status_code == 401  # no token key is set: nobody is admitted
    lines = {line["event"]: line for line in map(json.loads, log.read_text().splitlines())}
    assert lines["consumer.started"]["handles"] == [CaseOpened.TYPE]
    assert lines["http.listening"]["url"] == city.url
    listed = city.outside.wanderamt("case-counter", "dead-letters", "list", "case-counter", env=city.env)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout == "case-counter has no dead letters.\n"


async def test_a_job_of_an_example_waits_for_a_printer_that_is_off(city: City, tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    log = await city.run_service("letter-printer", WANDERAMT_LETTER_FOLDER=str(letters))
    cases = await city.emit(2)

    async def has_failed() -> bool:
        jobs = await city.rows("SELECT status, last_error FROM job")
        return [tuple(job) for job in jobs] == [("outcome_unknown", "FileNotFoundError in execute")]

    await wait_until(has_failed, timeout_s=WAIT_S)
    letters.mkdir()
    letter = letters / f"{case_code(cases[1])}.txt"
    await wait_until(letter.exists, timeout_s=WAIT_S)

    async def has_succeeded() -> bool:
        return [job["status"] for job in await city.rows("SELECT status FROM job")] == ["succeeded"]

    await wait_until(has_succeeded, timeout_s=WAIT_S)
    assert letter.read_text() == "Please come to us again. Reason: not_found\n"
    assert list(letters.iterdir()) == [letter]
    assert "letter.printed" in log.read_text()


async def test_a_reader_without_the_library_stores_each_case_once(city: City, tmp_path: Path) -> None:
    program = city.outside.program("plain-reader", "plain-reader")
    assert not list(Path(program).parents[1].glob("lib/*/site-packages/wanderamt*"))
    log, database, servers = tmp_path / "reader.log", tmp_path / "cases.db", city.relay.bootstrap_servers
    command = [program, "--servers", servers, "--topic", city.topic, "--asyncapi", str(ASYNCAPI)]
    first, second = await city.emit(2)

    async def has_begun() -> bool:
        return "new case" in log.read_text()

    await city.supervisor.start(
        ProcessSpec("reader", [*command, "--database", str(database)], {}, log, has_begun, restart=False)
    )
    await city.repeat_first_record()
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        headers = [("ce_type", CaseOpened.TYPE.encode()), ("ce_id", b"broken")]
        await producer.send_and_wait(city.topic, b'{"case_id": "no id"}', headers=headers)
    await wait_until(lambda: len(log.read_text().splitlines()) >= 4, timeout_s=WAIT_S)
    lines = set(log.read_text().splitlines())
    cases = {f"{first} registration_confirmation", f"{second} dog_registration"}
    assert lines >= {f"new case: {case}" for case in cases}
    assert len(lines & {f"seen before: {case}" for case in cases}) == 1
    assert "set aside: event broken is not what the schema says" in lines
    stored = sqlite3.connect(database).execute("SELECT service FROM opened_case ORDER BY service").fetchall()
    assert stored == [("dog_registration",), ("registration_confirmation",)]


def test_an_example_without_settings_says_what_it_needs_and_what_for(outside: Outside) -> None:
    result = outside.wanderamt("case-counter", "run", "case-counter")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "case-counter cannot start: these environment variables are missing or wrong:",
        "  WANDERAMT_DATABASE_URL is missing: postgresql://user:password@host:port/database of this service only",
        "  WANDERAMT_KAFKA_BOOTSTRAP_SERVERS is missing: host:port, comma separated",
    ]


async def test_an_example_without_tables_or_topic_says_what_to_do(city: City) -> None:
    unmigrated = city.outside.wanderamt("case-counter", "run", "case-counter", env=city.env)
    assert (unmigrated.returncode, "wanderamt migrate case-counter" in unmigrated.stderr) == (2, True)
    elsewhere = city.env | {"WANDERAMT_TOPIC_PREFIX": "nowhere."}
    without_topic = city.outside.wanderamt("case-counter", "run", "case-counter", "--migrate", env=elsewhere)
    assert without_topic.returncode == 2
    assert "there is no topic nowhere.case.v1" in without_topic.stderr
    assert "WANDERAMT_TOPIC_PREFIX" in without_topic.stderr


def test_the_wheel_of_the_library_holds_its_types_migrations_and_schemas(outside: Outside) -> None:
    names = set(zipfile.ZipFile(outside.library).namelist())
    assert names >= {
        "wanderamt/py.typed",
        "wanderamt/backbone/migrations/env.py",
        "wanderamt/backbone/migrations/versions/0001_initial.py",
        f"wanderamt/contracts/schemas/{CaseOpened.TYPE}.json",
    }
