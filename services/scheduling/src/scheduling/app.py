"""Builds scheduling: settings, handlers, api."""

from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from wanderamt.backbone.clock import Clock
from wanderamt.security.keys import Sealer
from wanderamt.shell.service import Ground as Floor
from wanderamt.shell.service import Service

from scheduling.api.routes import Public, add_routes
from scheduling.handlers import ON
from scheduling.handlers.appointments import book_waiting, note_missed, release_holds
from scheduling.handlers.ground import Ground
from scheduling.offers.shelf import read_offers
from scheduling.settings import Settings

NAME = "scheduling"
DEMAND_LINGER_S = 0.1  # nobody waits for the figures of demand, and citizens share the machine with them


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    floor = Floor.lay(NAME, "scheduling", settings)
    ground = Ground(
        sealer=Sealer(settings.sealing_key),
        offers=read_offers(settings.services_file),
        zone=ZoneInfo(settings.time_zone),
        city=settings.city,
        hold=timedelta(minutes=settings.hold_min),
        most_open=settings.open_appointments,
        most_holds=settings.holds_at_once,
        grace=timedelta(minutes=settings.missed_after_min),
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
            "inbox": floor.inbox(ON, linger_s=DEMAND_LINGER_S),
            "holds": Clock(database, "holds", release_holds, every_s=2),
            "waiting list": Clock(database, "waiting list", partial(book_waiting, ground=ground), every_s=2),
            "missed": Clock(database, "missed", partial(note_missed, ground=ground), every_s=60),
        },
        projections=("visit",),
    )
