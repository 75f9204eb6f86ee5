"""What may be done with a notice whose job is due, and what follows from the outcome of its call. Pure.

Invariants: a message that may have left stays with the provider that may have it, and follows the idempotency of that
provider (by key, by look-up, or by receipt); a message that certainly did not leave may go to any healthy provider; a
notice that is too late, superseded or not subscribed to any more is not sent, also not to find out whether it was sent.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from connector_kit.call_outcome import CallOutcome, PossiblyExecuted, Succeeded, UnreadableResponse
from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.policy import (
    CallKind,
    FinalOutcome,
    OperatorNeeded,
    decide_after,
    next_call,
    retry_delay_s,
)
from wanderamt.contracts import Channel
from wanderamt.kernel.decision import Attempt, OutcomeUnknown, RetryLater

from notifications.domain.kinds import NoticeKind
from notifications.domain.notice import (
    PENDING_STATES,
    Dropped,
    DropReason,
    NoAnswer,
    Notice,
    NoticeAccepted,
    NoticeOutcome,
    NoticeState,
    PermanentFailure,
)

SEND = "send"  # the operation that every provider has
OTHER_PROVIDER_DELAY_S = 0.0


@dataclass(frozen=True, slots=True)
class SendNow:
    """The call may be made. `provider`: only by this provider, because the message may have left by it before."""

    provider: str | None
    call_kind: CallKind = CallKind.EXECUTE


@dataclass(frozen=True, slots=True)
class SendTask:
    """One call, after `wait_s` seconds: its slot in the provider's rate limit. Address and variables are encrypted."""

    notice_id: UUID
    about_id: UUID
    provider: str
    call_kind: CallKind
    wait_s: float
    kind: NoticeKind
    template_version: int
    channel: Channel
    language: str
    address: bytes
    variables: bytes
    short_ref: int


@dataclass(frozen=True, slots=True)
class SendResult:
    """The end of a call. `reference`: the provider's own, if it returned one."""

    provider: str
    outcome: CallOutcome
    duration_s: float
    call_kind: CallKind
    reference: str = ""


@dataclass(frozen=True, slots=True)
class NotSendable:
    """No message could be made, so the provider was not called. `provider`: whose slot was reserved."""

    provider: str
    code: str


NextStep: TypeAlias = SendNow | NoticeOutcome | None


def next_step(
    notice: Notice, attempt: Attempt, manifest: Manifest | None, *, unsubscribed: bool = False, now: datetime
) -> NextStep:
    """None: the notice has an outcome already. `manifest`: of the notice's provider; None if it is not connected.

    `unsubscribed`: the subscription that the notice was decided for has ended.
    """
    if notice.state not in PENDING_STATES:
        return None
    outcome_unknown = _outcome_unknown(notice)
    unwanted = _unwanted(notice, unsubscribed=unsubscribed, now=now)
    if not outcome_unknown:
        return Dropped(unwanted) if unwanted else SendNow(None)
    if not manifest:
        return NoAnswer("provider_gone")
    match next_call(manifest.operations[SEND], replace(attempt, previous_outcome_unknown=True)):
        case CallKind.STATUS_CHECK:
            return SendNow(notice.provider, CallKind.STATUS_CHECK)
        case CallKind.EXECUTE if not unwanted:
            return SendNow(notice.provider)
        case OperatorNeeded(code):
            return NoAnswer(code)
    return NoAnswer(f"{unwanted}_and_unclear")


def start_sending(notice: Notice, provider: str) -> Notice:
    """`outcome_unknown` stays set if an earlier call may have happened."""
    return replace(notice, state=NoticeState.SENDING, provider=provider, outcome_unknown=_outcome_unknown(notice))


def after_call(
    notice: Notice, result: SendResult, manifest: Manifest, *, others_available: bool
) -> tuple[Notice, NoticeOutcome | RetryLater | OutcomeUnknown]:
    """The notice after the call, and its next step. `others_available`: another provider of the channel is healthy."""
    attempt = Attempt(notice.attempts + 1, previous_outcome_unknown=notice.outcome_unknown)
    attempted = replace(notice, attempts=notice.attempts + 1, provider=result.provider)
    step = decide_after(manifest.operations[SEND], result.outcome, attempt, kind=result.call_kind)
    if isinstance(result.outcome, PossiblyExecuted | UnreadableResponse):
        if isinstance(step, OperatorNeeded):
            return attempted, NoAnswer(step.code)
        wait_s = step.after_s if isinstance(step, RetryLater | OutcomeUnknown) else retry_delay_s(attempt)
        return replace(attempted, outcome_unknown=True), OutcomeUnknown(wait_s, result.outcome.code)
    match step:
        case FinalOutcome(Succeeded()):
            return attempted, NoticeAccepted(result.provider, result.reference)
        case FinalOutcome(outcome):
            return attempted, PermanentFailure(getattr(outcome, "code", type(outcome).__name__.lower()))
        case OutcomeUnknown():  # a status check without an answer
            return replace(attempted, outcome_unknown=True), step
        case RetryLater(after_s, reason):
            not_sent = replace(attempted, state=NoticeState.CREATED, outcome_unknown=False)
            return not_sent, RetryLater(OTHER_PROVIDER_DELAY_S if others_available else after_s, reason)
        case OperatorNeeded(code):
            return attempted, NoAnswer(code)
    raise TypeError(step)


def after_repeated_failure(notice: Notice) -> NoAnswer | PermanentFailure:
    """The end of a notice whose sending keeps failing inside of this service, so that further attempts would too."""
    return NoAnswer("keeps_failing") if _outcome_unknown(notice) else PermanentFailure("keeps_failing")


def _unwanted(notice: Notice, *, unsubscribed: bool, now: datetime) -> DropReason | None:
    if unsubscribed:
        return DropReason.NO_CONSENT
    if notice.superseded:
        return DropReason.SUPERSEDED
    return DropReason.STALE if notice.valid_until <= now else None


def _outcome_unknown(notice: Notice) -> bool:
    """A notice in the state sending was claimed before, and its outcome was not recorded."""
    return notice.outcome_unknown or notice.state is NoticeState.SENDING
