"""The dog register over a real SFTP server: orders in the evening, answers at night, and files with faults."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncssh
import pytest_asyncio
from connector_kit.folder import read_folder
from connector_kit.testing.file_simulator import FileFaults, FileSimulator
from connector_kit.testing.sftp_server import serve_sftp
from pydantic import SecretStr
from registry_bridge.bridges import BRIDGES_FOLDER
from registry_bridge.bridges.dogs.simulator import open_simulator
from registry_bridge.handlers.availability import register_availability
from registry_bridge.handlers.requests import record_queries
from registry_bridge.settings import RegisterConnectionSettings
from registry_bridge_fixtures import BridgeEnv, OpenBridgeEnv
from wanderamt.contracts import RegisterAnswered
from wanderamt.kernel.sealed import Sealed

DOG = {
    "given_name": "Žaneta",
    "family_name": "Großmöller",
    "chip": "040098100000001",
    "breed": "Dackel",
    "born": "2026-08-01",
}


def keys() -> tuple[str, str]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    return key.export_private_key().decode(), key.export_public_key().decode().strip()


class DogRegisterEnv:
    """The simulated tax office, the bridge to it, and a clock that jumps."""

    def __init__(self, register: FileSimulator, bridge_env: BridgeEnv) -> None:
        self.register, self.bridge_env = register, bridge_env
        self.zone = bridge_env.manifests["dogs"].zone

    async def register_dogs(self, count: int, *, first: int = 0, **other: Any) -> list[UUID]:
        """`first`: number of the first chip."""
        return [
            await self.bridge_env.ask("dogs", "register_dog", DOG | {"chip": f"0400981{number:08}"} | other)
            for number in range(first, first + count)
        ]

    def local_now(self) -> datetime:
        now: datetime = self.bridge_env.clock().astimezone(self.zone)
        return now

    async def until_hour(self, hour: int, minute: int = 0) -> None:
        """Moves the clock to the next such hour and waits until everything due is done."""
        target = self.local_now().replace(hour=hour, minute=minute, second=0, microsecond=0)
        if target <= self.local_now():
            target += timedelta(days=1)
        await self.jump(target - self.local_now())

    async def jump(self, by: timedelta) -> None:
        await self.wait_until_idle()
        self.bridge_env.clock.ahead += by
        await self.bridge_env.rows("SELECT pg_notify('job_files-dogs', '')")
        await self.wait_until_idle()

    async def wait_until_idle(self) -> None:
        """No step of the file exchange is due or running."""
        async with asyncio.timeout(30):
            while await self.bridge_env.rows(
                "SELECT 1 FROM job WHERE queue = 'files-dogs' AND status <> 'succeeded' AND (status = 'running' OR run_at <= $1)",
                self.bridge_env.clock(),
            ):
                await asyncio.sleep(0.05)

    async def night(self) -> None:
        """Orders are uploaded at eight, answers come at three; the bridge polls the folder four times."""
        await self.until_hour(20, 1)
        await self.until_hour(3)
        self.register.night(self.local_now())
        for _ in range(4):
            await self.jump(timedelta(minutes=6))


@pytest_asyncio.fixture
async def dogs_env(open_bridge_env: OpenBridgeEnv, tmp_path: Path) -> AsyncIterator[DogRegisterEnv]:
    register = open_simulator(read_folder(BRIDGES_FOLDER / "dogs"), tmp_path, faults={})
    (host, host_public), (client_key, client_key_public) = keys(), keys()
    async with serve_sftp(register, "127.0.0.1", 0, host_key=host, client_key=client_key_public) as port:
        connection = RegisterConnectionSettings(
            url=f"sftp://city@127.0.0.1:{port}",
            secrets={"dogs_key": SecretStr(client_key)},
            settings={"host_key": host_public},
        )
        async with open_bridge_env({"dogs": ""}, dogs=connection) as bridge_env:
            dogs_env = DogRegisterEnv(register, bridge_env)
            await dogs_env.until_hour(10)
            yield dogs_env


async def states(dogs_env: DogRegisterEnv) -> list[tuple[str, str | None]]:
    rows = await dogs_env.bridge_env.rows("SELECT state, outcome FROM request ORDER BY asked_at, request_id")
    return [(row["state"], row["outcome"]) for row in rows]


ANSWERED = ("answered", "confirmed")
WAITS = ("waiting", None)


async def test_orders_leave_in_the_evening_and_answers_come_back_with_the_tags(dogs_env: DogRegisterEnv) -> None:
    ids = await dogs_env.register_dogs(3)
    await dogs_env.wait_until_idle()
    assert not dogs_env.register.call_log.calls
    await dogs_env.night()
    assert await states(dogs_env) == [ANSWERED] * 3
    assert dogs_env.register.call_log.effects == {str(request_id): 1 for request_id in ids}
    answers = await dogs_env.bridge_env.published(RegisterAnswered)
    tags = {dogs_env.bridge_env.cipher.open(Sealed.model_validate(answer["answer"])) for answer in answers}
    assert tags == {b'{"number":"L-00001"}', b'{"number":"L-00002"}', b'{"number":"L-00003"}'}


async def test_the_row_of_a_dog_has_every_field_of_the_order(dogs_env: DogRegisterEnv) -> None:
    former = {"family_name": "Öztürk", "given_name": "Šemsa", "birth": "1971"}
    [request_id] = await dogs_env.register_dogs(1, birth="1950-02", name="Waldi", former_holder=former)
    await dogs_env.night()
    assert dogs_env.register.rows()["dogs"] == [
        {
            "tag": "L-00001",
            "request_id": str(request_id),
            "family_name": "Großmöller",
            "given_name": "Žaneta",
            "birth": "1950-02",
            "chip": "040098100000000",
            "breed": "Dackel",
            "born": "01.08.2026",
            "name": "Waldi",
            "former_family_name": "Öztürk",
            "former_given_name": "Šemsa",
            "withdrawn": False,
        }
    ]


async def test_a_second_dog_with_one_chip_is_refused_until_the_first_is_withdrawn(dogs_env: DogRegisterEnv) -> None:
    bridge_env = dogs_env.bridge_env
    await dogs_env.register_dogs(1)
    [second] = await dogs_env.register_dogs(1)
    await dogs_env.night()
    row = await bridge_env.row(second)
    assert (row["outcome"], row["code"]) == ("refused", "chip")
    chip = {"chip": "040098100000000"}
    withdrawals = [await bridge_env.ask("dogs", "withdraw_dog", chip) for _ in range(2)]
    unknown = await bridge_env.ask("dogs", "withdraw_dog", {"chip": "040098100999999"})
    [third] = await dogs_env.register_dogs(1)
    await dogs_env.night()
    assert [(await bridge_env.row(request_id))["outcome"] for request_id in (*withdrawals, unknown, third)] == [
        "confirmed",
        "confirmed",
        "not_found",
        "confirmed",
    ]
    dogs = dogs_env.register.rows()["dogs"]
    assert [(dog["tag"], dog["withdrawn"]) for dog in dogs] == [("L-00001", True), ("L-00002", False)]
    assert not dogs_env.register.call_log.duplicated()


async def test_an_incomplete_file_answers_no_request_and_the_complete_file_answers_each_once(
    dogs_env: DogRegisterEnv,
) -> None:
    await dogs_env.register_dogs(3)
    dogs_env.register.faults = FileFaults(truncated=True)
    await dogs_env.night()
    assert await states(dogs_env) == [WAITS] * 3
    dogs_env.register.faults = FileFaults()
    await dogs_env.night()
    assert await states(dogs_env) == [ANSWERED] * 3
    assert len(await dogs_env.bridge_env.published(RegisterAnswered)) == 3


async def test_requests_of_one_batch_have_one_file_exchange(dogs_env: DogRegisterEnv) -> None:
    bridge_env = dogs_env.bridge_env
    events = [bridge_env.request("dogs", "register_dog", DOG | {"chip": f"04009810000000{n}"}) for n in range(2)]
    await bridge_env.deliver_events(*events)
    assert len(await bridge_env.rows("SELECT 1 FROM job WHERE queue = 'files-dogs'")) == 1
    await dogs_env.night()
    assert await states(dogs_env) == [ANSWERED] * 2


async def test_the_same_content_under_two_names_counts_once(dogs_env: DogRegisterEnv) -> None:
    await dogs_env.register_dogs(2)
    dogs_env.register.faults = FileFaults(duplicated=True)
    await dogs_env.night()
    assert len(await dogs_env.bridge_env.published(RegisterAnswered)) == 2
    [row] = await dogs_env.bridge_env.rows("SELECT exchange FROM register WHERE register_name = 'dogs'")
    assert sorted(file["state"] for file in row["exchange"]["incoming"]) == ["duplicate", "read"]


async def test_a_missing_file_is_reported_as_overdue_in_the_morning(dogs_env: DogRegisterEnv) -> None:
    await dogs_env.register_dogs(1)
    dogs_env.register.faults = FileFaults(missing=True)
    await dogs_env.night()
    await dogs_env.until_hour(5, 1)
    async with dogs_env.bridge_env.database.unit_of_work() as uow:
        availability = await register_availability(uow, manifests=dogs_env.bridge_env.manifests)
    assert availability["dogs"].reason == f"answers-{dogs_env.local_now():%Y%m%d}.csv is overdue"
    dogs_env.register.faults = FileFaults()
    await dogs_env.night()
    assert await states(dogs_env) == [ANSWERED]


async def test_unreadable_rows_are_returned_by_their_line_number(dogs_env: DogRegisterEnv) -> None:
    await dogs_env.register_dogs(2)
    dogs_env.register.faults = FileFaults(garbled_rows=2)
    await dogs_env.night()
    assert await states(dogs_env) == [ANSWERED] * 2
    assert list(dogs_env.register.rejects().values()) == ["3;fields\n4;fields\n"]


async def test_a_name_outside_the_charset_is_refused_and_delays_no_other(dogs_env: DogRegisterEnv) -> None:
    [other] = await dogs_env.register_dogs(1)
    [vietnamese] = await dogs_env.register_dogs(1, family_name="Nguyễn", chip="040098100000999")
    await dogs_env.night()
    assert (await dogs_env.bridge_env.row(other))["outcome"] == "confirmed"
    row = await dogs_env.bridge_env.row(vietnamese)
    assert (row["outcome"], row["code"]) == ("refused", "sign_not_in_charset")


async def test_a_dog_that_does_not_fit_its_model_waits_for_an_operator(dogs_env: DogRegisterEnv) -> None:
    [other] = await dogs_env.register_dogs(1)
    [wrong] = await dogs_env.register_dogs(1, chip="17")
    await dogs_env.night()
    assert (await dogs_env.bridge_env.row(other))["outcome"] == "confirmed"
    row = await dogs_env.bridge_env.row(wrong)
    assert (row["state"], row["code"]) == ("needs_operator", "question_invalid")
    assert [dog["request_id"] for dog in dogs_env.register.rows()["dogs"]] == [str(other)]


async def test_an_order_that_met_no_bridge_leaves_with_the_next_file_once_there_is_one(
    dogs_env: DogRegisterEnv,
) -> None:
    bridge_env = dogs_env.bridge_env
    event = bridge_env.request("dogs", "register_dog", DOG)
    async with bridge_env.database.unit_of_work() as uow:
        await record_queries([(event, {})], uow, manifests={})
    await bridge_env.wait_for_state(event.request_id, "waiting")  # the running service has the bridge
    await dogs_env.night()
    assert (await bridge_env.row(event.request_id))["outcome"] == "confirmed"


async def test_a_rejected_login_suspends_the_register(dogs_env: DogRegisterEnv) -> None:
    dogs_env.register.faults = FileFaults(down=True)  # rejects every login
    await dogs_env.register_dogs(1)
    await dogs_env.until_hour(20, 1)
    [row] = await dogs_env.bridge_env.rows("SELECT state FROM register WHERE register_name = 'dogs'")
    assert row["state"]["suspended_reason"].startswith("authentication failed")
    assert not list((dogs_env.register.root / "orders").iterdir())


async def test_after_three_nights_of_outage_all_are_answered_in_order(dogs_env: DogRegisterEnv) -> None:
    dogs_env.register.faults = FileFaults(missing=True)
    for night in range(3):
        await dogs_env.register_dogs(2, first=2 * night)
        await dogs_env.night()
    dogs_env.register.faults = FileFaults()
    await dogs_env.night()
    assert await states(dogs_env) == [ANSWERED] * 6
    order = list(dogs_env.register.call_log.calls)
    rows = await dogs_env.bridge_env.rows("SELECT request_id FROM request ORDER BY asked_at, request_id")
    assert order == [str(row["request_id"]) for row in rows]
