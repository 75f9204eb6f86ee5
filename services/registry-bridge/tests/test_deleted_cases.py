"""A case that intake deletes takes its copy and its requests along; who read what, and why, stays written down."""

from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge_fixtures import BridgeEnv
from uuid_utils.compat import uuid7
from wanderamt.contracts import CaseDeleted

ALLOWED = "parking find_permit StVO-45-4"
PLATE = {"plate": "L 123AB"}


async def test_a_deleted_case_leaves_nothing_but_the_log_of_accesses(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    case_id, other = uuid7(), uuid7()
    await bridge_env.deliver_case_events(bridge_env.opened(case_id, ALLOWED), bridge_env.opened(other, ALLOWED))
    for id_ in (case_id, other):
        await bridge_env.wait_for_state(await bridge_env.ask("parking", "find_permit", PLATE, case_id=id_))
    deleted = CaseDeleted(case_id=case_id, service="resident_parking", deleted_at=bridge_env.clock())
    await bridge_env.deliver_case_events(deleted)
    await bridge_env.deliver_case_events(deleted)
    for table in ("case_copy", "request"):
        rows = await bridge_env.rows(f"SELECT case_id FROM {table}")
        assert [row["case_id"] for row in rows] == [other], table
    assert await bridge_env.rows("SELECT 1 FROM register_access_log WHERE case_id = $1", case_id)


async def test_events_that_are_read_again_leave_no_copy_of_a_deleted_case(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    _, bridge_env = parking_env
    case_id = uuid7()
    deleted = CaseDeleted(case_id=case_id, service="resident_parking", deleted_at=bridge_env.clock())
    await bridge_env.deliver_case_events(bridge_env.opened(case_id, ALLOWED), deleted)
    assert await bridge_env.rows("SELECT 1 FROM case_copy") == []
