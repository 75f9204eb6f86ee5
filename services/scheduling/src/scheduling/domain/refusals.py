"""Every refusal of scheduling. Codes are published: never change one, add a new one."""

from collections.abc import Sequence

from wanderamt.kernel.refusal import Ground, Refusal

WINDOW = Refusal("stand.window_backwards", "The stand ends before it starts. Correct the times.")
TOO_LONG = Refusal(
    "stand.window_too_long", "A stand lasts at most 16 hours, set-up and tear-down included. Plan one stand a day."
)
BADLY_TIMED = Refusal(
    "stand.numbers",
    "Set-up, tear-down and overbooking are never negative, a stand has a desk, and walk-ins get between none (0) and"
    " all (1) of its time. Correct the numbers.",
)
NO_STAND = Refusal("stand.not_found", "There is no such stand.", Ground.NOT_FOUND)
STAND_EXISTS = Refusal("stand.exists", "A stand with this id exists already, with other content.", Ground.CONFLICT)
CANCELLED = Refusal("stand.cancelled", "This stand is cancelled already.", Ground.CONFLICT)
PAST_MOVING = Refusal("stand.past_moving", "This stand runs or is over: it stays as it is.", Ground.CONFLICT)
TOO_EARLY = Refusal("stand.too_early", "A stand opens at most two hours before its announced time.", Ground.CONFLICT)
BAD_RULE = Refusal(
    "series.rule", "This is no rule of RFC 5545 that ends. Give one such as FREQ=WEEKLY;BYDAY=TU,FR;COUNT=8 (or UNTIL)."
)
NO_RESOURCE = Refusal("resource.not_found", "There is no such place, crew, vehicle or kit.", Ground.NOT_FOUND)

NO_SLOT = Refusal("appointment.no_slot", "There is no such time at this stand. Choose one that is offered.")
FULL = Refusal(
    "appointment.full", "This time has just been taken. Choose another one, or join the waiting list.", Ground.CONFLICT
)
NOT_OFFERED = Refusal("appointment.not_offered", "This service is not offered at this stand. Choose another stand.")
NOT_PUBLIC = Refusal("appointment.stand_closed", "This stand takes no appointments (any more).", Ground.CONFLICT)
GONE_BY = Refusal("appointment.past", "This time is over. Choose a later one.", Ground.CONFLICT)
NO_APPOINTMENT = Refusal("appointment.not_found", "Code and date of birth fit no appointment.", Ground.NOT_FOUND)
HOLD_OVER = Refusal(
    "appointment.hold_over",
    "The time was held for some minutes and is free again. Choose anew.",
    Ground.CONFLICT,
)
ENDED = Refusal("appointment.ended", "This appointment is over or cancelled. Book a new one.", Ground.CONFLICT)
TOO_MANY = Refusal(
    "appointment.too_many", "There are open appointments with this address already. Cancel one first.", Ground.CONFLICT
)
UNREACHABLE = Refusal(
    "appointment.contact",
    "Give a telephone number with its country code, such as +43 660 1234567, or an e-mail.",
)
NO_BIRTH_DATE = Refusal("appointment.born", "Give the date of birth as day, month and year.")
PASS_OVER = Refusal("appointment.pass_over", "This page is too old. Enter the code again.", Ground.FORBIDDEN)
DOOR_CLOSED = Refusal("appointment.too_many_tries", "Too many tries. Wait for a quarter of an hour.", Ground.CONFLICT)

NO_TICKET = Refusal("queue.not_found", "There is no such ticket or appointment at this stand.", Ground.NOT_FOUND)
TICKET_EXISTS = Refusal("queue.exists", "This number was given to somebody else at this stand.", Ground.CONFLICT)
NOBODY_WAITS = Refusal("queue.empty", "Nobody is waiting.", Ground.NOT_FOUND)
NOT_CALLED = Refusal("queue.not_called", "Call the number first.", Ground.CONFLICT)

NO_PLAN = Refusal("plan.not_found", "There is no such plan.", Ground.NOT_FOUND)
NOT_READY = Refusal("plan.not_ready", "There is no proposal: it failed or was cancelled.", Ground.CONFLICT)
PLAN_RUNS = Refusal("plan.runs", "This plan is still being made. Wait, or cancel it.", Ground.CONFLICT)
NO_PLACES = Refusal(
    "plan.no_places",
    "There is nothing to plan with: put in places, a crew, a vehicle and a kit.",
    Ground.CONFLICT,
)


def not_now(state: str, to: str) -> Refusal:
    return Refusal(
        "stand.step",
        f"A stand that is {state} cannot become {to}. The way is draft, planned, confirmed, running, closed.",
        Ground.CONFLICT,
    )


def taken(kind: str) -> Refusal:
    """`kind` of resource: pitch, crew, vehicle or kit."""
    return Refusal(
        "stand.resource_taken",
        f"The {kind} is at another stand at that time. Choose another {kind} or another time.",
        Ground.CONFLICT,
    )


def unfit(conflicts: Sequence[str]) -> Refusal:
    """A stand that crew, vehicle, kit or place cannot do: each conflict names whom it concerns, and when."""
    return Refusal("stand.unfit", f"This cannot be done: {'; '.join(conflicts)}. Change the stand.", Ground.CONFLICT)


def impossible(conflicts: Sequence[str]) -> Refusal:
    """A problem that nobody can plan: each conflict names whom it concerns."""
    return Refusal(
        "plan.impossible", f"This cannot be planned: {'; '.join(conflicts)}. Mend the problem and try again."
    )
