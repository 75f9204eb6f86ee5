"""Every refusal of notifications. What is wrong with an address or a text is told to staff; nothing is sent."""

from wanderamt.kernel.refusal import Ground, Refusal

NO_NOTICE = Refusal("notice.not_found", "There is no such notice.", Ground.NOT_FOUND)
NOT_UNKNOWN = Refusal(
    "notice.not_unknown", "Only a notice of which nobody knows whether it left can be settled.", Ground.CONFLICT
)
NO_TASK = Refusal("task.not_found", "There is no such task, or it is done already.", Ground.NOT_FOUND)

NO_NUMBER = Refusal("address.no_number", "This is no telephone number. Ask for it again, with its country.")
LANDLINE = Refusal(
    "address.landline", "This is a landline, which takes no SMS. Ask for a mobile number or a mail address."
)
NOT_MOBILE = Refusal("address.not_mobile", "This number takes no SMS: it is a service number. Ask for a mobile number.")
NO_EMAIL = Refusal("address.no_email", "This is no mail address. Ask for it again, letter by letter.")

EMPTY_VARIABLE = Refusal(
    "text.empty_variable", "A value the text needs is empty, so nothing was sent. Tell the citizen yourself."
)
NOT_PLAIN = Refusal(
    "text.control_character", "A value for the text holds a line end or another control character. Nothing was sent."
)
NO_VARIABLE = Refusal("text.no_variable", "The text names a value that this notice does not have. Nothing was sent.")

NO_PROVIDER = Refusal("provider.not_found", "No provider of this name is connected.", Ground.NOT_FOUND)
NOT_SIGNED = Refusal(
    "receipt.not_signed", "The signature of this receipt is not the provider's.", Ground.UNAUTHENTICATED
)

NOT_KNOWN = Refusal(
    "status.not_known",
    "We know no case by this code and date of birth. Look at your receipt, or try again in an hour.",
    Ground.NOT_FOUND,
)
DOOR_CLOSED = Refusal("status.too_many", "Too many tries. Wait a quarter of an hour and try again.", Ground.BUSY)
PASS_OVER = Refusal("status.pass_over", "This page is too old. Enter your code again.", Ground.FORBIDDEN)

NAME_TAKEN = Refusal("subscriber.name", "There is a subscriber of this name already.", Ground.CONFLICT)
NO_SUBSCRIBER = Refusal("subscriber.not_found", "There is no such subscriber.", Ground.NOT_FOUND)
BAD_URL = Refusal("subscriber.url", "The address must begin with https:// and must not lie in our own network.")
BAD_TYPE = Refusal("subscriber.type", "There is no such event, or it is not for the outside. See docs/events.md.")
