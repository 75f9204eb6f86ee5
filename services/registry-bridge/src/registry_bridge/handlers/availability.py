"""Availability of registers: published when it changes, shown on request, resumed by an operator."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import NAMESPACE_OID, UUID, uuid5

from connector_kit.files.file_exchange import overdue_files
from connector_kit.manifest.limits import RegisterLimits
from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.availability import Availability, Backlog, availability_of, status_now
from connector_kit.resilience.rate_limit import next_slots
from connector_kit.resilience.register_state import RegisterState, acquire, free_slots, mark_started
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import RegisterAvailabilityChanged
from wanderamt.kernel.decision import Paused

from registry_bridge.store import registers, request_statements, requests

Manifests = Mapping[str, Manifest]


def register_id(name: str) -> UUID:
    """The aggregate id of a register, derived from its name."""
    return uuid5(NAMESPACE_OID, f"wanderamt register {name}")


async def save_and_publish(uow: UnitOfWork, manifest: Manifest, state: RegisterState) -> None:
    """Saves the state and publishes a changed availability. The caller has locked the register."""
    current = status_now(manifest, state, now=uow.now)
    if current.status != state.published_status:
        state = replace(state, published_status=current.status.value, status_version=state.status_version + 1)
        availability = availability_of(manifest, state, await requests.count_waiting_for(uow, manifest.id), now=uow.now)
        uow.emit(
            RegisterAvailabilityChanged(
                register_id=register_id(manifest.id),
                register_name=manifest.id,
                status=availability.status,
                waiting=availability.waiting,
                oldest=availability.oldest_at,
                wait_s=availability.wait_s,
                reason=availability.reason,
                since=uow.now,
            ),
            version=state.status_version,
        )
    request_statements.save_state(uow, manifest.id, state)


async def acquire_call_slot(
    uow: UnitOfWork, manifest: Manifest, call_id: str, *, interactive: bool = False
) -> float | Paused:
    """Reserves a call slot within the limits of the register and of its portal; returns the seconds until it begins.

    Returns a Paused and reserves nothing if calls are blocked.
    """
    state, _ = await request_statements.lock_register(uow, manifest.id)  # always locked before its portal
    if free_slots(state, manifest, interactive=interactive, now=uow.now) <= 0:
        return Paused("the limit of concurrent calls is reached")
    reserved, slots = acquire(state, 1, manifest, now=uow.now)
    if isinstance(slots, Paused):
        await save_and_publish(uow, manifest, reserved)
        return slots
    portal_s = 0.0
    if portal := manifest.portal:
        name = f"portal {portal.id}"
        portal_state, _ = await request_statements.lock_register(uow, name)
        limits = RegisterLimits(rate_per_s=portal.rate_per_s, max_concurrent_calls=manifest.limits.max_concurrent_calls)
        rate_limit, portal_slots = next_slots(portal_state.rate_limit, 1, limits, (), zone=manifest.zone, now=uow.now)
        if isinstance(portal_slots, Paused):
            return portal_slots
        portal_s = (portal_slots[0] - uow.now).total_seconds()
        request_statements.save_state(uow, name, replace(portal_state, rate_limit=rate_limit))
    await save_and_publish(
        uow, manifest, mark_started(reserved, manifest, call_id, interactive=interactive, now=uow.now)
    )
    return max(portal_s, (slots[0] - uow.now).total_seconds(), 0.0)


async def register_availability(uow: UnitOfWork, *, manifests: Manifests) -> dict[str, Availability]:
    backlogs = await requests.count_waiting(uow)
    availabilities = {}
    for name, manifest in manifests.items():
        state, exchange = await registers.find_register(uow, name)
        current = availability_of(manifest, state, backlogs.get(name, Backlog()), now=uow.now)
        overdue = overdue_files(exchange, manifest, now=uow.now) if manifest.files and current.waiting else []
        availabilities[name] = replace(current, reason=f"{overdue[0]} is overdue") if overdue else current
    return availabilities


async def resume_register(name: str, uow: UnitOfWork, *, manifests: Manifests) -> str:
    """Resumes calls to a suspended register. Returns the result as a sentence."""
    manifest = manifests.get(name)
    if not manifest:
        return f"no register {name} is connected; connected registers: {', '.join(sorted(manifests)) or 'none'}"
    state, _ = await request_statements.lock_register(uow, name)
    if not state.suspended_reason:
        return f"{name} was not suspended"
    await save_and_publish(uow, manifest, replace(state, suspended_reason=""))
    return f"{name} is called again; it was suspended because of: {state.suspended_reason}"
