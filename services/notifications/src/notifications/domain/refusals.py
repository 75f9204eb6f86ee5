"""Every refusal of notifications. Refusals of an address or a text are reasons for staff: nothing was sent."""

from wanderamt.kernel.refusal import Refusal, RefusalKind

NOTICE_NOT_FOUND = Refusal("notice.not_found", "There is no such notice.", RefusalKind.NOT_FOUND)
OUTCOME_KNOWN = Refusal(
    "notice.not_unknown", "Only a notice in the state unknown or no_receipt can be resolved.", RefusalKind.CONFLICT
)
TASK_NOT_FOUND = Refusal("task.not_found", "There is no such task, or it is already done.", RefusalKind.NOT_FOUND)

NO_NUMBER = Refusal("address.no_number", "This is not a telephone number. Ask for it again, with its country code.")
LANDLINE = Refusal(
    "address.landline", "This is a landline, which cannot get an SMS. Ask for a mobile number or an e-mail address."
)
NOT_MOBILE = Refusal(
    "address.not_mobile", "This is a service number, which cannot get an SMS. Ask for a mobile number."
)
NO_EMAIL = Refusal("address.no_email", "This is not an e-mail address. Ask for it again, letter by letter.")

EMPTY_VARIABLE = Refusal(
    "text.empty_variable", "A value that the text needs is empty, so nothing was sent. Inform the citizen yourself."
)
NOT_PLAIN = Refusal(
    "text.control_character",
    "A value for the text holds a line break or another control character, so nothing was sent.",
)
NO_VARIABLE = Refusal("text.no_variable", "The text uses a value that this notice does not have, so nothing was sent.")

PROVIDER_NOT_FOUND = Refusal("provider.not_found", "No provider with this name is connected.", RefusalKind.NOT_FOUND)
NOT_SIGNED = Refusal(
    "receipt.not_signed", "The signature of this receipt is not the provider's.", RefusalKind.UNAUTHENTICATED
)

CASE_NOT_FOUND = Refusal(
    "status.not_known",
    "No case has this code and date of birth. Check your receipt, or try again in an hour.",
    RefusalKind.NOT_FOUND,
)
TOO_MANY_ATTEMPTS = Refusal(
    "status.too_many", "Too many attempts. Wait a quarter of an hour and try again.", RefusalKind.TOO_MANY
)
WRONG_CODE = Refusal(
    "status.wrong_code", "This code is wrong or too old. Save your choice again.", RefusalKind.FORBIDDEN
)
TOO_MANY_CODES = Refusal(
    "status.too_many_codes", "Too many codes were sent to this address. Try again tomorrow.", RefusalKind.TOO_MANY
)
LINK_EXPIRED = Refusal("status.pass_over", "This page is too old. Enter your code again.", RefusalKind.FORBIDDEN)

NAME_TAKEN = Refusal("subscriber.name", "A subscriber with this name exists already.", RefusalKind.CONFLICT)
SUBSCRIBER_NOT_FOUND = Refusal("subscriber.not_found", "There is no such subscriber.", RefusalKind.NOT_FOUND)
BAD_URL = Refusal("subscriber.url", "The address must begin with https:// and must not lie in the city's own network.")
BAD_TYPE = Refusal("subscriber.type", "There is no such event type, or it is not for partners. See docs/events.md.")
