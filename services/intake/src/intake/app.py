"""Builds intake: settings, catalogue, printing room, handlers, jobs, api."""

from functools import partial

from wanderamt.backbone.jobs import Lane
from wanderamt.security.keys import Sealer
from wanderamt.shell.service import Ground, Service

from intake import handlers, jobs
from intake.api import add_routes
from intake.domain.documents import IssueDocument
from intake.offers.shelf import open_book
from intake.paper.render import Press
from intake.settings import Settings

NAME = "intake"


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    ground = Ground.lay(NAME, "intake", settings)
    sealer = Sealer(settings.sealing_key)
    book = open_book(settings.catalogue_folder)
    add_routes(ground.http, ground.database, sealer, book)
    paper = Lane(
        job=IssueDocument,
        claim=partial(handlers.claim_sheet, book=book),
        call=partial(jobs.make_sheet, press=Press(), sealer=sealer),
        record=handlers.record_sheet,
        slots=4,
        timeout_s=30,
    )
    return Service(
        ground,
        {"relay": ground.relay(), "jobs": ground.jobs([paper]), "inbox": ground.inbox(handlers.ON)},
        projections=("stand",),
    )
