"""Builds the registry bridge from its settings: bridges, handlers, jobs, routes."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from connector_kit.bridge import Bridge, InvalidBridgeError
from connector_kit.files.file_bridge import FileBridge
from connector_kit.folder import BridgeFolder, RegisterConnection
from connector_kit.transports.http import TlsIdentity
from connector_kit.transports.sftp import SftpTarget, open_session
from pydantic import SecretStr
from service_catalogue.authority import profile_of_catalogue
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.scheduler import PeriodicTask
from wanderamt.security.assertions import AssertionSigner
from wanderamt.security.keys import FieldCipher
from wanderamt.shell.service import Service, ServiceContext

from registry_bridge.api import lookups, registers
from registry_bridge.bridges import bridge_folders
from registry_bridge.domain.lookup import Lookup, LookupLimits
from registry_bridge.domain.request import CallResult, CheckConfiguration, call_job_type, exchange_job_type
from registry_bridge.events import consumer
from registry_bridge.handlers.answer_cache import drop_expired_answers
from registry_bridge.handlers.case_copies import drop_ended_cases
from registry_bridge.handlers.configuration_checks import RepeatedChecks, complete_check, prepare_check
from registry_bridge.handlers.context import RegistryContext
from registry_bridge.handlers.file_exchange import complete_exchange, prepare_exchange
from registry_bridge.handlers.lookups import record_lookup
from registry_bridge.handlers.requests import admit_calls, complete_call, prepare_call
from registry_bridge.jobs.calls import CallDependencies, call_register, check_configuration, exchange_files
from registry_bridge.jobs.interactive_lookups import InteractiveLookups
from registry_bridge.settings import RegisterConnectionSettings, RegistryBridgeSettings

NAME = "registry-bridge"
CALL_OVERHEAD_S = 5.0  # besides the call: waiting for its slot and recording the result
FILE_STEP_S = 30.0  # besides the transfer: hashing and parsing a large file


def build(settings: RegistryBridgeSettings | None = None) -> Service:
    settings = settings or RegistryBridgeSettings()
    authority = profile_of_catalogue(settings.catalogue_folder, configured=settings.authority).code
    service_context = ServiceContext.create(
        NAME, settings, package="registry_bridge", session_keys=[settings.session_public_key], authority=authority
    )
    database = service_context.database
    signer = AssertionSigner(settings.assertion_key)
    cipher = FieldCipher(settings.encryption_key, authority=authority, assertion_signer=signer)

    def now() -> datetime:
        return database.environment.clock()

    dependencies = CallDependencies(cipher, signer, now)
    bridges, file_bridges = _connect_registers(settings)
    manifests = {name: bridge.manifest for name, bridge in bridges.items()}
    manifests |= {name: bridge.manifest for name, bridge in file_bridges.items()}

    async def record(lookup: Lookup, call_id: UUID, result: CallResult) -> None:
        async with database.unit_of_work() as uow:
            await record_lookup(lookup, call_id, result, uow, manifest=manifests[lookup.register], cipher=cipher)

    interactive = InteractiveLookups(manifests, bridges, cipher, dependencies.signer, record)
    limits = LookupLimits(of_officer=settings.lookups_per_hour, of_case=settings.lookups_per_case)
    context = RegistryContext(database, manifests, bridges, cipher, signer, interactive, limits)
    service_context.http.state.context = context
    for routes in (lookups, registers):
        service_context.http.include_router(routes.router)
    job_handlers = [call_handler(bridge, dependencies) for bridge in bridges.values()]
    job_handlers += [exchange_handler(bridge, dependencies) for bridge in file_bridges.values()]
    job_handlers.append(check_handler({**bridges, **file_bridges}, dependencies))
    drop_expired = partial(drop_expired_answers, manifests=manifests)
    return Service(
        service_context,
        {
            "relay": service_context.relay(),
            "lookups": interactive,
            "jobs": service_context.jobs(job_handlers),
            "inbox": service_context.inbox(consumer.bind(context)),
            "answer_cache": PeriodicTask(database, "answer_cache", drop_expired, interval_s=600),
            "configuration_checks": PeriodicTask(database, "configuration_checks", RepeatedChecks(), interval_s=30),
            "case_copies": PeriodicTask(database, "case_copies", drop_ended_cases, interval_s=600),
        },
        projections=("case_copy",),
    )


def _connect_registers(settings: RegistryBridgeSettings) -> tuple[dict[str, Bridge], dict[str, FileBridge]]:
    """The bridges that are called and those that exchange files, by register name.

    Raises InvalidBridgeError for a name without a bridge and for a secret without a value.
    """
    folders = {folder.manifest.id: folder for folder in bridge_folders(settings.bridge_folders)}
    if unknown := sorted(settings.bridges.keys() - folders.keys()):
        raise InvalidBridgeError(
            f"WANDERAMT_BRIDGES names {unknown[0]}; there are bridges to: {', '.join(sorted(folders))}"
        )
    bridges, file_bridges = {}, {}
    for name, connection in settings.bridges.items():
        if folders[name].uses_files:
            file_bridges[name] = _file_bridge(folders[name], connection)
        else:
            bridges[name] = folders[name].bridge(_connection(connection))
    return bridges, file_bridges


def _connection(settings: RegisterConnectionSettings) -> RegisterConnection:
    identity = (
        TlsIdentity(settings.certificate, settings.key, settings.authorities)
        if settings.certificate and settings.key
        else None
    )
    return RegisterConnection(settings.url, settings.secrets, settings.settings, identity)


def _file_bridge(folder: BridgeFolder, settings: RegisterConnectionSettings) -> FileBridge:
    manifest, connection = folder.manifest, _connection(settings)
    adapter = folder.batch_adapter(connection)
    url = urlsplit(settings.url)
    key = settings.secrets[manifest.secrets[0]] if manifest.secrets else SecretStr("")
    target = SftpTarget(
        host=url.hostname or "",
        port=url.port or 22,
        user=url.username or "",
        key=key,
        known_host={**manifest.settings, **settings.settings}.get("host_key", ""),
    )
    session = partial(open_session, target, manifest, timeout_s=manifest.longest_timeout_s)
    return FileBridge(manifest, adapter, session, folder.models)


def call_handler(bridge: Bridge, dependencies: CallDependencies) -> JobHandler:
    """Each register has its own queue and slots (bulkhead): a slow register takes no capacity from another."""
    manifest = bridge.manifest
    operations = manifest.operations.values()
    return JobHandler(
        job=call_job_type(manifest.id, int(max(operation.deadline_s for operation in operations))),
        prepare=prepare_each(partial(prepare_call, manifest=manifest)),
        execute=partial(call_register, bridge=bridge, dependencies=dependencies),
        complete=complete_each(partial(complete_call, manifest=manifest, cipher=dependencies.cipher)),
        admission=partial(admit_calls, manifest=manifest),
        concurrency=manifest.limits.background_slots,
        timeout_s=manifest.longest_timeout_s + CALL_OVERHEAD_S,
        prepare_flushes=True,
    )


def check_handler(bridges: Mapping[str, Bridge | FileBridge], dependencies: CallDependencies) -> JobHandler:
    manifests = {name: bridge.manifest for name, bridge in bridges.items()}
    return JobHandler(
        job=CheckConfiguration,
        prepare=prepare_each(prepare_check),
        execute=partial(check_configuration, bridges=bridges, dependencies=dependencies),
        complete=complete_each(partial(complete_check, manifests=manifests, cipher=dependencies.cipher)),
        concurrency=2,
    )


def exchange_handler(bridge: FileBridge, dependencies: CallDependencies) -> JobHandler:
    manifest = bridge.manifest
    return JobHandler(
        job=exchange_job_type(manifest.id),
        prepare=prepare_each(partial(prepare_exchange, manifest=manifest, cipher=dependencies.cipher)),
        execute=partial(exchange_files, bridge=bridge, dependencies=dependencies),
        complete=complete_each(partial(complete_exchange, manifest=manifest, cipher=dependencies.cipher)),
        concurrency=1,
        timeout_s=manifest.longest_timeout_s + FILE_STEP_S,
    )
