"""Every refusal of intake. Codes are published: never change one, add a new one."""

from wanderamt.kernel.refusal import Ground, Refusal

MALFORMED_BODY = Refusal(
    "request.malformed_json", "The request is not JSON. Send it again; entries stay on the device."
)
NO_ENTRIES = Refusal("request.no_entries", "Send {'entries': [...]}, or one JSON entry a line as application/x-ndjson.")
TOO_MANY_ENTRIES = Refusal("request.too_many_entries", "Send at most 500 entries in one request.", Ground.TOO_LARGE)

MALFORMED_ENTRY = Refusal("entry.malformed_json", "This line is not JSON. Send the entry again.")
ENTRY_TOO_LARGE = Refusal(
    "entry.too_large", "An entry holds at most 1 MiB. Photos and scans travel as attachments.", Ground.TOO_LARGE
)
UNKNOWN_TYPE = Refusal(
    "entry.unknown_type", "This server does not know this kind of entry. Update the app or the server."
)
INVALID_ENTRY = Refusal("entry.invalid", "Correct the named fields and send the entry again with a new entry id.")
ENTRY_ID_REUSED = Refusal(
    "entry.id_reused",
    "Another entry with this id or device sequence was taken before. Send this one with new ones.",
    Ground.CONFLICT,
)
OTHER_STAND = Refusal(
    "entry.other_stand",
    "The entry belongs to another stand than your sign-in. Sign in for that stand and send it again.",
    Ground.FORBIDDEN,
)

UNKNOWN_SERVICE = Refusal("case.unknown_service", "This service is not offered here. Choose one from the stand's list.")
UNKNOWN_EDITION = Refusal(
    "case.unknown_edition",
    "The rules this case was opened under are not in the catalogue any more. Put that edition back: editions are never "
    "removed while cases refer to them.",
)
CASE_EXISTS = Refusal(
    "case.exists", "This case is open already. Add to it instead of opening it again.", Ground.CONFLICT
)
NO_CASE = Refusal("case.not_found", "There is no such case.", Ground.NOT_FOUND)

NOT_ENROLLED = Refusal(
    "device.not_enrolled",
    "This device is not enrolled or was revoked. Ask the operator; the entries stay on it.",
    Ground.FORBIDDEN,
)
NO_DEVICE = Refusal("device.not_found", "There is no such device.", Ground.NOT_FOUND)
NO_DOCUMENT = Refusal("document.not_found", "There is no such document, or it is still being made.", Ground.NOT_FOUND)


def fee_fact_missing(fact: str) -> Refusal:
    """An amount depends on something nobody has asked yet."""
    return Refusal("fee.fact_missing", f"The fee depends on '{fact}'. Ask for it, then price the case again.")
