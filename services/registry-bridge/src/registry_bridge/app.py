"""Builds the registry bridge: settings, bridges, handlers, jobs, api."""

from datetime import datetime
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from connector_kit.batch import FileBridge
from connector_kit.bridge import Bridge, BrokenBridge
from connector_kit.folder import BridgeFolder, Connection
from connector_kit.sftp import Door, open_session
from connector_kit.transport import Identity
from pydantic import SecretStr
from wanderamt.backbone.clock import Clock
from wanderamt.backbone.jobs import Lane
from wanderamt.security.assertions import Voucher
from wanderamt.security.keys import Sealer
from wanderamt.shell.service import Ground, Service

from registry_bridge import handlers
from registry_bridge.api import add_routes
from registry_bridge.bridges import bridge_folders
from registry_bridge.domain.lookup import Lookup
from registry_bridge.domain.request import Called, files_job_of, job_of
from registry_bridge.handlers.counter import end_lookup
from registry_bridge.handlers.files import claim_exchange, record_exchange
from registry_bridge.handlers.readings import drop_old_answers
from registry_bridge.handlers.requests import claim_question, may_go, record_outcome
from registry_bridge.jobs.calls import Desk, ask, exchange
from registry_bridge.jobs.counter import Counter
from registry_bridge.settings import BridgeSettings, Settings

NAME = "registry-bridge"
BEFORE_AND_AFTER_S = 5.0  # of a call: its moment, and writing down how it ended
FILE_STEP_S = 30.0  # besides the call: hashing and reading a large file


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    ground = Ground.lay(NAME, "registry_bridge", settings)
    sealer = Sealer(settings.sealing_key)

    def now() -> datetime:
        return ground.database.sources.clock()

    desk = Desk(sealer, Voucher(settings.assertion_key), now)
    called, filed = _connected(settings)
    manifests = {name: one.manifest for name, one in called.items()}
    manifests |= {name: one.manifest for name, one in filed.items()}

    async def record(lookup: Lookup, call_id: UUID, call: Called) -> None:
        async with ground.database.work() as work:
            await end_lookup(lookup, call_id, call, work, manifest=manifests[lookup.register], sealer=sealer)

    counter = Counter(manifests, called, sealer, record)
    add_routes(ground.http, ground.database, counter, sealer, an_hour=settings.lookups_an_hour)
    lanes = [calls_lane(one, desk) for one in called.values()] + [files_lane(one, desk) for one in filed.values()]
    return Service(
        ground,
        {
            "relay": ground.relay(),
            "counter": counter,
            "jobs": ground.jobs(lanes),
            "inbox": ground.inbox({event: partial(on, manifests=manifests) for event, on in handlers.ON.items()}),
            "old answers": Clock(
                ground.database, "old answers", partial(drop_old_answers, manifests=manifests), every_s=600
            ),
        },
    )


def _connected(settings: Settings) -> tuple[dict[str, Bridge], dict[str, FileBridge]]:
    """Those that have an address. Raises BrokenBridge for a name without a bridge, or a secret without a value."""
    folders = {one.manifest.id: one for one in bridge_folders(settings.bridge_folders)}
    if strange := sorted(settings.bridges.keys() - folders.keys()):
        raise BrokenBridge(f"WANDERAMT_BRIDGES names {strange[0]}; there are bridges to: {', '.join(sorted(folders))}")
    called, filed = {}, {}
    for name, connection in settings.bridges.items():
        if folders[name].batch:
            filed[name] = _file_bridge(folders[name], connection)
        else:
            called[name] = folders[name].bridge(_connection(connection))
    return called, filed


def _connection(told: BridgeSettings) -> Connection:
    identity = Identity(told.certificate, told.key, told.authorities) if told.certificate and told.key else None
    return Connection(told.url, told.secrets, told.settings, identity)


def _file_bridge(folder: BridgeFolder, told: BridgeSettings) -> FileBridge:
    manifest, connection = folder.manifest, _connection(told)
    adapter = folder.batch_adapter(connection)
    where = urlsplit(told.url)
    key = told.secrets[manifest.secrets[0]] if manifest.secrets else SecretStr("")
    door = Door(
        host=where.hostname or "",
        port=where.port or 22,
        user=where.username or "",
        key=key,
        known_host={**manifest.settings, **told.settings}.get("host_key", ""),
    )
    session = partial(open_session, door, manifest, timeout_s=manifest.longest_timeout_s)
    return FileBridge(manifest, adapter, session, folder.models)


def calls_lane(bridge: Bridge, desk: Desk) -> Lane:
    """A queue and slots of its own for each register: a slow one takes nothing from another."""
    manifest = bridge.manifest
    operations = manifest.operations.values()
    return Lane(
        job=job_of(manifest.id, int(max(one.deadline_s for one in operations))),
        claim=partial(claim_question, manifest=manifest),
        call=partial(ask, bridge=bridge, desk=desk),
        record=partial(record_outcome, manifest=manifest, sealer=desk.sealer),
        gate=partial(may_go, manifest=manifest),
        slots=manifest.limits.for_cases,
        timeout_s=manifest.longest_timeout_s + BEFORE_AND_AFTER_S,
    )


def files_lane(bridge: FileBridge, desk: Desk) -> Lane:
    manifest = bridge.manifest
    return Lane(
        job=files_job_of(manifest.id),
        claim=partial(claim_exchange, manifest=manifest),
        call=partial(exchange, bridge=bridge, desk=desk),
        record=partial(record_exchange, manifest=manifest, sealer=desk.sealer),
        slots=1,
        timeout_s=manifest.longest_timeout_s + FILE_STEP_S,
    )
