"""What may be done with a notice whose turn it is, and what follows from how its call ended. Pure.

Kept true: a message that may have left goes on at the provider that may have it, and only by its law (known again by
key, looked up by a probe, or left to a receipt); one that surely did not leave goes to whoever is well; what is too
late or was overtaken is not sent, and not sent again to find out.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from connector_kit.manifest import Manifest
from connector_kit.policy import Beat, Ended, ForHuman, after, later, next_beat
from connector_kit.verdict import Done, Malformed, Unknown, Verdict
from wanderamt.contracts import Channel
from wanderamt.kernel.decision import Attempt, Retry
from wanderamt.kernel.decision import Unknown as MayHaveHappened

from notifications.domain import notice as ends
from notifications.domain.kinds import Kind
from notifications.domain.notice import Dropped, End, Failed, Notice, Sent, State, Why

SEND = "send"  # the operation every provider has
ELSEWHERE_S = 0.0


@dataclass(frozen=True, slots=True)
class Go:
    """It may be called: `provider` alone where it may have left by it before."""

    provider: str | None
    beat: Beat = Beat.CALL


@dataclass(frozen=True, slots=True)
class Task:
    """One call, after `wait_s` seconds: its moment in the provider's pace. Address and facts are still sealed."""

    notice_id: UUID
    about_id: UUID
    provider: str
    beat: Beat
    wait_s: float
    kind: Kind
    template: int
    channel: Channel
    language: str
    address: bytes
    facts: bytes
    short_ref: int


@dataclass(frozen=True, slots=True)
class Called:
    """How a call ended. `reference`: the provider's own, where it gave one."""

    provider: str
    verdict: Verdict
    took_s: float
    beat: Beat
    reference: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """It was no message: nothing was called. `provider`: whose moment it had."""

    provider: str
    code: str


Next: TypeAlias = Go | End | None


def next_of(notice: Notice, attempt: Attempt, manifest: Manifest | None, *, now: datetime) -> Next:
    """None: it has ended. `manifest`: of the provider that may have it; None where it is not connected any more."""
    if notice.state not in ends.UNENDED:
        return None
    maybe = notice.maybe or notice.state is State.SENDING  # it was claimed before, and nobody wrote down how it ended
    too_late = Why.SUPERSEDED if notice.superseded else Why.STALE if notice.valid_until <= now else None
    if not maybe:
        return Dropped(too_late) if too_late else Go(None)
    if not manifest:
        return ends.Unknown("provider_gone")
    match next_beat(manifest.operations[SEND], replace(attempt, interrupted=True)):
        case Beat.PROBE:
            return Go(notice.provider, Beat.PROBE)
        case Beat.CALL if not too_late:
            return Go(notice.provider)
        case ForHuman(code):
            return ends.Unknown(code)
    return ends.Unknown(f"{too_late}_and_unclear")


def after_call(
    notice: Notice, called: Called, manifest: Manifest, *, others: bool
) -> tuple[Notice, End | Retry | MayHaveHappened]:
    """The notice as it is known now, and what is next. `others`: another provider of the channel is well."""
    attempt = Attempt(notice.tries + 1, interrupted=notice.maybe)
    tried = replace(notice, tries=notice.tries + 1, provider=called.provider)
    step = after(manifest.operations[SEND], called.verdict, attempt, beat=called.beat)
    if isinstance(called.verdict, Unknown | Malformed):
        if isinstance(step, ForHuman):
            return tried, ends.Unknown(step.code)
        wait_s = step.after_s if isinstance(step, Retry | MayHaveHappened) else later(attempt)
        return replace(tried, maybe=True), MayHaveHappened(wait_s, called.verdict.code)
    match step:
        case Ended(Done()):
            return tried, Sent(called.provider, called.reference)
        case Ended(verdict):
            return tried, Failed(getattr(verdict, "code", type(verdict).__name__.lower()))
        case MayHaveHappened():  # a probe that got no answer
            return replace(tried, maybe=True), step
        case Retry(after_s, reason):
            free = replace(tried, state=State.DECIDED, maybe=False)
            return free, Retry(ELSEWHERE_S if others else after_s, reason)
        case ForHuman(code):
            return tried, ends.Unknown(code)
    raise TypeError(step)
