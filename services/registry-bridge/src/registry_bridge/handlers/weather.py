"""Registers as we know them: what is told of them, and how an operator lets them go on."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import NAMESPACE_OID, UUID, uuid5

from connector_kit.exchange import late
from connector_kit.manifest import Limits, Manifest
from connector_kit.pacing import moments
from connector_kit.register import RegisterState, begun, reserve, room
from connector_kit.weather import Waiting, Weather, outlook, weather
from wanderamt.backbone.work import Work
from wanderamt.contracts import RegisterWeatherChanged
from wanderamt.kernel.decision import Pause

from registry_bridge.store import registers, requests

Manifests = Mapping[str, Manifest]


def register_id(name: str) -> UUID:
    """Registers have names; an event's aggregate has an id."""
    return uuid5(NAMESPACE_OID, f"wanderamt register {name}")


async def remember(work: Work, manifest: Manifest, state: RegisterState) -> None:
    """Keeps what was learned, and tells when the register is another than it was. The caller has locked it."""
    seen = outlook(manifest, state, now=work.now)
    if seen.sky != state.told:
        state = replace(state, told=seen.sky.value, version=state.version + 1)
        found = weather(manifest, state, await requests.waiting_for(work, manifest.id), now=work.now)
        work.emit(
            RegisterWeatherChanged(
                register_id=register_id(manifest.id),
                register_name=manifest.id,
                sky=found.sky,
                waiting=found.waiting,
                oldest=found.oldest,
                wait_s=found.wait_s,
                reason=found.reason,
                since=work.now,
            ),
            version=state.version,
        )
    await registers.save_state(work, manifest.id, state)


async def take_moment(work: Work, manifest: Manifest, call_id: str, *, counter: bool = False) -> float | Pause:
    """Seconds until a call to this register may go, which is then taken: of its pace, and of its portal's."""
    state, _ = await registers.lock_register(work, manifest.id)  # before its portal, as everybody does
    if room(state, manifest, counter=counter, now=work.now) <= 0:
        return Pause("as many calls as it bears are under way")
    reserved, given = reserve(state, 1, manifest, now=work.now)
    if isinstance(given, Pause):
        await remember(work, manifest, reserved)
        return given
    portal_s = 0.0
    if portal := manifest.portal:
        name = f"portal {portal.id}"
        seen, _ = await registers.lock_register(work, name)
        bears = Limits(rate_per_s=portal.rate_per_s, concurrency=manifest.limits.concurrency)
        pace, moment = moments(seen.pace, 1, bears, (), zone=manifest.zone, now=work.now)
        if isinstance(moment, Pause):
            return moment
        portal_s = (moment[0] - work.now).total_seconds()
        await registers.save_state(work, name, replace(seen, pace=pace))
    await remember(work, manifest, begun(reserved, manifest, call_id, counter=counter, now=work.now))
    return max(portal_s, (given[0] - work.now).total_seconds(), 0.0)


async def show_weather(work: Work, *, manifests: Manifests) -> dict[str, Weather]:
    waiting = await requests.waiting(work)
    found = {}
    for name, manifest in manifests.items():
        state, exchange = await registers.find_register(work, name)
        now = weather(manifest, state, waiting.get(name, Waiting()), now=work.now)
        overdue = late(exchange, manifest, now=work.now) if manifest.files and now.waiting else []
        found[name] = replace(now, reason=f"{overdue[0]} should be here and is not") if overdue else now
    return found


async def resume_register(name: str, work: Work, *, manifests: Manifests) -> str:
    """What became of it, as a sentence."""
    manifest = manifests.get(name)
    if not manifest:
        return f"no register {name} is connected; there are: {', '.join(sorted(manifests)) or 'none'}"
    state, _ = await registers.lock_register(work, name)
    if not state.paused:
        return f"{name} was not paused"
    await remember(work, manifest, replace(state, paused=""))
    return f"{name} is asked again; it was paused: {state.paused}"
