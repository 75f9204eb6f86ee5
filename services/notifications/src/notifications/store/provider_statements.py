"""Hand-written statements of providers and receipts: each batch of sent messages locks the providers' rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from connector_kit.resilience.register_state import REGISTER_STATE, RegisterState
from pydantic import TypeAdapter
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import RowLockedError, UnitOfWork

from notifications.domain.traffic_weights import TrafficWeight

TABLE = "provider"
WEIGHT = TypeAdapter(TrafficWeight)

KnownProviders: TypeAlias = dict[str, tuple[RegisterState, TrafficWeight]]


async def lock_providers(uow: UnitOfWork, weights: Mapping[str, float]) -> KnownProviders:
    """By name, read once per transaction. A provider that was never called starts healthy, with its configured weight.

    Raises RowLockedError, see UnitOfWork.skip_locked.
    """
    names = sorted(weights)
    if all((TABLE, name) in uow.locked for name in names):
        return {name: uow.locked[TABLE, name] for name in names}
    rows = await uow.fetch_with_outbox(
        f"SELECT name, state, weight FROM provider WHERE name = ANY($1::text[]) ORDER BY name FOR UPDATE{uow.if_locked}",  # noqa: S608, E501 -- two fixed texts
        names,
    )
    if len(rows) < len(names) and uow.skip_locked:
        raise RowLockedError
    if len(rows) < len(names):
        await uow.db.execute(
            """
            INSERT INTO provider SELECT name, $2, jsonb_build_object('configured', weight, 'current', weight), $4
            FROM unnest($1::text[], $3::float8[]) AS p(name, weight) ORDER BY name ON CONFLICT DO NOTHING
            """,
            names,
            REGISTER_STATE.dump_python(RegisterState(), mode="json"),
            [weights[name] for name in names],
            uow.now,
        )
        return await lock_providers(uow, weights)
    known = {row["name"]: _known(row["state"], row["weight"], weights[row["name"]]) for row in rows}
    _remember(uow, known)
    return known


def remember_locked(uow: UnitOfWork, rows: Iterable[Mapping[str, Any]], weights: Mapping[str, float]) -> None:
    """Providers that a statement has locked: `lock_providers` does not read them again. A row has the columns name,
    provider_state and weight."""
    _remember(uow, {row["name"]: _known(row["provider_state"], row["weight"], weights[row["name"]]) for row in rows})


def save_providers(uow: UnitOfWork, known: KnownProviders) -> None:
    """With the next statement that writes. Of several calls for the same providers the last one counts."""
    _remember(uow, known)
    names = sorted(known)
    values = (
        names,
        [REGISTER_STATE.dump_python(known[name][0], mode="json") for name in names],
        [WEIGHT.dump_python(known[name][1], mode="json") for name in names],
        uow.now,
    )
    uow.write_later((_UPDATE_PROVIDERS, values), row=(TABLE, *names))


def _remember(uow: UnitOfWork, known: KnownProviders) -> None:
    uow.locked |= {(TABLE, name): provider for name, provider in known.items()}


def _known(state: object, weight: object, configured: float) -> tuple[RegisterState, TrafficWeight]:
    return REGISTER_STATE.validate_python(state), WEIGHT.validate_python(weight).configured_as(configured)


async def store_raw_receipts(database: Database, provider: str, encrypted: Sequence[tuple[UUID, bytes]]) -> None:
    """As received, in a transaction of their own. They are parsed after the commit."""
    await database.execute(
        """
        INSERT INTO receipt (receipt_id, provider, raw, received_at, state, applied, next_attempt_at)
        SELECT receipt_id, $1, raw, $4, 'stored', 0, $4 FROM unnest($2::uuid[], $3::bytea[]) AS r(receipt_id, raw)
        """,
        provider,
        [receipt_id for receipt_id, _ in encrypted],
        [raw for _, raw in encrypted],
        database.environment.clock(),
    )


async def lock_due_receipts(uow: UnitOfWork, *, limit: int) -> list[Any]:
    return list(
        await uow.db.fetch(
            """
            SELECT receipt_id, provider, raw, received_at FROM receipt WHERE next_attempt_at <= $1
            ORDER BY received_at, receipt_id LIMIT $2 FOR UPDATE SKIP LOCKED
            """,
            uow.now,
            limit,
        )
    )


def save_receipt_states(uow: UnitOfWork, processed: Sequence[tuple[UUID, str, int, datetime | None]]) -> None:
    """For each receipt: its id, state, number of notices it matched, and time of the next attempt. Written with the
    notices, as the last step of a transaction."""
    uow.write_later((_UPDATE_RECEIPTS, [list(column) for column in zip(*processed, strict=True)]))


_UPDATE_PROVIDERS = """
    UPDATE provider SET state = p.state, weight = p.weight, changed_at = $4
    FROM unnest($1::text[], $2::jsonb[], $3::jsonb[]) AS p(name, state, weight) WHERE provider.name = p.name
"""
_UPDATE_RECEIPTS = """
    UPDATE receipt SET state = r.state, applied = receipt.applied + r.applied, next_attempt_at = r.next_attempt_at
    FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[]) AS r(receipt_id, state, applied, next_attempt_at)
    WHERE receipt.receipt_id = r.receipt_id
"""
