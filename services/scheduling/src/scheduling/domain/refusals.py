"""Every refusal of scheduling. Codes are published: never change one, add a new one."""

from collections.abc import Sequence

from wanderamt.kernel.refusal import Refusal, RefusalKind

ENDS_BEFORE_START = Refusal("stand.window_backwards", "The stand ends before it starts. Correct the times.")
TOO_LONG = Refusal(
    "stand.window_too_long", "A stand lasts at most 16 hours, set-up and tear-down included. Plan one stand per day."
)
INVALID_NUMBERS = Refusal(
    "stand.numbers",
    "Set-up, tear-down and overbooking must not be negative, a stand needs at least one desk, and the share for"
    " walk-ins lies between 0 and 1. Correct the numbers.",
)
NO_STAND = Refusal("stand.not_found", "This stand does not exist.", RefusalKind.NOT_FOUND)
STAND_EXISTS = Refusal("stand.exists", "A stand with this id but other details already exists.", RefusalKind.CONFLICT)
STAND_CANCELLED = Refusal("stand.cancelled", "This stand is already cancelled.", RefusalKind.CONFLICT)
STAND_STARTED = Refusal(
    "stand.past_moving", "This stand is running or over and cannot be changed any more.", RefusalKind.CONFLICT
)
TOO_EARLY = Refusal(
    "stand.too_early", "A stand opens at most two hours before its announced time.", RefusalKind.CONFLICT
)
INVALID_RULE = Refusal(
    "series.rule",
    "This is not a rule of RFC 5545 with an end. Give a rule such as FREQ=WEEKLY;BYDAY=TU,FR;COUNT=8 (or UNTIL).",
)
NO_RESOURCE = Refusal("resource.not_found", "This place, crew, vehicle or kit does not exist.", RefusalKind.NOT_FOUND)

NO_SLOT = Refusal("appointment.no_slot", "This stand does not offer that time. Choose an offered time.")
FULL = Refusal(
    "appointment.full",
    "This time has just been taken. Choose another one, or join the waiting list.",
    RefusalKind.CONFLICT,
)
NOT_OFFERED = Refusal("appointment.not_offered", "This stand does not offer the service. Choose another stand.")
NOT_BOOKABLE = Refusal("appointment.stand_closed", "This stand takes no appointments (any more).", RefusalKind.CONFLICT)
IN_THE_PAST = Refusal("appointment.past", "This time is over. Choose a later one.", RefusalKind.CONFLICT)
NO_APPOINTMENT = Refusal(
    "appointment.not_found", "No appointment matches this code and date of birth.", RefusalKind.NOT_FOUND
)
HOLD_EXPIRED = Refusal(
    "appointment.hold_over", "The reservation has expired. Choose a time again.", RefusalKind.CONFLICT
)
APPOINTMENT_ENDED = Refusal(
    "appointment.ended", "This appointment is over or cancelled. Book a new one.", RefusalKind.CONFLICT
)
TOO_MANY_APPOINTMENTS = Refusal(
    "appointment.too_many",
    "This address has too many open appointments already. Cancel one first.",
    RefusalKind.CONFLICT,
)
UNREACHABLE = Refusal(
    "appointment.contact",
    "Give a telephone number with its country code, such as +43 660 1234567, or an e-mail address.",
)
NO_BIRTH_DATE = Refusal("appointment.born", "Give the date of birth as day, month and year.")
LINK_EXPIRED = Refusal("appointment.pass_over", "This page is too old. Enter the code again.", RefusalKind.FORBIDDEN)
TOO_MANY_TRIES = Refusal(
    "appointment.too_many_tries", "Too many tries. Wait a quarter of an hour.", RefusalKind.CONFLICT
)

NO_TICKET = Refusal("queue.not_found", "This stand has no such ticket or appointment.", RefusalKind.NOT_FOUND)
TICKET_EXISTS = Refusal(
    "queue.exists", "This stand has already given that number to another person.", RefusalKind.CONFLICT
)
QUEUE_EMPTY = Refusal("queue.empty", "Nobody is waiting.", RefusalKind.NOT_FOUND)
NOT_CALLED = Refusal("queue.not_called", "Call the number first.", RefusalKind.CONFLICT)

NO_PLAN = Refusal("plan.not_found", "This plan does not exist.", RefusalKind.NOT_FOUND)
NOT_READY = Refusal("plan.not_ready", "This plan has no proposal: it failed or was cancelled.", RefusalKind.CONFLICT)
PLAN_RUNS = Refusal("plan.runs", "The planner still works on this plan. Wait, or cancel it.", RefusalKind.CONFLICT)
NO_PLACES = Refusal(
    "plan.no_places",
    "The planner needs places, a crew, a vehicle and a kit. Add them first.",
    RefusalKind.CONFLICT,
)


def invalid_step(state: str, to: str) -> Refusal:
    return Refusal(
        "stand.step",
        f"A stand that is {state} cannot become {to}. The order is draft, planned, confirmed, running, closed.",
        RefusalKind.CONFLICT,
    )


def resource_taken(kind: str) -> Refusal:
    """`kind` of resource: pitch, crew, vehicle or kit."""
    return Refusal(
        "stand.resource_taken",
        f"The {kind} is at another stand at that time. Choose another {kind} or another time.",
        RefusalKind.CONFLICT,
    )


def unsuitable(conflicts: Sequence[str]) -> Refusal:
    """The rules of place, crew, vehicle or kit forbid the stand. Each conflict names the resource and the day."""
    return Refusal(
        "stand.unfit", f"This stand is not possible: {'; '.join(conflicts)}. Change the stand.", RefusalKind.CONFLICT
    )


def infeasible(conflicts: Sequence[str]) -> Refusal:
    """No plan can solve the problem. Each conflict names its cause."""
    return Refusal(
        "plan.impossible", f"No plan is possible: {'; '.join(conflicts)}. Correct the problem and try again."
    )
