"""Builds scheduling: settings, handlers, api."""

from datetime import timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from wanderamt.backbone.clock import Clock
from wanderamt.backbone.database import Database
from wanderamt.backbone.jobs import Lane
from wanderamt.security.keys import Sealer
from wanderamt.shell.service import Ground as Floor
from wanderamt.shell.service import Service

from scheduling.api.routes import Public, add_routes
from scheduling.domain.planmaking import MakePlan
from scheduling.handlers import ON
from scheduling.handlers.appointments import book_waiting, forget, note_missed, release_holds
from scheduling.handlers.ground import Ground
from scheduling.handlers.planning import claim_plan, record_plan
from scheduling.jobs.plans import GRACE_S, make_plan
from scheduling.offers.city import read_districts
from scheduling.offers.shelf import read_offers
from scheduling.settings import Settings
from scheduling.store.plans import note_progress

NAME = "scheduling"
LONGEST_PLAN_S = 3_600.0 + 2 * GRACE_S
DEMAND_LINGER_S = 0.1  # nobody waits for the figures of demand, and citizens share the machine with them


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    floor = Floor.lay(NAME, "scheduling", settings)
    ground = Ground(
        sealer=Sealer(settings.sealing_key),
        offers=read_offers(settings.services_file),
        districts=tuple(read_districts(settings.districts_file)),
        zone=ZoneInfo(settings.time_zone),
        city=settings.city,
        hold=timedelta(minutes=settings.hold_min),
        most_open=settings.open_appointments,
        most_holds=settings.holds_at_once,
        grace=timedelta(minutes=settings.missed_after_min),
        kept=timedelta(days=settings.contact_days),
    )
    public = Public(
        settings.client_header, settings.public_url.rstrip("/"), settings.tiles_url, settings.consent_wording
    )
    add_routes(floor.http, floor.database, ground, public)
    database = floor.database
    return Service(
        floor,
        {
            "relay": floor.relay(),
            "jobs": floor.jobs([_planning(database)]),
            "inbox": floor.inbox(ON, linger_s=DEMAND_LINGER_S),
            "holds": Clock(database, "holds", release_holds, every_s=2),
            "waiting list": Clock(database, "waiting list", partial(book_waiting, ground=ground), every_s=2),
            "retention": Clock(database, "retention", partial(forget, ground=ground), every_s=600),
            "missed": Clock(database, "missed", partial(note_missed, ground=ground), every_s=60),
        },
        projections=("visit",),
    )


def _planning(database: Database) -> Lane:
    """One plan at a time: it takes all cores. Its own time-out is in the call."""

    async def note(plan_id: UUID, share: float, worth: float, bound: float) -> bool:
        async with database.work() as work:
            return await note_progress(work, plan_id, share=share, worth=worth, bound=bound)

    call = partial(make_plan, note=note)
    return Lane(job=MakePlan, claim=claim_plan, call=call, record=record_plan, slots=1, timeout_s=LONGEST_PLAN_S)
