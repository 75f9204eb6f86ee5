"""Every refusal of the registry bridge."""

from wanderamt.kernel.refusal import Refusal, RefusalKind

NO_REQUEST = Refusal("request.not_found", "There is no such register request.", RefusalKind.NOT_FOUND)
NO_UNREADABLE_RESPONSE = Refusal(
    "request.no_raw", "No unreadable response is stored for this request.", RefusalKind.NOT_FOUND
)
NO_BRIDGE = Refusal(
    "register.unknown",
    "No such register is connected here. GET /registers lists the connected ones.",
    RefusalKind.NOT_FOUND,
)
NO_LOOKUP = Refusal("operation.unknown", "This register has no such lookup.", RefusalKind.NOT_FOUND)
WRONG_PURPOSE = Refusal(
    "purpose.not_allowed",
    "The law you name does not allow this question. Name the one that does.",
    RefusalKind.FORBIDDEN,
)
WRONG_QUESTION = Refusal(
    "question.invalid",
    "The question does not fit this lookup. The documentation of the bridge lists its fields.",
    RefusalKind.INVALID,
)
TOO_MANY_LOOKUPS = Refusal(
    "lookups.too_many",
    "You have reached the limit of lookups for this hour. Wait, or leave the question to the case: "
    "the register answers it there.",
    RefusalKind.BUSY,
)
NOT_WAITING_FOR_OPERATOR = Refusal(
    "request.not_for_human", "This request does not wait for an operator. Check its state.", RefusalKind.CONFLICT
)
