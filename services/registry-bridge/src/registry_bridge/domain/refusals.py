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
    RefusalKind.TOO_MANY,
)
TOO_MANY_FOR_CASE = Refusal(
    "lookups.too_many_for_case",
    "This case has reached its limit of lookups for this hour. Wait, or leave the question to the case.",
    RefusalKind.TOO_MANY,
)
CASE_NOT_HERE = Refusal(
    "lookup.case_not_here",
    "No such case is known at this stand. If the device has just sent it, try again in a moment.",
    RefusalKind.NOT_FOUND,
)
CASE_ENDED = Refusal(
    "lookup.case_ended", "This case has ended. Reopen it first, or open a new one.", RefusalKind.CONFLICT
)
NOT_OF_SERVICE = Refusal(
    "lookup.not_of_service",
    "The service of this case does not need this question for this purpose. Ask what the service asks.",
    RefusalKind.FORBIDDEN,
)
NOT_THE_APPLICANT = Refusal(
    "lookup.not_the_applicant",
    "The question must name the applicant as the case does: given name, family name and birth. Correct the case first; "
    "if the device has just sent it, try again in a moment.",
    RefusalKind.FORBIDDEN,
)
NOT_WAITING_FOR_OPERATOR = Refusal(
    "request.not_for_human", "This request does not wait for an operator. Check its state.", RefusalKind.CONFLICT
)
NEVER_SENT = Refusal(
    "request.never_sent",
    "No bridge could carry out this request, so nothing was sent. Repair the offer or the bridge, then use --not-done.",
    RefusalKind.CONFLICT,
)
ANSWER_MISSING = Refusal(
    "request.answer_missing",
    "The case needs what the register wrote down, such as a number. Give it as JSON with --answer.",
    RefusalKind.INVALID,
)
ANSWER_INVALID = Refusal(
    "request.answer_invalid",
    "This is not what the register answers to this order. The documentation of the bridge lists the fields.",
    RefusalKind.INVALID,
)
