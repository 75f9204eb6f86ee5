"""What cases stand on: devices that may send, stands they were taken at."""

from wanderamt.backbone.work import Work
from wanderamt.contracts import StandCancelled, StandMoved, StandScheduled
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import NO_DEVICE
from intake.store import devices, stands


async def on_stand_scheduled(event: StandScheduled, work: Work) -> None:
    await stands.save_stand(work, event)


async def on_stand_moved(event: StandMoved, work: Work) -> None:
    await stands.move_stand(work, event)


async def on_stand_cancelled(event: StandCancelled, work: Work) -> None:
    await stands.cancel_stand(work, StandId(event.stand_id))


async def enrol_device(device_id: DeviceId, work: Work, *, label: str, officer: str) -> None:
    await devices.enrol_device(work, device_id, label=label, officer=officer)


async def revoke_device(device_id: DeviceId, work: Work) -> Refusal | None:
    return None if await devices.revoke_device(work, device_id) else NO_DEVICE
