"""What an operator records about an order that the register had carried out: the case needs its answer."""

import json
from uuid import UUID

import pytest
from connector_kit.testing.simulator import FaultConfig
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge.domain.refusals import ANSWER_INVALID, ANSWER_MISSING
from registry_bridge.handlers.requests import resolve_request
from registry_bridge_fixtures import BridgeEnv
from wanderamt.contracts import RegisterAnswered
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed

GRANT = {"plate": "L 123AB", "zone": "A", "valid_from": "2026-12-01", "months": 24}
QUIET = FaultConfig(latency_s=0.01)


async def resolve(bridge_env: BridgeEnv, request_id: UUID, answer: bytes | None) -> str | Refusal:
    async with bridge_env.database.unit_of_work() as uow:
        return await resolve_request(
            RequestId(request_id),
            uow,
            happened=True,
            manifests=bridge_env.manifests,
            cipher=bridge_env.cipher,
            operator="operator",
            consumer="registry-bridge",
            answer=answer,
            models={name: bridge.models for name, bridge in bridge_env.bridges.items()},
        )


async def granted_without_answer(simulator: ParkingSimulator, bridge_env: BridgeEnv) -> UUID:
    """A permit was granted, the answer was cut off, and the time for it has passed."""
    simulator.faults = QUIET.model_copy(update={"cut_share": 1.0})
    request_id = await bridge_env.ask("parking", "grant_permit", GRANT)
    while not (await bridge_env.row(request_id))["effect_possible"]:
        await bridge_env.rows("SELECT pg_sleep(0.02)")
    await bridge_env.rows("UPDATE job SET deadline = now() - interval '1 day', run_at = now() - interval '1 day'")
    await bridge_env.wait_for_state(request_id, "needs_operator")
    return request_id


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [(None, ANSWER_MISSING), (b"{}", ANSWER_INVALID), (b"no JSON", ANSWER_INVALID), (b'{"number": 7}', ANSWER_INVALID)],
)
async def test_without_the_number_that_the_register_gave_an_order_is_not_done(
    parking_env: tuple[ParkingSimulator, BridgeEnv], answer: bytes | None, refusal: Refusal
) -> None:
    simulator, bridge_env = parking_env
    request_id = await granted_without_answer(simulator, bridge_env)
    assert await resolve(bridge_env, request_id, answer) == refusal
    assert (await bridge_env.row(request_id))["state"] == "needs_operator"
    assert await bridge_env.published(RegisterAnswered) == []


async def test_the_case_gets_the_number_that_the_operator_looked_up(
    parking_env: tuple[ParkingSimulator, BridgeEnv],
) -> None:
    simulator, bridge_env = parking_env
    request_id = await granted_without_answer(simulator, bridge_env)
    [row] = simulator.rows()["permits"]
    permit = {name: row[name] for name in ("number", "plate", "zone", "valid_from", "valid_until")}
    assert isinstance(await resolve(bridge_env, request_id, json.dumps(permit).encode()), str)
    [answer] = await bridge_env.published(RegisterAnswered)
    assert answer["outcome"] == "confirmed"
    details = json.loads(bridge_env.cipher.open(Sealed.model_validate(answer["answer"])))
    assert {name: details[name] for name in permit} == permit
    assert simulator.call_log.effects == {str(request_id): 1}
