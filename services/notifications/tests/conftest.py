"""Notifications with a real database and simulated providers on real sockets, without Kafka: tests call the event handler."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from connector_kit.testing.smpp_simulator import SmppFaults, SmppSimulator
from connector_kit.testing.smtp_simulator import SmtpFaults, SmtpSimulator
from notifications.app import build
from notifications.providers.connections import ProviderConfig
from notifications.providers.courier.simulator import Courier
from notifications.providers.textgate.simulator import Gateway
from notifications.settings import NotificationSettings
from notifications_fixtures import KEY, NotificationsEnv, OpenNotificationsEnv
from pydantic import SecretStr
from wanderamt_local.state import Secrets
from wanderamt_testing.databases import MakeDatabase
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.simulator_server import serve_simulator


@pytest.fixture
def open_notifications_env(make_database: MakeDatabase) -> OpenNotificationsEnv:

    @asynccontextmanager
    async def open_env(
        *names: str,
        components: Iterable[str] = ("providers", "jobs", "receipts"),
        limits: dict[str, Any] | None = None,
        **settings: Any,
    ) -> AsyncIterator[NotificationsEnv]:
        async with AsyncExitStack() as stack:
            gate, courier = Gateway(), Courier()
            smsc = SmppSimulator(system_id="city", password=KEY, faults=SmppFaults(receipts=False))
            post = SmtpSimulator(faults=SmtpFaults())
            gate_url = await stack.enter_async_context(serve_simulator(gate))
            courier_url = await stack.enter_async_context(serve_simulator(courier))
            smpp = await stack.enter_async_context(smsc.serve("127.0.0.1", 0))
            smtp = await stack.enter_async_context(post.serve("127.0.0.1", 0))
            keys = {"gateway_key": SecretStr(KEY), "receipt_key": SecretStr(KEY), "password": SecretStr(KEY)}
            urls = {
                "gate": ("textgate", gate_url),
                "courier": ("courier", courier_url),
                "smsc": ("smsc", f"smpp://city@127.0.0.1:{smpp}"),
                "post": ("relay", f"smtp://127.0.0.1:{smtp}"),
            }
            connected = {
                name: ProviderConfig(
                    bridge=urls[name][0],
                    url=urls[name][1],
                    secrets=keys,
                    settings={"start_tls": "false"} if name == "post" else {},
                    **(limits or {}).get(name, {}),
                )
                for name in names
            }
            secrets = Secrets.generate()
            others: dict[str, Any] = {
                "trusted_proxies": "none",
                "quiet_hours": "",
                "day_budget": 1000,
                "case_opened_wait_s": 0,
            } | settings
            url = await make_database("notifications")
            service = build(
                NotificationSettings(
                    database_url=SecretStr(url),
                    kafka_bootstrap_servers="nowhere:9092",
                    token_public_key=secrets.token_public_key,
                    encryption_key=SecretStr(secrets.encryption_key),
                    providers=connected,
                    **others,
                )
            )
            plain = service.context.settings.model_dump(mode="json", exclude_defaults=True)
            for name, config in plain["providers"].items():
                config["secrets"] = dict.fromkeys(connected[name].secrets, KEY)
            plain |= {"database_url": url, "encryption_key": secrets.encryption_key}
            env = NotificationsEnv(
                service, RunKeys(secrets), gate=gate, courier=courier, smsc=smsc, post=post, settings=plain
            )
            await env.database.start()
            running = [service.components[name] for name in components]
            for component in running:
                await component.start()
            try:
                yield env
            finally:
                for component in reversed(running):
                    await component.stop()
                await env.database.stop()

    return open_env
