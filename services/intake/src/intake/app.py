"""Builds intake: settings, catalogue, worker processes, routes, event handlers, jobs, periodic tasks."""

from datetime import timedelta
from functools import partial

from service_catalogue.authority import profile_of_catalogue
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.scheduler import PeriodicTask
from wanderamt.security.assertions import AssertionSigner
from wanderamt.security.keys import FieldCipher
from wanderamt.security.tokens import TokenSigner
from wanderamt.shell.service import Service, ServiceContext

from intake import jobs
from intake.api import (
    attachments,
    bundle,
    cases,
    changes,
    conflicts,
    devices,
    enrolment,
    held_entries,
    numbers,
    office_work,
    report,
    retention,
    sessions,
    stands,
    sync,
    till,
    verification,
)
from intake.api.field_app import serve_field_app
from intake.catalogue_files.loader import load_authority, load_catalogue
from intake.documents_pdf.pdf_renderer import PdfRenderer
from intake.documents_pdf.verification_workers import VerificationWorkers
from intake.domain.documents import IssueDocument
from intake.events import consumer
from intake.handlers.attachments import delete_abandoned_uploads
from intake.handlers.cases import escalate_overdue_cases
from intake.handlers.change_waits import ChangeWaits
from intake.handlers.context import FieldAppSettings, IntakeContext
from intake.handlers.documents import prepare_document, record_document
from intake.handlers.due_dates import follow_due_dates
from intake.handlers.retention import close_ended_cases, delete_expired_cases
from intake.handlers.status_list import StatusListCache
from intake.handlers.sync import HELD_GAUGES, apply_held_entries
from intake.settings import IntakeSettings
from intake.signing.authority import Authority, parse_certificates
from intake.store.access import ACCESS

NAME = "intake"
ROUTERS = (
    sync.router,
    devices.router,
    stands.router,
    changes.router,
    attachments.router,
    cases.router,
    office_work.router,
    conflicts.router,
    held_entries.router,
    till.router,
    report.router,
    retention.router,
    numbers.router,
    bundle.router,
    enrolment.router,
    sessions.router,
    verification.router,
)


def build(settings: IntakeSettings | None = None) -> Service:
    settings = settings or IntakeSettings()
    signer = TokenSigner(settings.session_key.get_secret_value())
    code = profile_of_catalogue(settings.catalogue_folder, configured=settings.authority).code
    service = ServiceContext.create(
        NAME, settings, package="intake", session_keys=[signer.public_pem], access=ACCESS, authority=code
    )
    database = service.database
    assertion_signer = AssertionSigner(settings.assertion_key)
    cipher = FieldCipher(settings.encryption_key, authority=code, assertion_signer=assertion_signer)
    catalogue = load_catalogue(settings.catalogue_folder)
    letterhead = load_authority(settings.catalogue_folder, catalogue)
    authority = Authority.load(code, settings.document_key, settings.document_certificate)
    trusted = [authority.certificate, *parse_certificates(settings.previous_certificates)]
    pdf_renderer = PdfRenderer(authority, letterhead, workers=settings.pdf_workers)
    verification_workers = VerificationWorkers(trusted)
    change_waits = ChangeWaits(database, settings.waiting_devices)
    context = IntakeContext(
        database=database,
        cipher=cipher,
        answers=assertion_signer,
        catalogue=catalogue,
        authority=authority,
        letterhead=letterhead,
        trusted=trusted,
        token_signer=signer,
        status_list=StatusListCache(database, authority),
        change_waits=change_waits,
        operators=settings.operators,
        close_after=timedelta(days=settings.close_after_days),
        read_document=verification_workers.verify,
        field_app=FieldAppSettings(settings.sign_in_url, settings.sign_in_client, settings.lock_after_s),
    )
    service.http.state.context = context
    for router in ROUTERS:
        service.http.include_router(router)
    serve_field_app(service.http, settings.field_app_folder, issuer=settings.sign_in_url)
    document_jobs = JobHandler(
        job=IssueDocument,
        prepare=prepare_each(partial(prepare_document, cipher=cipher, catalogue=catalogue, letterhead=letterhead)),
        execute=partial(jobs.render_document, renderer=pdf_renderer),
        complete=complete_each(partial(record_document, cipher=cipher, owner=settings.overdue_case_owner)),
        concurrency=4,
        timeout_s=30,
        prepare_flushes=True,
    )
    escalate = partial(escalate_overdue_cases, to=settings.overdue_case_owner, cipher=cipher, catalogue=catalogue)
    follow = partial(follow_due_dates, owner=settings.missed_obligation_owner, cipher=cipher, catalogue=catalogue)
    close_ended = partial(
        close_ended_cases, after=timedelta(days=settings.close_after_days), cipher=cipher, catalogue=catalogue
    )
    delete_expired = partial(delete_expired_cases, catalogue=catalogue)
    apply_held = partial(apply_held_entries, cipher=cipher, catalogue=catalogue)
    return Service(
        service,
        {
            "pdf_workers": pdf_renderer,
            "verification_workers": verification_workers,
            "change_waits": change_waits,
            "relay": service.relay(),
            "jobs": service.jobs([document_jobs]),
            "inbox": service.inbox(consumer.bind(context)),
            "overdue_cases": PeriodicTask(database, "overdue_cases", escalate),
            "due_dates": PeriodicTask(database, "due_dates", follow, interval_s=30),
            "closing": PeriodicTask(database, "closing", close_ended, interval_s=600),
            "retention": PeriodicTask(database, "retention", delete_expired, interval_s=600),
            "held_entries": PeriodicTask(database, "held_entries", apply_held),
            "upload_cleanup": PeriodicTask(database, "upload_cleanup", delete_abandoned_uploads, interval_s=600),
        },
        projections=("stand", "appointment"),
        gauges=HELD_GAUGES,
    )
