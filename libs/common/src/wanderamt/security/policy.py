"""Who may do what, where: the one table of actions, roles, devices and stands, and the function that applies it.

Invariants: what no grant allows is refused; a device or officer that was cut off is refused everything; a refusal for
another stand's resource and for one that does not exist are the same. docs/security.md is generated from this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.security.roles import Role
from wanderamt.security.tokens import WRONG_ROLE, Principal

MIN_REASON: Final = 5
MAX_REASON: Final = 200

DEVICE_NEEDED = Refusal(
    "access.device_needed",
    "This needs a session on an enrolled device at a stand. Sign in on the device, or ask the office.",
    RefusalKind.FORBIDDEN,
)
NOT_ENROLLED = Refusal(
    "device.not_enrolled",
    "This device is not enrolled or was revoked. Nothing on it is lost; ask the operator.",
    RefusalKind.FORBIDDEN,
)
KEY_REPLACED = Refusal(
    "session.key_replaced",
    "This device has a new key since this session began. Sign in again.",
    RefusalKind.UNAUTHENTICATED,
)
CUT_OFF = Refusal(
    "access.cut_off", "Your account or your session was cut off. Ask the operator.", RefusalKind.UNAUTHENTICATED
)
OTHER_STAND = Refusal(
    "access.other_stand", "This belongs to another stand. Sign in at that stand.", RefusalKind.FORBIDDEN
)
REASON_NEEDED = Refusal(
    "access.reason_needed",
    "This is not at your stand, or does not exist. If you need it, say why: send the header Access-Reason. It is kept.",
    RefusalKind.FORBIDDEN,
)
REASON_UNREADABLE = Refusal(
    "access.reason_unreadable",
    f"The header Access-Reason holds {MIN_REASON} to {MAX_REASON} characters that documents can print, percent-encoded "
    "as UTF-8.",
)


class Action(StrEnum):
    """What a caller wants. A route names exactly one."""

    # cases at a stand
    SEND_ENTRIES = "entries.send"
    READ_CHANGES = "changes.read"
    READ_BUNDLE = "bundle.read"
    REPORT_APP_EVENTS = "app_events.report"
    LIST_CASES = "cases.list"
    READ_CASE = "case.read"
    FIND_CASES_OF_PERSON = "person.find_cases"
    CHANGE_CASE = "case.change"
    TAKE_CASE_TO_STAND = "case.take_to_stand"
    FULFIL_OBLIGATION = "obligation.fulfil"
    LIST_OBLIGATIONS = "obligations.list"
    LIST_WAITING_CASES = "waiting_cases.list"
    READ_CONFLICTS = "conflicts.read"
    DECIDE_CONFLICT = "conflict.decide"
    READ_DOCUMENT = "document.read"
    SEND_ATTACHMENT = "attachment.send"
    LIST_ATTACHMENTS = "attachments.list"
    READ_ATTACHMENT = "attachment.read"
    LEASE_NUMBERS = "numbers.lease"
    AUDIT_NUMBERS = "numbers.audit"
    KEEP_TILL = "till.keep"
    READ_TILLS = "tills.read"
    PAY_OUT_REFUND = "refund.pay_out"
    LIST_HELD_ENTRIES = "held_entries.list"
    ABANDON_ENTRY = "entry.abandon"
    READ_REPORT = "report.read"
    READ_RETENTION = "retention.read"
    RUN_RETENTION = "retention.run"
    # devices, sessions, officers
    BEGIN_SESSION = "session.begin"
    ENROL_DEVICE = "device.enrol"
    REVOKE_DEVICE = "device.revoke"
    LIST_DEVICES = "devices.list"
    LIST_SESSIONS = "sessions.list"
    END_SESSION = "session.end"
    CUT_OFF_OFFICER = "officer.cut_off"
    LIST_CUT_OFF = "cut_off.list"
    # registers
    READ_REGISTERS = "registers.read"
    LOOK_UP_REGISTER = "register.look_up"
    READ_REGISTER_REQUEST = "register_request.read"
    # stands, plans, queues
    READ_STANDS = "stands.read"
    PLAN_STAND = "stand.plan"
    RUN_STAND = "stand.run"
    READ_DEMAND = "demand.read"
    RECORD_WISH = "wish.record"
    MAKE_PLAN = "plan.make"
    READ_PLANS = "plans.read"
    READ_RESOURCES = "resources.read"
    KEEP_RESOURCES = "resources.keep"
    READ_QUEUE = "queue.read"
    RUN_QUEUE = "queue.run"
    # notices
    READ_NOTICES = "notices.read"
    COUNT_NOTICES = "notices.count"
    READ_PROVIDERS = "providers.read"
    READ_TASKS = "tasks.read"
    COMPLETE_TASK = "task.complete"
    CHECK_ADDRESS = "address.check"
    KEEP_PARTNERS = "partners.keep"
    # operation of a service
    READ_EVENT_CATALOGUE = "event_catalogue.read"
    READ_METRICS = "metrics.read"
    KEEP_DEAD_LETTERS = "dead_letters.keep"
    READ_AUDIT = "audit.read"


class Where(StrEnum):
    """What of which stands a grant covers."""

    ANYWHERE = "anywhere"
    OWN_STAND = "own stand"
    REASON_ELSEWHERE = "own stand; elsewhere with a written reason"
    ALWAYS_REASON = "anywhere with a written reason"


@dataclass(frozen=True, slots=True)
class Grant:
    """`device`: only with a token of a session on an enrolled device, which names its stand."""

    role: Role
    where: Where = Where.ANYWHERE
    device: bool = False


AT_STAND = Grant(Role.CLERK, Where.REASON_ELSEWHERE, device=True)
AT_OWN_STAND = Grant(Role.CLERK, Where.OWN_STAND, device=True)
ON_DEVICE = Grant(Role.CLERK, device=True)
CLERK = Grant(Role.CLERK)
CLERK_AT_STAND = Grant(Role.CLERK, Where.REASON_ELSEWHERE)  # of the stand in the token; without one, elsewhere
OFFICE = Grant(Role.OFFICE)
OFFICE_WITH_REASON = Grant(Role.OFFICE, Where.ALWAYS_REASON)
PLANNER = Grant(Role.PLANNER)
OPERATOR = Grant(Role.OPERATOR)
AUDITOR = Grant(Role.AUDITOR)
ALL_STAFF = (CLERK, OFFICE, PLANNER, OPERATOR, AUDITOR)

POLICY: Final[Mapping[Action, tuple[Grant, ...]]] = {
    Action.SEND_ENTRIES: (ON_DEVICE,),
    Action.READ_CHANGES: (ON_DEVICE,),
    Action.READ_BUNDLE: (AT_OWN_STAND,),
    Action.REPORT_APP_EVENTS: (ON_DEVICE,),
    Action.LIST_CASES: (AT_STAND, OFFICE, PLANNER, OPERATOR, AUDITOR),
    Action.READ_CASE: (AT_STAND, OFFICE, OPERATOR, AUDITOR),
    Action.FIND_CASES_OF_PERSON: (AT_STAND, OFFICE_WITH_REASON),
    Action.CHANGE_CASE: (AT_STAND, OFFICE_WITH_REASON),
    Action.TAKE_CASE_TO_STAND: (AT_STAND,),
    Action.FULFIL_OBLIGATION: (AT_STAND, OFFICE_WITH_REASON),
    Action.LIST_OBLIGATIONS: (OFFICE, OPERATOR, AUDITOR),
    Action.LIST_WAITING_CASES: (OFFICE, OPERATOR, AUDITOR),
    Action.READ_CONFLICTS: (AT_STAND, OFFICE_WITH_REASON),
    Action.DECIDE_CONFLICT: (AT_STAND, OFFICE_WITH_REASON),
    Action.READ_DOCUMENT: (AT_STAND, OFFICE_WITH_REASON),
    Action.SEND_ATTACHMENT: (ON_DEVICE,),
    Action.LIST_ATTACHMENTS: (AT_STAND, OFFICE, OPERATOR, AUDITOR),
    Action.READ_ATTACHMENT: (AT_STAND, OFFICE_WITH_REASON),
    Action.LEASE_NUMBERS: (ON_DEVICE,),
    Action.AUDIT_NUMBERS: ALL_STAFF,
    Action.KEEP_TILL: (ON_DEVICE,),
    Action.READ_TILLS: (AT_STAND, OFFICE, OPERATOR, AUDITOR),
    Action.PAY_OUT_REFUND: (AT_STAND,),
    Action.LIST_HELD_ENTRIES: (OFFICE, OPERATOR, AUDITOR),
    Action.ABANDON_ENTRY: (OPERATOR,),
    Action.READ_REPORT: ALL_STAFF,
    Action.READ_RETENTION: (OFFICE, OPERATOR, AUDITOR),
    Action.RUN_RETENTION: (OPERATOR,),
    Action.BEGIN_SESSION: (CLERK,),
    Action.ENROL_DEVICE: (OPERATOR,),
    Action.REVOKE_DEVICE: (OPERATOR,),
    Action.LIST_DEVICES: (OPERATOR, AUDITOR),
    Action.LIST_SESSIONS: (OPERATOR, AUDITOR),
    Action.END_SESSION: (OPERATOR,),
    Action.CUT_OFF_OFFICER: (OPERATOR,),
    Action.LIST_CUT_OFF: (OPERATOR, AUDITOR),
    Action.READ_REGISTERS: (CLERK, OFFICE, OPERATOR),
    Action.LOOK_UP_REGISTER: (ON_DEVICE,),
    Action.READ_REGISTER_REQUEST: (OPERATOR, AUDITOR),
    Action.READ_STANDS: ALL_STAFF,
    Action.PLAN_STAND: (PLANNER,),
    Action.RUN_STAND: (CLERK_AT_STAND, PLANNER),
    Action.READ_DEMAND: (PLANNER, OPERATOR),
    Action.RECORD_WISH: (CLERK, OFFICE, PLANNER),
    Action.MAKE_PLAN: (PLANNER,),
    Action.READ_PLANS: (PLANNER, OPERATOR, AUDITOR),
    Action.READ_RESOURCES: ALL_STAFF,
    Action.KEEP_RESOURCES: (PLANNER,),
    Action.READ_QUEUE: ALL_STAFF,
    Action.RUN_QUEUE: (CLERK_AT_STAND,),
    Action.READ_NOTICES: (CLERK, OFFICE, OPERATOR),
    Action.COUNT_NOTICES: (OPERATOR,),
    Action.READ_PROVIDERS: (CLERK, OFFICE, OPERATOR),
    Action.READ_TASKS: (CLERK, OFFICE, OPERATOR),
    Action.COMPLETE_TASK: (CLERK, OFFICE),
    Action.CHECK_ADDRESS: (CLERK, OFFICE),
    Action.KEEP_PARTNERS: (OPERATOR,),
    Action.READ_EVENT_CATALOGUE: ALL_STAFF,
    Action.READ_METRICS: (OPERATOR,),
    Action.KEEP_DEAD_LETTERS: (OPERATOR,),
    Action.READ_AUDIT: (AUDITOR,),
}

RECORDED: Final = frozenset(
    {
        Action.FIND_CASES_OF_PERSON,
        Action.CHANGE_CASE,
        Action.TAKE_CASE_TO_STAND,
        Action.FULFIL_OBLIGATION,
        Action.READ_CONFLICTS,
        Action.DECIDE_CONFLICT,
        Action.READ_DOCUMENT,
        Action.READ_ATTACHMENT,
        Action.PAY_OUT_REFUND,
        Action.ABANDON_ENTRY,
        Action.READ_AUDIT,
    }
)
"""Each use is written down before the route runs, and with it the reason. Other actions: only with a written reason."""

RECORDED_WITH_EFFECT: Final = frozenset(
    {
        Action.BEGIN_SESSION,
        Action.ENROL_DEVICE,
        Action.REVOKE_DEVICE,
        Action.END_SESSION,
        Action.CUT_OFF_OFFICER,
        Action.KEEP_DEAD_LETTERS,
        Action.RUN_RETENTION,
    }
)
"""Written down in the transaction of the effect, also when a command has it instead of a route."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the database knows about the caller and the resource.

    `enrolled`: the device of the token is known and not revoked. `key_replaced`: it has another key than the one to
    which the token is bound. `cut_off`: the officer's account or session. `at_stand`: whether the resource belongs to
    the caller's stand, never for a caller without one; None: the route names no resource of a stand. `proof_used`: that
    of the request came before.
    """

    enrolled: bool = True
    key_replaced: bool = False
    cut_off: bool = False
    at_stand: bool | None = None
    proof_used: bool = False


def grants_to(action: Action, caller: Principal) -> list[Grant]:
    """Those of the caller's roles. None: the action is refused, whatever the situation."""
    return [grant for grant in POLICY[action] if grant.role in caller.roles]


def decide(action: Action, caller: Principal, situation: Situation, *, reason: str) -> Refusal | None:
    """None: allowed. `reason`: what the caller wrote, empty for nothing."""
    grants = grants_to(action, caller)
    if not grants:
        return WRONG_ROLE
    if caller.device_id and not situation.enrolled:
        return NOT_ENROLLED  # before CUT_OFF: a revocation ends the session too, and the app must delete its key
    if situation.cut_off:
        return CUT_OFF
    if situation.key_replaced:
        return KEY_REPLACED
    refusals = [_refusal_of(grant, caller, situation, reason=reason) for grant in grants]
    return None if None in refusals else refusals[0]


def _refusal_of(grant: Grant, caller: Principal, situation: Situation, *, reason: str) -> Refusal | None:
    if grant.device and not (caller.device_id and caller.stand_id):
        return DEVICE_NEEDED
    elsewhere = situation.at_stand is False  # also for a caller without a stand: to drop the device wins nothing
    match grant.where:
        case Where.OWN_STAND:
            return OTHER_STAND if elsewhere else None
        case Where.REASON_ELSEWHERE:
            return REASON_NEEDED if elsewhere and not reason else None
        case Where.ALWAYS_REASON:
            return None if reason else REASON_NEEDED
    return None
