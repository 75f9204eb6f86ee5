"""Maps HTTP statuses (RFC 9110) to call outcomes. Pure, so that adapters can use it without an HTTP client."""

from connector_kit.adapter import HttpReply
from connector_kit.call_outcome import (
    AuthFailed,
    CallOutcome,
    PossiblyExecuted,
    Rejected,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
)


def outcome_of_status(reply: HttpReply) -> CallOutcome | None:
    """The outcome that an HTTP status alone decides; None where the body decides (2xx, 404, 409, 422)."""
    match reply.status:
        case 401 | 403 | 407 | 511:
            return AuthFailed(f"http_{reply.status}")
        case 429:
            return Throttled(reply.retry_after_s)
        case 503:
            return TemporarilyUnavailable("http_503", reply.retry_after_s)
        case 408 | 425 | 502:
            return TemporarilyUnavailable(f"http_{reply.status}")
        case 404 | 409 | 422:
            return None
        case status if 300 <= status < 400:
            return UnreadableResponse(f"http_{status}")
        case status if 400 <= status < 500:
            return Rejected(f"http_{status}")
        case status if status >= 500:
            return PossiblyExecuted(f"http_{status}")
    return None
