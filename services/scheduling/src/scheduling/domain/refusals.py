"""Every refusal of scheduling, but ID_TAKEN. Codes are published: never change one, add a new one."""

from collections.abc import Sequence
from datetime import timedelta

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
STAND_EXISTS = Refusal(
    "stand.exists", "Another stand already has this id. Nothing was changed: use a new id.", RefusalKind.CONFLICT
)
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
OF_LATER_DAY = Refusal(
    "appointment.later_day", "This appointment is on a later day. Open the list of today.", RefusalKind.CONFLICT
)
TOO_MANY_HOLDS = Refusal(
    "appointment.too_many_holds",
    "Your network address has reserved too many times. Book or wait: a reservation ends after some minutes.",
    RefusalKind.TOO_MANY,
)
TOO_MANY_FROM_HERE = Refusal(
    "appointment.too_many_here",
    "Your network address has too many open appointments. Cancel one, or call the citizen service.",
    RefusalKind.TOO_MANY,
)
TOO_MANY_AT_STAND = Refusal(
    "appointment.too_many_at_stand",
    "Your network address already has its share of the places at this stand. Choose another stand.",
    RefusalKind.TOO_MANY,
)
CODE_NEEDED = Refusal(
    "appointment.code_needed",
    "This appointment needs a code: have it sent to the telephone number or e-mail address, then book with it.",
    RefusalKind.CONFLICT,
)
CODE_WRONG = Refusal(
    "appointment.code_wrong",
    "This code is wrong, over ten minutes old, wrong for the fifth time, or was requested from another network address."
    " Check it, or have a new one sent.",
    RefusalKind.CONFLICT,
)
NO_CODE_THERE = Refusal(
    "appointment.no_code_there", "A code can be sent to a mobile number or an e-mail address only. Give one of the two."
)
TOO_MANY_CODES = Refusal(
    "appointment.too_many_codes",
    "Too many codes were sent to this contact or for your network address. Wait some hours, or call the citizen"
    " service.",
    RefusalKind.TOO_MANY,
)
NO_WISH_NOW = Refusal(
    "appointment.no_wish_now",
    "This telephone number or e-mail address waits already, joined a waiting list today, or has an appointment. Wait"
    " for the message, or look up the appointment.",
    RefusalKind.CONFLICT,
)
TOO_MANY_WISHES = Refusal(
    "appointment.too_many_wishes",
    "Your network address has joined too many waiting lists today. Come back tomorrow, or call the citizen service.",
    RefusalKind.TOO_MANY,
)
TOO_MANY_MOVES = Refusal(
    "appointment.too_many_moves",
    "This appointment was moved too often today. Keep it or cancel it, move it tomorrow, or call the citizen service.",
    RefusalKind.TOO_MANY,
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
WRONG_HOLD_TOKEN = Refusal(
    "appointment.hold_token",
    "Send the token that the reservation has returned. Without it, choose a time again.",
    RefusalKind.FORBIDDEN,
)
LINK_EXPIRED = Refusal("appointment.pass_over", "This page is too old. Enter the code again.", RefusalKind.FORBIDDEN)
TOO_MANY_TRIES = Refusal(
    "appointment.too_many_tries", "Too many wrong tries. Wait a quarter of an hour.", RefusalKind.TOO_MANY
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


def code_already_sent(wait: timedelta) -> Refusal:
    minutes = max(1, -(-wait // timedelta(minutes=1)))
    return Refusal(
        "appointment.code_sent",
        f"A code was already sent. Enter it, or ask for a new one in {minutes} min.",
        RefusalKind.TOO_MANY,
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
