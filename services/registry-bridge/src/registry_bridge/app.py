"""Builds the registry bridge: settings, bridges, handlers, jobs, api."""

from functools import partial

from wanderamt.backbone.jobs import Lane
from wanderamt.security.keys import Sealer
from wanderamt.shell.service import Ground, Service

from registry_bridge import handlers, jobs
from registry_bridge.api import add_routes
from registry_bridge.bridges.residents import ResidentsRegister
from registry_bridge.domain.request import AskRegister
from registry_bridge.settings import Settings

NAME = "registry-bridge"


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    ground = Ground.lay(NAME, "registry_bridge", settings)
    sealer = Sealer(settings.sealing_key)
    residents = ResidentsRegister(
        settings.residents_url,
        participant=settings.residents_participant,
        secret=settings.residents_secret.get_secret_value(),
        timeout_s=settings.residents_timeout_s,
        slots=settings.residents_slots,
    )
    add_routes(ground.http, ground.database)
    calls = Lane(
        job=AskRegister,
        claim=handlers.claim_question,
        call=partial(jobs.ask, registers={"residents": residents}, sealer=sealer),
        record=partial(handlers.record_answer, sealer=sealer),
        slots=settings.residents_slots,
        timeout_s=settings.residents_timeout_s + 5,
    )
    return Service(ground, {"relay": ground.relay(), "jobs": ground.jobs([calls]), "inbox": ground.inbox(handlers.ON)})
