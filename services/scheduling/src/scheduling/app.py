"""Builds scheduling: settings, context, routes, components."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from service_catalogue.authority import AuthorityProfile, profile_of_catalogue
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.scheduler import PeriodicTask
from wanderamt.security.keys import FieldCipher
from wanderamt.shell.service import Service, ServiceContext

from scheduling.api.routes import add_routes
from scheduling.domain.booking_limits import BookingLimits
from scheduling.domain.plan_job import MakePlan
from scheduling.domain.resources import CityBounds
from scheduling.events import consumer
from scheduling.handlers.context import PublicAccess, SchedulingContext
from scheduling.handlers.expiry import anonymise, mark_no_shows, release_holds
from scheduling.handlers.planning import complete_plan, prepare_plan
from scheduling.handlers.waiting_list import promote_waiting_list
from scheduling.jobs.plans import SOLVER_GRACE_S, run_solver
from scheduling.reference_data.bookable_services import read_bookable_services
from scheduling.reference_data.city import read_districts
from scheduling.settings import SchedulingSettings
from scheduling.store.access import ACCESS
from scheduling.store.plans import save_progress

NAME = "scheduling"
MAX_PLAN_S = 3_600.0 + 2 * SOLVER_GRACE_S


def build(settings: SchedulingSettings | None = None) -> Service:
    settings = settings or SchedulingSettings()
    profile = profile_of_catalogue(settings.catalogue_folder, configured=settings.authority)
    shared = ServiceContext.create(NAME, settings, package="scheduling", access=ACCESS, authority=profile.code)
    database = shared.database
    context = _scheduling_context(settings, profile)
    add_routes(shared.http, context)
    promote = partial(promote_waiting_list, context=context)
    return Service(
        shared,
        {
            "relay": shared.relay(),
            "jobs": shared.jobs([_plan_jobs(database)]),
            "inbox": shared.inbox(consumer.bind(context)),
            "hold_expiry": PeriodicTask(database, "hold_expiry", release_holds, interval_s=2),
            "waiting_list": PeriodicTask(database, "waiting_list", promote, interval_s=2),
            "retention": PeriodicTask(database, "retention", partial(anonymise, context=context), interval_s=600),
            "no_shows": PeriodicTask(database, "no_shows", partial(mark_no_shows, context=context), interval_s=60),
        },
        projections=("visit",),
    )


def _scheduling_context(settings: SchedulingSettings, authority: AuthorityProfile) -> SchedulingContext:
    return SchedulingContext(
        cipher=FieldCipher(settings.encryption_key, authority=authority.code),
        authority=authority,
        services=read_bookable_services(settings.services_file, settings.catalogue_folder),
        districts=tuple(read_districts(settings.districts_file)),
        bounds=settings.city or CityBounds.model_validate(authority.bounds.model_dump()),
        hold=timedelta(minutes=settings.hold_minutes),
        limits=_booking_limits(settings),
        no_show_grace=timedelta(minutes=settings.no_show_minutes),
        contact_retention=timedelta(days=settings.contact_retention_days),
        public=PublicAccess(settings.public_url.rstrip("/"), settings.tiles_url, settings.consent_version),
    )


def _booking_limits(settings: SchedulingSettings) -> BookingLimits:
    return BookingLimits(
        max_appointments=settings.max_open_appointments,
        max_holds=settings.max_holds,
        holds_per_hour=settings.holds_per_hour,
        unconfirmed_per_day=settings.unconfirmed_per_day,
        max_open_per_network=settings.max_open_per_network,
        stand_share=settings.stand_share,
        codes_per_hour=settings.codes_per_hour,
        codes_per_day=settings.codes_per_day,
        wishes_per_day=settings.wishes_per_day,
    )


def _plan_jobs(database: Database) -> JobHandler:
    """One plan at a time: it uses all cores. The call itself ends the solver process when its time is over."""

    async def report(plan_id: UUID, progress: float, objective: float, bound: float) -> bool:
        async with database.unit_of_work() as uow:
            return await save_progress(uow, plan_id, progress=progress, objective=objective, bound=bound)

    execute = partial(run_solver, report=report)
    return JobHandler(
        job=MakePlan,
        prepare=prepare_each(prepare_plan),
        execute=execute,
        complete=complete_each(complete_plan),
        concurrency=1,
        timeout_s=MAX_PLAN_S,
    )
