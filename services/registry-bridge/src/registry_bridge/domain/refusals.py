"""Every refusal of the registry bridge."""

from wanderamt.kernel.refusal import Ground, Refusal

NO_REQUEST = Refusal("request.not_found", "There is no such register request.", Ground.NOT_FOUND)
NO_RAW = Refusal("request.no_raw", "No unreadable answer was kept for this request.", Ground.NOT_FOUND)
NO_BRIDGE = Refusal(
    "register.unknown", "No such register is connected here. See GET /weather for those that are.", Ground.NOT_FOUND
)
NO_LOOKUP = Refusal("operation.unknown", "This register has no such lookup.", Ground.NOT_FOUND)
WRONG_PURPOSE = Refusal(
    "purpose.not_allowed", "The law you name does not allow this question. Name the one that does.", Ground.FORBIDDEN
)
WRONG_QUESTION = Refusal(
    "question.invalid",
    "The register cannot be asked so. See the fields of this lookup in the bridge's docs.",
    Ground.INVALID,
)
TOO_MANY_LOOKUPS = Refusal(
    "lookups.too_many",
    "You have asked very often this hour. Wait, or let the request go by the case: it is answered there.",
    Ground.BUSY,
)
NOT_FOR_HUMAN = Refusal(
    "request.not_for_human", "This request does not wait for a human. See its state.", Ground.CONFLICT
)
