"""Builds intake: settings, catalogue, printing room, handlers, jobs, api."""

from functools import partial

from wanderamt.backbone.clock import Clock
from wanderamt.backbone.jobs import Lane
from wanderamt.contracts import RegisterAnswered
from wanderamt.security.assertions import Voucher
from wanderamt.security.keys import Sealer
from wanderamt.security.tokens import TokenSigner
from wanderamt.shell.service import Ground, Service

from intake import jobs
from intake.api.attachments import attachment_routes
from intake.api.bundle import bundle_routes
from intake.api.cases import case_routes
from intake.api.changes import change_routes
from intake.api.conflicts import conflict_routes
from intake.api.enrolment import FieldSettings, enrolment_routes
from intake.api.field import field_routes
from intake.api.field_app import serve_app
from intake.api.held import held_routes
from intake.api.numbers import number_routes
from intake.api.report import report_routes
from intake.api.till import till_routes
from intake.api.verification import verification_routes
from intake.domain.documents import IssueDocument
from intake.handlers import ON
from intake.handlers.attachments import throw_away_abandoned
from intake.handlers.cases import on_register_answered, raise_late_cases
from intake.handlers.documents import claim_sheet, record_sheet
from intake.handlers.sync import release_ready
from intake.offers.shelf import open_book
from intake.paper.press import Press
from intake.paper.readers import Readers
from intake.proof.authority import Authority, trusted_in
from intake.settings import Settings

NAME = "intake"


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    signer = TokenSigner(settings.session_key.get_secret_value())
    ground = Ground.lay(NAME, "intake", settings, own_tokens=[signer.public_pem])
    sealer = Sealer(settings.sealing_key, voucher=Voucher(settings.assertion_key))
    book = open_book(settings.catalogue_folder)
    authority = Authority.read(settings.authority_code, settings.document_key, settings.document_certificate)
    press = Press(authority, workers=settings.printers)
    trusted = [authority.trust, *trusted_in(settings.former_certificates)]
    readers = Readers(trusted)
    for routes in (
        field_routes,
        change_routes,
        attachment_routes,
        case_routes,
        conflict_routes,
        held_routes,
        till_routes,
        report_routes,
    ):
        ground.http.include_router(routes(ground.database, sealer, book))
    ground.http.include_router(number_routes(ground.database, authority, trusted))
    ground.http.include_router(bundle_routes(ground.database, book, authority))
    about = FieldSettings(
        authority=authority.trust.name,
        issuer=settings.sign_in_url,
        client_id=settings.sign_in_client,
        lock_after_s=settings.lock_after_s,
    )
    ground.http.include_router(enrolment_routes(ground.database, sealer, signer, trusted, about))
    serve_app(ground.http, settings.field_app_folder, issuer=settings.sign_in_url)
    ground.http.include_router(verification_routes(ground.database, authority, trusted, readers.read))
    paper = Lane(
        job=IssueDocument,
        claim=partial(claim_sheet, sealer=sealer, book=book),
        call=partial(jobs.make_sheet, press=press, sealer=sealer),
        record=partial(record_sheet, sealer=sealer),
        slots=4,
        timeout_s=30,
    )
    on = ON | {RegisterAnswered: partial(on_register_answered, sealer=sealer, book=book)}
    return Service(
        ground,
        {
            "press": press,
            "readers": readers,
            "relay": ground.relay(),
            "jobs": ground.jobs([paper]),
            "inbox": ground.inbox(on),
            "late cases": Clock(
                ground.database, "late cases", partial(raise_late_cases, to=settings.late_cases_to, sealer=sealer)
            ),
            "held entries": Clock(ground.database, "held entries", partial(release_ready, sealer=sealer, book=book)),
            "abandoned scans": Clock(ground.database, "abandoned scans", throw_away_abandoned, every_s=600),
        },
        projections=("stand", "appointment"),
    )
