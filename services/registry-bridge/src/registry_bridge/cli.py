"""Commands for the operators of the registry bridge."""

import getpass
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import typer
from connector_kit.manifest import Manifest
from connector_kit.weather import Weather
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.running import with_service
from wanderamt.shell.service import Service

from registry_bridge.handlers.requests import find_raw, settle_request, take_reading
from registry_bridge.handlers.weather import resume_register, show_weather
from registry_bridge.jobs.counter import Counter

NAME = "registry-bridge"

commands = typer.Typer(help="Registers: how they are, and what only a human can settle.", no_args_is_help=True)


@commands.callback()
def bridge() -> None:
    """Registers: how they are, and what only a human can settle."""


def _counter(service: Service) -> Counter:
    counter = service.parts["counter"]
    assert isinstance(counter, Counter)  # noqa: S101 -- as app.build makes it
    return counter


def _manifests(service: Service) -> Mapping[str, Manifest]:
    """Of the registers that are connected."""
    return _counter(service).manifests


@commands.command("weather")
def show() -> None:
    """Per register: how it is, what waits for it, and how long an answer would take."""

    async def use(service: Service) -> dict[str, Weather]:
        async with service.ground.database.work() as work:
            return await show_weather(work, manifests=_manifests(service))

    for name, one in with_service(NAME, use).items():
        since = f", the oldest since {one.oldest:%Y-%m-%d %H:%M:%S %Z}" if one.oldest else ""
        why = f" ({one.reason})" if one.reason else ""
        typer.echo(f"{name}: {one.sky}{why}; {one.waiting} waiting{since}; an answer in {one.wait_s:g} s")


@commands.command("resume")
def resume(register: Annotated[str, typer.Argument(help="Name of the register, such as residents.")]) -> None:
    """Let calls go again after somebody mended why we were not let in."""

    async def use(service: Service) -> str:
        async with service.ground.database.work() as work:
            return await resume_register(register, work, manifests=_manifests(service))

    typer.echo(with_service(NAME, use))


@commands.command("reread")
def reread(
    request: Annotated[UUID, typer.Argument(help="Id of the request, from 'wanderamt parked show'.")],
    who: Annotated[str, typer.Option(help="Who does this; it is written down.", default_factory=getpass.getuser)],
) -> None:
    """After an adapter was mended: read the answer again that nobody could read, which was kept sealed."""

    async def use(service: Service) -> str | Refusal:
        counter = _counter(service)
        async with service.ground.database.work() as work:
            found = await find_raw(RequestId(request), work, sealer=counter.sealer)
        if isinstance(found, Refusal):
            return found
        asked, raw = found
        verdict = counter.bridges[asked.register].read_again(asked.operation, raw)
        async with service.ground.database.work() as work:
            return await take_reading(
                RequestId(request),
                verdict,
                work,
                manifests=counter.manifests,
                sealer=counter.sealer,
                who=who,
                consumer=service.ground.name,
            )

    _say(with_service(NAME, use))


@commands.command("settle")
def settle(
    request: Annotated[UUID, typer.Argument(help="Id of the request, from 'wanderamt parked show'.")],
    done: Annotated[
        bool, typer.Option("--done/--not-done", help="What the register's owner says: it has the order, or has not.")
    ],
    who: Annotated[str, typer.Option(help="Who asked there; it is written down.", default_factory=getpass.getuser)],
) -> None:
    """End an order of which nobody knew whether it happened, after somebody has asked at the register."""

    async def use(service: Service) -> str | Refusal:
        async with service.ground.database.work() as work:
            return await settle_request(
                RequestId(request),
                work,
                happened=done,
                manifests=_manifests(service),
                who=who,
                consumer=service.ground.name,
            )

    _say(with_service(NAME, use))


def _say(told: str | Refusal) -> None:
    if isinstance(told, Refusal):
        typer.echo(told.hint, err=True)
        raise typer.Exit(1)
    typer.echo(told)
