"""Requests that no bridge can carry out: our fault, so an operator sees them, and nobody tells the citizen a refusal.
`configuration_checks` queues them again."""

from datetime import timedelta

from connector_kit.manifest.manifest import Manifest
from opentelemetry import metrics
from structlog import get_logger
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from registry_bridge.domain.request import RegisterRequest, leave_misconfigured
from registry_bridge.store import request_statements

log = get_logger()
_misconfigured = metrics.get_meter("registry_bridge").create_counter(
    "registry_bridge.misconfigured", description="Requests that no bridge can carry out, by code."
)


def report_misconfigured(request: RegisterRequest) -> None:
    """Ids alone: a misspelled word of an offer may be anything."""
    log.error("request.misconfigured", request_id=str(request.id), case_id=str(request.case_id), code=request.code)
    _misconfigured.add(1, {"code": request.code})


def leave_to_check(request: RegisterRequest, code: str, uow: UnitOfWork, *, manifest: Manifest) -> None:
    """For a request that was accepted, and whose question its bridge does not take."""
    deadline = request.asked_at + timedelta(seconds=manifest.operations[request.operation].deadline_s)
    decision = leave_misconfigured(request, code, deadline=deadline)
    uow.write_later(request_statements.request_update(decision.state))
    uow.enqueue(*decision.jobs)
    report_misconfigured(decision.state)
