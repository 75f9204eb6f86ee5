"""The dog register: orders out in the evening, answers in by night, over a real SFTP server, through nights that go wrong."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncssh
import pytest_asyncio
from connector_kit.file_simulator import FileKnobs, FileRegister
from connector_kit.folder import read_folder
from pydantic import SecretStr
from registry_bridge.bridges import HERE
from registry_bridge.bridges.dogs.simulator import open_simulator
from registry_bridge.handlers.weather import show_weather
from registry_bridge.settings import BridgeSettings
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


class Nights:
    """The tax office, the bridge to it, and a clock that goes in hours."""

    def __init__(self, register: FileRegister, house: Any) -> None:
        self.register, self.house = register, house
        self.zone = house.manifests["dogs"].zone

    async def register_dogs(self, count: int, **other: Any) -> list[UUID]:
        return [
            await self.house.ask("dogs", "register_dog", DOG | {"chip": f"0400981{number:08}"} | other)
            for number in range(count)
        ]

    def here(self) -> datetime:
        now: datetime = self.house.now().astimezone(self.zone)
        return now

    async def until_hour(self, hour: int, minute: int = 0) -> None:
        """The clock jumps to the next such hour, and everything that is due then is done."""
        wanted = self.here().replace(hour=hour, minute=minute, second=0, microsecond=0)
        if wanted <= self.here():
            wanted += timedelta(days=1)
        await self.jump(wanted - self.here())

    async def jump(self, by: timedelta) -> None:
        await self.at_rest()
        self.house.ahead += by
        await self.house.rows("SELECT pg_notify('wanderamt_job', '')")
        await self.at_rest()

    async def at_rest(self) -> None:
        """No step of files is due or under way."""
        async with asyncio.timeout(30):
            while await self.house.rows(
                "SELECT 1 FROM job WHERE queue = 'files-dogs' AND (lease IS NOT NULL OR run_at <= $1)", self.house.now()
            ):
                await asyncio.sleep(0.05)

    async def night(self) -> None:
        """Orders go at eight, answers come at three; three looks, far enough apart."""
        await self.until_hour(20, 1)
        await self.until_hour(3)
        self.register.night(self.here())
        for _ in range(4):
            await self.jump(timedelta(minutes=6))


@pytest_asyncio.fixture
async def nights(open_house: Any, tmp_path: Path) -> AsyncIterator[Nights]:
    register = open_simulator(read_folder(HERE / "dogs"), tmp_path, knobs={})
    (host, host_public), (mine, mine_public) = keys(), keys()
    async with register.serve("127.0.0.1", 0, host_key=host, client_key=mine_public) as port:
        connection = BridgeSettings(
            url=f"sftp://city@127.0.0.1:{port}",
            secrets={"dogs_key": SecretStr(mine)},
            settings={"host_key": host_public},
        )
        async with open_house({"dogs": ""}, dogs=connection) as house:
            nights = Nights(register, house)
            await nights.until_hour(10)
            yield nights


async def states(nights: Nights) -> list[tuple[str, str | None]]:
    rows = await nights.house.rows("SELECT state, verdict FROM request ORDER BY asked_at, request_id")
    return [(row["state"], row["verdict"]) for row in rows]


ANSWERED = ("answered", "confirmed")
WAITS = ("waiting", None)


async def test_dogs_go_out_by_evening_and_come_back_with_their_tags(nights: Nights) -> None:
    ids = await nights.register_dogs(3)
    await nights.at_rest()
    assert not nights.register.seen.calls
    await nights.night()
    assert await states(nights) == [ANSWERED] * 3
    assert nights.register.seen.effects == {str(one): 1 for one in ids}
    told = await nights.house.told(RegisterAnswered)
    tags = {nights.house.sealer.open(Sealed.model_validate(one["answer"])) for one in told}
    assert tags == {b'{"number":"L-00001"}', b'{"number":"L-00002"}', b'{"number":"L-00003"}'}


async def test_half_a_file_answers_nobody_and_the_whole_one_everybody_once(nights: Nights) -> None:
    await nights.register_dogs(3)
    nights.register.knobs = FileKnobs(half=True)
    await nights.night()
    assert await states(nights) == [WAITS] * 3
    nights.register.knobs = FileKnobs()
    await nights.night()
    assert await states(nights) == [ANSWERED] * 3
    assert len(await nights.house.told(RegisterAnswered)) == 3


async def test_the_same_content_under_two_names_counts_once(nights: Nights) -> None:
    await nights.register_dogs(2)
    nights.register.knobs = FileKnobs(twice=True)
    await nights.night()
    assert len(await nights.house.told(RegisterAnswered)) == 2
    [row] = await nights.house.rows("SELECT exchange FROM register WHERE register_name = 'dogs'")
    assert sorted(one["known"] for one in row["exchange"]["incoming"]) == ["duplicate", "read"]


async def test_a_file_that_does_not_come_is_missed_by_the_morning(nights: Nights) -> None:
    await nights.register_dogs(1)
    nights.register.knobs = FileKnobs(missing=True)
    await nights.night()
    await nights.until_hour(5, 1)
    async with nights.house.database.work() as work:
        weather = await show_weather(work, manifests=nights.house.manifests)
    assert weather["dogs"].reason == f"answers-{nights.here():%Y%m%d}.csv should be here and is not"
    nights.register.knobs = FileKnobs()
    await nights.night()
    assert await states(nights) == [ANSWERED]


async def test_rows_nobody_can_read_go_back_by_their_number(nights: Nights) -> None:
    await nights.register_dogs(2)
    nights.register.knobs = FileKnobs(garbled_rows=2)
    await nights.night()
    assert await states(nights) == [ANSWERED] * 2
    assert list(nights.register.rejects().values()) == ["3;fields\n4;fields\n"]


async def test_a_name_that_the_old_charset_cannot_hold_is_refused_and_holds_up_no_other(nights: Nights) -> None:
    [other] = await nights.register_dogs(1)
    [vietnamese] = await nights.register_dogs(1, family_name="Nguyễn", chip="040098100000999")
    await nights.night()
    assert (await nights.house.row(other))["verdict"] == "confirmed"
    row = await nights.house.row(vietnamese)
    assert (row["verdict"], row["code"]) == ("refused", "sign_not_in_charset")


async def test_a_server_that_does_not_let_us_in_pauses_the_register(nights: Nights) -> None:
    nights.register.knobs = FileKnobs(down=True)  # lets nobody in
    await nights.register_dogs(1)
    await nights.until_hour(20, 1)
    [row] = await nights.house.rows("SELECT state FROM register WHERE register_name = 'dogs'")
    assert row["state"]["paused"].startswith("not let in")
    assert not list((nights.register.root / "orders").iterdir())


async def test_after_three_nights_of_outage_all_are_caught_up_in_order(nights: Nights) -> None:
    nights.register.knobs = FileKnobs(missing=True)
    for _ in range(3):
        await nights.register_dogs(2)
        await nights.night()
    nights.register.knobs = FileKnobs()
    await nights.night()
    assert await states(nights) == [ANSWERED] * 6
    order = list(nights.register.seen.calls)
    rows = await nights.house.rows("SELECT request_id FROM request ORDER BY asked_at, request_id")
    assert order == [str(row["request_id"]) for row in rows]
