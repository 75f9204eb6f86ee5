"""The whole system: servers, simulators of third parties, and the four services, each in its own process."""

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
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner

from wanderamt_local.kafka import Kafka, start_kafka
from wanderamt_local.postgres import Postgres, start_postgres
from wanderamt_local.processes import ProcessSpec, ProcessSupervisor, accepts_connections
from wanderamt_local.state import StateFolder, free_port

SERVICES = ("intake", "registry-bridge", "scheduling", "notifications")
REGISTERS = ("residents", "vehicles", "parking", "dogs", "lost_property", "electoral_roll", "social")
PORT_NAMES = (*SERVICES, "registers", "dogs-sftp", "sms", "smpp", "smtp", "sign-in")
Report = Callable[[str], None]


@dataclass
class System:
    """`residents_file`: JSON lines of the people whom the registers know; None: everybody.
    `limits`: limits of message providers, by name. `provider_names`: the connected message providers.
    `service_names`: the services that are started; without notifications, no messages are simulated.
    `settings`: environment variables for all services. `report`: receives progress messages."""

    state: StateFolder
    residents_file: Path | None = None
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    provider_names: tuple[str, ...] = ("gate", "smsc", "post")
    service_names: tuple[str, ...] = SERVICES
    settings: dict[str, str] = field(default_factory=dict)
    report: Report = lambda _: None
    supervisor: ProcessSupervisor = field(default_factory=ProcessSupervisor)
    ports: dict[str, int] = field(default_factory=dict)
    kafka: Kafka | None = None
    postgres: Postgres | None = None

    async def start(self) -> None:
        """Raises UnavailableError or NotReadyError, after stopping everything that was started."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self.report("starting Kafka and PostgreSQL")
        kafka, postgres = await self.start_servers()
        self.kafka, self.postgres = kafka, postgres
        self.report(f"Kafka is up ({kafka.how}), PostgreSQL is up ({postgres.how})")
        self.choose_ports()
        for name in self.service_names:
            await postgres.create_database(self.database(name))
        others = [self._start_registers(), self._start_sign_in()]
        if "notifications" in self.service_names:
            others.append(self._start_message_simulators())
        await asyncio.gather(*others, *map(self._start_service, self.service_names))
        (self.state.folder / "urls.json").write_text(json.dumps(self.urls(), indent=2))
        self.report("all services are ready")

    def choose_ports(self) -> None:
        """A free port for each process of the system."""
        self.ports = {name: free_port() for name in PORT_NAMES}

    async def start_servers(self) -> tuple[Kafka, Postgres]:
        return await asyncio.gather(
            start_kafka(self.state, self.supervisor), start_postgres(self.state, self.supervisor)
        )

    async def stop(self) -> None:
        await self.supervisor.stop()
        for server in (self.kafka, self.postgres):
            if server:
                server.stop()

    def database(self, name: str) -> str:
        """The database name of a service."""
        return database_of(name)

    def url(self, name: str) -> str:
        """Of a service or a register. The simulators of all registers are one process."""
        if name in REGISTERS:
            return f"{self.url('registers')}/{name}"
        return f"http://127.0.0.1:{self.ports[name]}"

    def urls(self) -> dict[str, str]:
        assert self.kafka and self.postgres  # noqa: S101, PT018 -- called after start only
        return {
            **{name: self.url(name) for name in self.service_names},
            "crew's app": f"{self.url('intake')}/field/",
            "sign-in": self.url("sign-in"),
            **{f"{name} simulator": f"{self.url(name)}/_simulator" for name in REGISTERS},
            **{f"{name} simulator": self.simulator_url(name) for name in ("gate", "smsc", "post")},
            "kafka": self.kafka.bootstrap_servers,
            "postgres": f"127.0.0.1:{self.postgres.url.rsplit(':', 1)[1].split('/')[0]}",
        }

    def token(
        self, subject: str, *roles: Role, audience: str, device: UUID | None = None, stand: UUID | None = None
    ) -> str:
        signer = TokenSigner(self.state.secrets.token_private_key)
        caller = Principal(subject, frozenset(roles), device, stand)
        return signer.sign(caller, audience=audience, now=utc_now(), lifetime=timedelta(hours=12))

    async def enrol(self, device_id: UUID, stand_id: UUID, *, label: str = "Tablet 1") -> str:
        """Enrols a device; returns the token of a clerk who uses it at a stand."""
        operator = self.token("operator@linz", Role.OPERATOR, audience="intake")
        body = {"device_id": str(device_id), "label": label}
        async with httpx.AsyncClient(timeout=10, headers={"Authorization": f"Bearer {operator}"}) as client:
            (await client.post(f"{self.url('intake')}/devices", json=body)).raise_for_status()
        return self.token("clerk.one@linz", Role.CLERK, audience="intake", device=device_id, stand=stand_id)

    async def set_faults(self, simulator: str, faults: Mapping[str, float | bool | str | None]) -> None:
        """Turns the faults of a simulator: a register, gate, smsc or post."""
        async with httpx.AsyncClient(timeout=10) as client:
            (await client.post(self.simulator_url(simulator), json=dict(faults))).raise_for_status()

    def simulator_url(self, simulator: str) -> str:
        """The URL that shows and configures the faults of a simulator."""
        at = {"gate": "sms", "smsc": "sms/smsc", "post": "sms/post"}.get(simulator, simulator)
        name, _, below = at.partition("/")
        return f"{self.url(name)}{'/' if below else ''}{below}/_simulator"

    async def register_rows(self, register: str) -> dict[str, list[dict[str, Any]]]:
        """The rows that a simulated register holds, by table."""
        async with httpx.AsyncClient(timeout=30) as client:
            rows: dict[str, list[dict[str, Any]]] = (await client.get(f"{self.simulator_url(register)}/rows")).json()
            return rows

    async def simulator_report(self, simulator: str) -> dict[str, Any]:
        """The calls and effects that a simulated register has counted."""
        async with httpx.AsyncClient(timeout=30) as client:
            return dict((await client.get(self.simulator_url(simulator))).json())

    async def received_messages(self) -> dict[str, dict[str, Any]]:
        """The messages received by the SMS gateway, the mobile operator and the mail server, by provider name."""
        async with httpx.AsyncClient(timeout=30) as client:
            return {name: (await client.get(self.simulator_url(name))).json() for name in ("gate", "smsc", "post")}

    def env(self, name: str) -> dict[str, str]:
        """The settings of a service, as environment variables."""
        assert self.kafka and self.postgres  # noqa: S101, PT018
        secrets = self.state.secrets
        return {
            "WANDERAMT_DATABASE_URL": self.postgres.database_url(self.database(name)),
            "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "WANDERAMT_PORT": str(self.ports[name]),
            "WANDERAMT_TRUSTED_PROXIES": "none",
            "WANDERAMT_TOKEN_PUBLIC_KEY": secrets.token_public_key,
            "WANDERAMT_ENCRYPTION_KEY": secrets.encryption_key,
            "WANDERAMT_DOCUMENT_KEY": secrets.document_key,
            "WANDERAMT_DOCUMENT_CERTIFICATE": secrets.document_certificate,
            "WANDERAMT_TRACE_FOLDER": str(self.state.subfolder("traces")),
            "WANDERAMT_ASSERTION_KEY": secrets.assertion_key,
            "WANDERAMT_SESSION_KEY": secrets.session_key,
            "WANDERAMT_SESSION_PUBLIC_KEY": secrets.session_public_key,
            "WANDERAMT_PUBLIC_ADDRESSES": '["http://127.0.0.1:*", "http://localhost:*"]',
            "WANDERAMT_DOCUMENTATION": "true",
            "WANDERAMT_SIGN_IN_URL": self.url("sign-in"),
            "WANDERAMT_BRIDGES": json.dumps(self.bridges()),
            "WANDERAMT_PROVIDERS": json.dumps(self.providers()),
            "WANDERAMT_QUIET_HOURS": "",  # messages are sent at night too
            "WANDERAMT_PUBLIC_URL": self.url(name if name == "scheduling" else "notifications"),
            "WANDERAMT_PARTNER_NETWORKS": '["127.0.0.0/8"]',
            **self.settings,
        }

    def providers(self) -> dict[str, object]:
        """The setting `providers` of notifications: the simulators of the message providers."""
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
        return {name: known[name] for name in self.provider_names}

    def bridges(self) -> dict[str, object]:
        """The setting `bridges` of the registry bridge: the simulators of the registers."""
        by_token: dict[str, object] = {
            name: {"url": self.url(name), "secrets": {f"{name}_token": "none"}}
            for name in REGISTERS
            if name not in {"residents", "dogs"}
        }
        return by_token | {
            "residents": {"url": f"{self.url('residents')}/soap", "secrets": {"portal_token": "none"}},
            "dogs": {
                "url": f"sftp://city@127.0.0.1:{self.ports['dogs-sftp']}",
                "secrets": {"dogs_key": self.state.secrets.sftp_key},
                "settings": {"host_key": self.state.secrets.sftp_host_key_public},
            },
        }

    def service_spec(self, name: str) -> ProcessSpec:
        """How to start a service."""
        url = f"{self.url(name)}/health/ready"
        return ProcessSpec(
            name=name,
            argv=[sys.executable, "-m", "wanderamt.shell", "run", name, "--migrate"],
            env=self.env(name),
            log=self._log(name),
            ready=lambda: responds_ok(url),
        )

    async def _start_service(self, name: str) -> None:
        command = self.service_spec(name)
        self.state.write_env(name, command.env)
        await self.supervisor.start(command)
        self.report(f"{name} is ready")

    async def _start_registers(self) -> None:
        command = [sys.executable, "-m", "registry_bridge.bridges.simulators", "--port", str(self.ports["registers"])]
        command += ["--sftp-port", str(self.ports["dogs-sftp"]), "--keys", str(self._write_sftp_keys())]
        if self.residents_file:
            command += ["--people", str(self.residents_file)]
        await self.supervisor.start(
            ProcessSpec(
                name="register-simulators",
                argv=command,
                env={},
                log=self._log("register-simulators"),
                ready=lambda: responds_ok(self.simulator_url("residents")),
            )
        )

    def _write_sftp_keys(self) -> Path:
        """A folder with the private key of the server and the public key of the client."""
        secrets, folder = self.state.secrets, self.state.subfolder("sftp-keys")
        for file, text in (("host_key", secrets.sftp_host_key), ("client_key.pub", secrets.sftp_key_public)):
            (folder / file).touch(mode=0o600)
            (folder / file).write_text(text)
        return folder

    async def _start_message_simulators(self) -> None:
        sms, smpp, smtp = (self.ports[name] for name in ("sms", "smpp", "smtp"))

        async def ready() -> bool:
            return await accepts_connections("127.0.0.1", smtp) and await responds_ok(
                f"http://127.0.0.1:{sms}/_simulator"
            )

        await self.supervisor.start(
            ProcessSpec(
                name="message-simulators",
                argv=[
                    sys.executable,
                    *("-m", "notifications.providers.simulators", "--sms-port", str(sms), "--smpp-port", str(smpp)),
                    *("--smtp-port", str(smtp), "--mails", str(self.state.subfolder("mails"))),
                    *("--callback", f"{self.url('notifications')}/receipts/gate"),
                ],
                env={
                    "WANDERAMT_SMPP_PASSWORD": self.state.secrets.sms_key,
                    "WANDERAMT_RECEIPT_KEY": self.state.secrets.sms_key,
                },
                log=self._log("message-simulators"),
                ready=ready,
            )
        )

    async def _start_sign_in(self) -> None:
        """The OpenID Connect issuer of the city."""
        port = self.ports["sign-in"]
        await self.supervisor.start(
            ProcessSpec(
                name="sign-in",
                argv=[sys.executable, "-m", "wanderamt_local.sign_in"],
                env={
                    "WANDERAMT_SIGN_IN_PRIVATE_KEY": self.state.secrets.token_private_key,
                    "WANDERAMT_SIGN_IN_PORT": str(port),
                },
                log=self._log("sign-in"),
                ready=lambda: responds_ok(f"http://127.0.0.1:{port}/keys"),
            )
        )

    def _log(self, name: str) -> Path:
        return self.state.subfolder("logs") / f"{name}.log"


def database_of(service: str) -> str:
    return service.replace("-", "_")


async def responds_ok(url: str) -> bool:
    async with httpx.AsyncClient(timeout=2) as client:
        try:
            return (await client.get(url)).is_success
        except httpx.HTTPError:
            return False
