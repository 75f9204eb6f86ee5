"""The whole system: servers, simulators of third parties, the four services, each a process of its own."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from wanderamt.backbone.sources import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller, TokenSigner

from wanderamt_local.kafka import Kafka, start_kafka
from wanderamt_local.postgres import Postgres, start_postgres
from wanderamt_local.processes import Children, Command, answers
from wanderamt_local.state import State, free_port

SERVICES = ("intake", "registry-bridge", "scheduling", "notifications")
REGISTERS = ("residents", "parking", "dogs")
Say = Callable[[str], None]


@dataclass
class System:
    """`people`: JSON lines of those the residents register knows; None: everybody. `limits`: of providers, by name.
    `carriers`: providers of messages that are connected. `settings`: of services, as environment variables.
    `say` hears what happens."""

    state: State
    people: Path | None = None
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    carriers: tuple[str, ...] = ("gate", "smsc", "post")
    settings: dict[str, str] = field(default_factory=dict)
    say: Say = lambda _: None
    children: Children = field(default_factory=Children)
    ports: dict[str, int] = field(default_factory=dict)
    kafka: Kafka | None = None
    postgres: Postgres | None = None

    async def start(self) -> None:
        """Raises Unavailable or NotReady with what is missing; whatever was started is stopped again."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self.say("starting Kafka and PostgreSQL")
        kafka, postgres = await self.start_servers()
        self.kafka, self.postgres = kafka, postgres
        self.say(f"Kafka is up ({kafka.how}), PostgreSQL is up ({postgres.how})")
        names = (*SERVICES, *REGISTERS, "dogs-sftp", "sms", "smpp", "smtp", "sign-in")
        self.ports = {name: free_port() for name in names}
        for name in SERVICES:
            await postgres.create_database(self.database(name))
        await asyncio.gather(
            *map(self._start_register, REGISTERS),
            self._start_messengers(),
            self._start_sign_in(),
            *map(self._start_service, SERVICES),
        )
        (self.state.folder / "urls.json").write_text(json.dumps(self.urls(), indent=2))
        self.say("all services are ready")

    async def start_servers(self) -> tuple[Kafka, Postgres]:
        return await asyncio.gather(start_kafka(self.state, self.children), start_postgres(self.state, self.children))

    async def stop(self) -> None:
        await self.children.stop()
        for server in (self.kafka, self.postgres):
            if server:
                server.stop()

    def database(self, name: str) -> str:
        """The name of a service's database."""
        return database_of(name)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def urls(self) -> dict[str, str]:
        assert self.kafka and self.postgres  # noqa: S101, PT018 -- asked for after start alone
        return {
            **{name: self.url(name) for name in SERVICES},
            "crew's app": f"{self.url('intake')}/field/",
            "sign-in": self.url("sign-in"),
            **{f"{name} simulator": f"{self.url(name)}/_simulator" for name in REGISTERS},
            **{f"{name} simulator": self.knobs(name) for name in ("gate", "smsc", "post")},
            "kafka": self.kafka.bootstrap_servers,
            "postgres": f"127.0.0.1:{self.postgres.url.rsplit(':', 1)[1].split('/')[0]}",
        }

    def token(
        self, subject: str, *roles: Role, audience: str, device: UUID | None = None, stand: UUID | None = None
    ) -> str:
        signer = TokenSigner(self.state.secrets.token_private_key)
        caller = Caller(subject, frozenset(roles), device, stand)
        return signer.sign(caller, audience=audience, now=utc_now(), lifetime=timedelta(hours=12))

    async def enrol(self, device_id: UUID, stand_id: UUID, *, label: str = "Tablet 1") -> str:
        """Makes intake know a device; gives the token of a clerk who works with it at a stand."""
        operator = self.token("operator@linz", Role.OPERATOR, audience="intake")
        body = {"device_id": str(device_id), "label": label}
        async with httpx.AsyncClient(timeout=10, headers={"Authorization": f"Bearer {operator}"}) as client:
            (await client.post(f"{self.url('intake')}/devices", json=body)).raise_for_status()
        return self.token("clerk.one@linz", Role.CLERK, audience="intake", device=device_id, stand=stand_id)

    async def turn(self, simulator: str, knobs: dict[str, float | bool]) -> None:
        """Turns the knobs of a simulator: residents, parking, dogs, gate, smsc or post."""
        async with httpx.AsyncClient(timeout=10) as client:
            (await client.post(self.knobs(simulator), json=knobs)).raise_for_status()

    def knobs(self, simulator: str) -> str:
        """The URL that shows and turns them."""
        at = {"gate": "sms", "smsc": "sms/smsc", "post": "sms/post"}.get(simulator, simulator)
        name, _, below = at.partition("/")
        return f"{self.url(name)}{'/' if below else ''}{below}/_simulator"

    async def messengers(self) -> dict[str, dict[str, Any]]:
        """What the SMS gateway, the operator and the mail server have received, by name."""
        async with httpx.AsyncClient(timeout=30) as client:
            return {one: (await client.get(self.knobs(one))).json() for one in ("gate", "smsc", "post")}

    def env(self, name: str) -> dict[str, str]:
        """The settings of a service, as environment variables."""
        assert self.kafka and self.postgres  # noqa: S101, PT018
        secrets = self.state.secrets
        return {
            "WANDERAMT_DATABASE_URL": self.postgres.database_url(self.database(name)),
            "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "WANDERAMT_PORT": str(self.ports[name]),
            "WANDERAMT_TOKEN_PUBLIC_KEY": secrets.token_public_key,
            "WANDERAMT_SEALING_KEY": secrets.sealing_key,
            "WANDERAMT_DOCUMENT_KEY": secrets.document_key,
            "WANDERAMT_DOCUMENT_CERTIFICATE": secrets.document_certificate,
            "WANDERAMT_TRACE_FOLDER": str(self.state.sub("traces")),
            "WANDERAMT_ASSERTION_KEY": secrets.assertion_key,
            "WANDERAMT_SESSION_KEY": secrets.session_key,
            "WANDERAMT_SIGN_IN_URL": self.url("sign-in"),
            "WANDERAMT_BRIDGES": json.dumps(self.bridges()),
            "WANDERAMT_PROVIDERS": json.dumps(self.providers()),
            "WANDERAMT_QUIET_HOURS": "",  # whoever plays with it at night wants to see something
            "WANDERAMT_PUBLIC_URL": self.url(name if name == "scheduling" else "notifications"),
            "WANDERAMT_PARTNER_NETWORKS": '["127.0.0.0/8"]',
            **self.settings,
        }

    def providers(self) -> dict[str, object]:
        """Where the messengers' simulators are, as notifications wants it."""
        key = self.state.secrets.sms_key
        known = {
            "gate": {
                "bridge": "textgate",
                "url": self.url("sms"),
                "secrets": {"gateway_key": key, "receipt_key": key},
                **self.limits.get("gate", {}),
            },
            "smsc": {
                "bridge": "smsc",
                "url": f"smpp://city@127.0.0.1:{self.ports['smpp']}",
                "secrets": {"password": key},
                **self.limits.get("smsc", {}),
            },
            "post": {
                "bridge": "relay",
                "url": f"smtp://127.0.0.1:{self.ports['smtp']}",
                "secrets": {"password": ""},
                "settings": {"start_tls": "false"},
                **self.limits.get("post", {}),
            },
        }
        return {name: known[name] for name in self.carriers}

    def bridges(self) -> dict[str, object]:
        """Where the registers' simulators are, as the registry bridge wants it."""
        return {
            "residents": {"url": f"{self.url('residents')}/soap", "secrets": {"portal_token": "none"}},
            "parking": {"url": self.url("parking"), "secrets": {"parking_token": "none"}},
            "dogs": {
                "url": f"sftp://city@127.0.0.1:{self.ports['dogs-sftp']}",
                "secrets": {"dogs_key": self.state.secrets.sftp_key},
                "settings": {"host_key": self.state.secrets.sftp_host_key_public},
            },
        }

    def command(self, name: str) -> Command:
        """How a service is started."""
        url = f"{self.url(name)}/health/ready"
        return Command(
            name=name,
            argv=[sys.executable, "-m", "wanderamt.shell", "run", name, "--migrate"],
            env=self.env(name),
            log=self._log(name),
            ready=lambda: says_ok(url),
        )

    async def _start_service(self, name: str) -> None:
        command = self.command(name)
        self._write_env(name, command.env)
        await self.children.start(command)
        self.say(f"{name} is ready")

    def _write_env(self, name: str, env: Mapping[str, str]) -> None:
        """For operators' commands from a second terminal: set -a; . .state/up/env/intake.env"""
        path = self.state.sub("env") / f"{name}.env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{key}='{value}'\n" for key, value in env.items()))

    async def _start_register(self, name: str) -> None:
        port, sftp = self.ports[name], self.ports["dogs-sftp"]
        command = [sys.executable, *("-m", "wanderamt.shell", "bridge", "sim", name), "--port", str(port)]
        if name == "residents" and self.people:
            command += ["--set", f"people={self.people}"]
        if name == "dogs":
            command += ["--sftp-port", str(sftp), "--keys", str(self._write_sftp_keys())]
        await self.children.start(
            Command(
                name=f"{name}-simulator",
                argv=command,
                env={},
                log=self._log(f"{name}-simulator"),
                ready=lambda: says_ok(f"http://127.0.0.1:{port}/_simulator"),
            )
        )

    def _write_sftp_keys(self) -> Path:
        """A folder with the server's private key and the public one of ours."""
        secrets, folder = self.state.secrets, self.state.sub("sftp-keys")
        for file, text in (("host_key", secrets.sftp_host_key), ("client_key.pub", secrets.sftp_key_public)):
            (folder / file).touch(mode=0o600)
            (folder / file).write_text(text)
        return folder

    async def _start_messengers(self) -> None:
        sms, smpp, smtp = (self.ports[name] for name in ("sms", "smpp", "smtp"))

        async def ready() -> bool:
            return await answers("127.0.0.1", smtp) and await says_ok(f"http://127.0.0.1:{sms}/_simulator")

        await self.children.start(
            Command(
                name="message-simulator",
                argv=[
                    sys.executable,
                    *("-m", "notifications.providers.simulators", "--sms-port", str(sms), "--smpp-port", str(smpp)),
                    *("--smtp-port", str(smtp), "--mails", str(self.state.sub("mails"))),
                    *("--callback", f"{self.url('notifications')}/receipts/gate"),
                ],
                env={
                    "WANDERAMT_SMPP_PASSWORD": self.state.secrets.sms_key,
                    "WANDERAMT_RECEIPT_KEY": self.state.secrets.sms_key,
                },
                log=self._log("message-simulator"),
                ready=ready,
            )
        )

    async def _start_sign_in(self) -> None:
        """The city's OpenID Connect issuer."""
        port = self.ports["sign-in"]
        await self.children.start(
            Command(
                name="sign-in",
                argv=[sys.executable, "-m", "wanderamt_local.sign_in"],
                env={
                    "WANDERAMT_SIGN_IN_PRIVATE_KEY": self.state.secrets.token_private_key,
                    "WANDERAMT_SIGN_IN_PORT": str(port),
                },
                log=self._log("sign-in"),
                ready=lambda: says_ok(f"http://127.0.0.1:{port}/keys"),
            )
        )

    def _log(self, name: str) -> Path:
        return self.state.sub("logs") / f"{name}.log"


def database_of(service: str) -> str:
    return service.replace("-", "_")


async def says_ok(url: str) -> bool:
    async with httpx.AsyncClient(timeout=2) as client:
        try:
            return (await client.get(url)).is_success
        except httpx.HTTPError:
            return False
