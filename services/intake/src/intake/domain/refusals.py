"""All refusals of intake, but ID_TAKEN. Codes are public: never change a code, add a new one."""

from collections.abc import Iterable
from uuid import UUID

from wanderamt.kernel.refusal import Refusal, RefusalKind

MALFORMED_BODY = Refusal(
    "request.malformed_json", "The request is not JSON. Send it again; the entries stay on the device."
)
NO_ENTRIES = Refusal(
    "request.no_entries", "Send {'entries': [...]}, or one JSON entry per line as application/x-ndjson."
)
TOO_MANY_ENTRIES = Refusal(
    "request.too_many_entries", "Send at most 500 entries in one request.", RefusalKind.TOO_LARGE
)
TOO_MANY_VALUES = Refusal(
    "request.too_many_values", "The entries hold too many values. Send them in several requests.", RefusalKind.TOO_LARGE
)

MALFORMED_ENTRY = Refusal("entry.malformed_json", "This line is not JSON. Send the entry again.")
ENTRY_TOO_LARGE = Refusal(
    "entry.too_large",
    "An entry has at most 1 MiB and 4,000 values. Upload photos and scans as attachments.",
    RefusalKind.TOO_LARGE,
)
UNKNOWN_TYPE = Refusal(
    "entry.unknown_type", "The server does not know this type of entry. Update the app or the server."
)
INVALID_ENTRY = Refusal("entry.invalid", "Correct the named fields and send the entry again with a new entry id.")
ENTRY_ID_REUSED = Refusal(
    "entry.id_reused",
    "Another entry already has this id or device sequence. Send this one with a new id and sequence.",
    RefusalKind.CONFLICT,
)
OTHER_STAND = Refusal(
    "entry.other_stand",
    "The entry belongs to another stand than your sign-in. Sign in for that stand and send the entry again.",
    RefusalKind.FORBIDDEN,
)

SEQUENCE_TAKEN = Refusal(
    "entry.turn_taken",
    "Another entry of this device already has this case sequence. Send this one with the next case sequence.",
    RefusalKind.CONFLICT,
)
ENTRY_HELD = Refusal(
    "entry.held",
    "The entry waits for earlier entries of this case. Send those too.",
    RefusalKind.CONFLICT,
)
TOO_MANY_HELD = Refusal(
    "entry.too_many_held",
    "500 entries of this device wait for earlier ones, and this one was not stored. Keep it, send the earlier entries "
    "first, then send it again unchanged.",
    RefusalKind.TOO_MANY,
)
ENTRY_ABANDONED = Refusal(
    "entry.given_up",
    "The entries before this one never arrived, and the operator abandoned it. Capture it again if it is still needed.",
    RefusalKind.CONFLICT,
)
NOT_HELD = Refusal("entry.not_held", "No waiting entry has this id.", RefusalKind.NOT_FOUND)
FIELDS_CONFLICT = Refusal(
    "case.fields_clash",
    "Another device changed the same fields to other values. Both values are kept: decide in the list of conflicts.",
    RefusalKind.CONFLICT,
)
NO_CONFLICT = Refusal("conflict.not_found", "This conflict does not exist.", RefusalKind.NOT_FOUND)
CONFLICT_DECIDED = Refusal("conflict.decided", "This conflict is already decided.", RefusalKind.CONFLICT)

UNKNOWN_SERVICE = Refusal(
    "case.unknown_service", "This service is not offered here. Choose one from the list of the stand."
)
UNKNOWN_EDITION = Refusal(
    "case.unknown_edition",
    "The catalogue no longer has the edition of this case. Restore that edition: never remove an edition while cases "
    "refer to it.",
)
CASE_EXISTS = Refusal(
    "case.exists", "This case is already open. Add to it instead of opening it again.", RefusalKind.CONFLICT
)
CASE_OF_OTHER_STAND = Refusal(
    "case.other_stand",
    "This case belongs to another stand. Take it to your stand first, with a written reason, and send the entry again.",
    RefusalKind.FORBIDDEN,
)
NO_CASE = Refusal("case.not_found", "This case does not exist.", RefusalKind.NOT_FOUND)

CURSOR_UNREADABLE = Refusal(
    "changes.cursor",
    "The cursor is not valid on this server. Send the last cursor unchanged, or omit it to get everything.",
)
NO_DEVICE = Refusal(
    "device.not_found", "This device does not exist. Look up its id in the list of devices.", RefusalKind.NOT_FOUND
)
DOCUMENT_ID_TAKEN = Refusal(
    "document.id_reused",
    "Another document has this id. Print the document again with a new id and number.",
    RefusalKind.CONFLICT,
)
NO_DOCUMENT = Refusal(
    "document.not_found", "This document does not exist, or it is not rendered yet.", RefusalKind.NOT_FOUND
)


CASE_ENDED = Refusal(
    "case.ended",
    "This case has ended. If something must change, the back office reopens it.",
    RefusalKind.CONFLICT,
)
CASE_CLOSED = Refusal("case.closed", "This case is already closed.", RefusalKind.CONFLICT)
CASE_NOT_ENDED = Refusal(
    "case.not_ended", "This case is still open. Finish or withdraw it first.", RefusalKind.CONFLICT
)
NO_OBLIGATION = Refusal(
    "obligation.unknown", "This case has no such obligation. Look at its list of obligations.", RefusalKind.NOT_FOUND
)
LIST_PLACE_UNREADABLE = Refusal(
    "list.place", "This is no place in the list. Send 'after' as the page before gave it, or omit it."
)
OBLIGATIONS_OPEN = Refusal(
    "case.obligations_open",
    "Obligations of this case are still open. Note first that they are fulfilled, or why they are not needed.",
    RefusalKind.CONFLICT,
)
CASE_DELETED = Refusal(
    "case.deleted",
    "This case was deleted, because its retention period is over. Open a new case.",
    RefusalKind.CONFLICT,
)
REASON_MISSING = Refusal("case.reason_missing", "Give a short reason for the next person who works on the case.")
COMMAND_ON_ITS_WAY = Refusal(
    "case.command_on_its_way",
    "A register is just writing what you want to change. Wait for its answer, then correct it.",
    RefusalKind.CONFLICT,
)
STEP_NOT_IN_SERVICE = Refusal("case.step_not_taken", "This service does not have this step.")
IDENTIFICATION_TOO_WEAK = Refusal(
    "case.identification_too_weak", "This service needs a stronger proof of identity. See the list of accepted proofs."
)
DOCUMENT_NOT_REQUIRED = Refusal("case.paper_unknown", "This case does not need this document. Give it back.")
WRONG_DOCUMENT_HANDLING = Refusal(
    "case.paper_handling",
    "Wrong handling: the catalogue says whether this document is only shown, scanned, or kept as a copy.",
)
ALREADY_PAID = Refusal(
    "fee.already_paid",
    "The fee of this case is already settled. Refund it before you change what it depends on.",
    RefusalKind.CONFLICT,
)
PROVISIONAL_ALREADY_GIVEN = Refusal(
    "case.receipt_given", "This case already has a provisional document.", RefusalKind.CONFLICT
)
PROVISIONAL_NOT_ALLOWED = Refusal(
    "case.receipt_not_allowed",
    "This service has no provisional document: it is issued once the registers have answered.",
    RefusalKind.CONFLICT,
)
PROVISIONAL_NOT_NEEDED = Refusal(
    "case.receipt_not_needed",
    "No register query is open, so the case needs no provisional document.",
    RefusalKind.CONFLICT,
)

NUMBER_UNREADABLE = Refusal(
    "number.unreadable", "This number is not valid: a digit is wrong or missing. Read it from the document again."
)
NUMBER_NOT_IN_BLOCK = Refusal(
    "number.not_in_block",
    "This number is not leased to this device. Use a number of its own blocks.",
    RefusalKind.CONFLICT,
)
NUMBER_TAKEN = Refusal(
    "number.taken", "This number is already used or void. Take the next number of the block.", RefusalKind.CONFLICT
)
BLOCK_RETURNED = Refusal("number.block_returned", "This block is already returned.", RefusalKind.CONFLICT)

NUMBER_OF_OTHER_KIND = Refusal(
    "number.of_other_kind",
    "File numbers begin with GZ, receipts with BE, documents with UK. Use a number of the right series.",
)
NO_BLOCK = Refusal("number.no_block", "This device has no such block.", RefusalKind.NOT_FOUND)
BLOCK_ID_TAKEN = Refusal("number.block_of_others", "Another block has this id. Create a new id.", RefusalKind.CONFLICT)
TOO_MANY_BLOCKS = Refusal(
    "number.too_many_blocks",
    "This device holds 20 blocks of the series. Use or return those first.",
    RefusalKind.CONFLICT,
)
BLOCKS_OF_DAY_USED = Refusal(
    "number.too_many_blocks_today",
    "This device has leased 40 blocks of the series today. Use those, or lease again tomorrow.",
    RefusalKind.TOO_MANY,
)
SERIES_USED_UP = Refusal(
    "number.series_used_up",
    "The series has no numbers left this year. Call the operator, who finds out which devices leased them.",
    RefusalKind.CONFLICT,
)

NO_TILL = Refusal("till.not_found", "This device has no such till.", RefusalKind.NOT_FOUND)
TILL_OPEN = Refusal(
    "till.other_open", "This device has another open till. Count and close that one first.", RefusalKind.CONFLICT
)
TILL_CLOSED = Refusal("till.closed", "This till is already counted and closed.", RefusalKind.CONFLICT)
NO_REFUND = Refusal("refund.not_found", "No refund has this id.", RefusalKind.NOT_FOUND)
REFUND_PAID = Refusal("refund.paid", "This refund is already paid. Do not pay it again.", RefusalKind.CONFLICT)
REFUND_NOT_WAIVED = Refusal("refund.not_waived", "Pay a refund in cash or to the card.")

ATTACHMENT_ANNOUNCEMENT_INVALID = Refusal(
    "attachment.announcement",
    "Announce it with Upload-Length and Upload-Metadata: attachment_id, case_id, sha256 (hex) and filetype (PDF, JPEG, "
    "PNG or WebP), the values in base64.",
)
ATTACHMENT_TOO_LARGE = Refusal(
    "attachment.too_large", "An attachment has at most 20 MiB. Reduce the size of the picture.", RefusalKind.TOO_LARGE
)
ATTACHMENT_ID_REUSED = Refusal(
    "attachment.id_reused", "Another attachment has this id. Create a new id.", RefusalKind.CONFLICT
)
ATTACHMENT_COMPLETE = Refusal("attachment.complete", "The upload is already complete.", RefusalKind.CONFLICT)
ATTACHMENT_TOO_LONG = Refusal(
    "attachment.overfull",
    "The upload has more bytes than announced. Announce it again with a new id.",
    RefusalKind.TOO_LARGE,
)
ATTACHMENT_HASH_WRONG = Refusal(
    "attachment.hash",
    "The content does not match the announced hash. The server deleted it: send it again from the beginning.",
)
ATTACHMENT_TYPE_WRONG = Refusal(
    "attachment.kind",
    "The file is not of the announced type. The server deleted it: announce it with the right type and a new id.",
)
TOO_MANY_ATTACHMENTS = Refusal(
    "attachment.too_many", "This device has 200 incomplete attachments. Finish those first.", RefusalKind.CONFLICT
)
CASE_HAS_MANY_ATTACHMENTS = Refusal(
    "attachment.case_full", "This case has 100 attachments already. Send no more; ask the office.", RefusalKind.CONFLICT
)
NO_ATTACHMENT = Refusal(
    "attachment.not_found", "This attachment does not exist, or its upload is not complete.", RefusalKind.NOT_FOUND
)

SEAL_UNREADABLE = Refusal(
    "stamp.unreadable", "This is not the code of a Wanderamt document, or a part of it is missing. Scan the code again."
)
SEAL_KEY_UNKNOWN = Refusal(
    "stamp.other_authority",
    "The key of this document is unknown here. Get the certificate of the authority that issued the document.",
)
SEAL_FORGED = Refusal(
    "stamp.forged", "The code was changed, or this authority did not create it. Do not accept the document."
)
SEAL_MISSING = Refusal(
    "stamp.missing",
    "The picture shows no code of a Wanderamt document. Take it closer, or of the whole page.",
)
VERIFICATION_BUSY = Refusal(
    "verification.busy", "Too many verifications are running. Try again in a minute.", RefusalKind.BUSY
)
NETWORK_VERIFIES = Refusal(
    "verification.too_many",
    "Several verifications of your network are running. Wait for their answers, then try again.",
    RefusalKind.TOO_MANY,
)
TOO_MANY_PIXELS = Refusal(
    "verification.too_many_pixels",
    "The picture has too many pixels. Take a smaller one, or one of the QR code alone.",
    RefusalKind.TOO_LARGE,
)
VERIFICATION_TOO_LONG = Refusal(
    "verification.too_long", "The search took too long. Take a picture of the QR code alone, or enter its text."
)
LIST_UNREADABLE = Refusal("status_list.unreadable", "This is not a status list. Download it again.")
SIGNATURE_MISSING = Refusal("document.unsigned", "The file has no signature. Ask for the original file.")
SIGNATURE_BROKEN = Refusal(
    "document.forged", "The file was changed after signing, or this authority did not sign it. Do not accept it."
)
FILE_UNREADABLE = Refusal("document.unreadable", "This is neither a PDF nor a picture with a QR code.")


def fee_fact_missing(fact: str) -> Refusal:
    """An amount depends on a fact that is still unknown."""
    return Refusal("fee.fact_missing", f"The fee depends on '{fact}'. Ask for it, then price the case again.")


def invalid_field(fault: str) -> Refusal:
    """`fault`: names the field and the expected type, never the value."""
    return Refusal("case.field_wrong", f"{fault.removesuffix('.')}. Correct it and send it again.")


def not_admitted(rule: str, sentence: str) -> Refusal:
    """`rule`: its code in the catalogue. `sentence`: what the citizen is told."""
    return Refusal(f"admission.{rule}", sentence, RefusalKind.CONFLICT)


def wrong_offset(expected: int) -> Refusal:
    return Refusal("attachment.offset", f"The server has {expected} bytes. Continue from there.", RefusalKind.CONFLICT)


def attachment_incomplete(attachment_id: UUID, missing: Iterable[tuple[int, int]]) -> Refusal:
    """`missing`: the first and the last byte of each part, counted from 0."""
    parts = ", ".join(f"{first} to {last}" for first, last in missing)
    return Refusal(
        "attachment.incomplete",
        f"The export lacks the bytes {parts} of attachment {attachment_id}. Export the device again, or copy the file "
        "again, and repeat the import.",
    )


def receipts_missing(count: int) -> Refusal:
    """The device issued more receipts for this till than have arrived."""
    return Refusal(
        "till.receipts_missing",
        f"{count} receipts of this till have not arrived. Send all entries from the device, then close the till.",
        RefusalKind.CONFLICT,
    )


def till_difference(cents: int) -> Refusal:
    """`cents`: positive if the till holds too much."""
    return Refusal(
        "till.difference",
        f"The till has {abs(cents)} cents too {'much' if cents > 0 else 'little'}. Count again, or note the reason.",
    )


def step_too_early(step: str, earlier: str) -> Refusal:
    return Refusal(
        "case.step_too_early", f"'{earlier}' comes before '{step}'. Do '{earlier}' first.", RefusalKind.CONFLICT
    )


def wrong_amount(owed_cents: int) -> Refusal:
    return Refusal("fee.wrong_amount", f"The fee of this case is {owed_cents} cents. Charge that amount.")


NO_BUNDLE = Refusal(
    "bundle.no_stand", "This stand is not known yet. Wait a moment, or ask the planner.", RefusalKind.NOT_FOUND
)
STAND_OVER = Refusal(
    "bundle.stand_gone", "This stand is cancelled or over. Sign in for another one.", RefusalKind.CONFLICT
)
CODE_UNKNOWN = Refusal(
    "enrolment.code", "This code is unknown or has expired. Ask the operator for a new one.", RefusalKind.NOT_FOUND
)
TOO_MANY_CODES = Refusal(
    "enrolment.too_many_codes",
    "Too many wrong codes came from this network address. Wait a quarter of an hour and try again.",
    RefusalKind.TOO_MANY,
)
CODE_USED = Refusal(
    "enrolment.code_used", "This code was used before. Ask the operator for a new one.", RefusalKind.CONFLICT
)
DEVICE_KNOWN = Refusal(
    "enrolment.known_device",
    "This device id is enrolled already, and this code is for a new device. Enrol with a new device id, or ask the "
    "operator for a code that is made for this device.",
    RefusalKind.CONFLICT,
)
OTHER_DEVICE = Refusal(
    "enrolment.other_device",
    "This code was made for another device. Ask the operator for a code for this one.",
    RefusalKind.CONFLICT,
)
OTHER_KEY = Refusal(
    "enrolment.other_key",
    "This device is enrolled with another key. Ask the operator for a code that is made for this device.",
    RefusalKind.CONFLICT,
)
NO_SESSION_STAND = Refusal(
    "session.stand", "This stand is unknown, cancelled or over. Choose another one.", RefusalKind.CONFLICT
)
LEASE_FORGED = Refusal("number.lease_forged", "The lease is not valid, or it belongs to another device.")
EXPORT_UNREADABLE = Refusal(
    "export.unreadable", "This is not an export of a device of this city, or the file is damaged. Copy the file again."
)
KEY_UNREADABLE = Refusal("enrolment.key", "This is not a public P-256 key. Let the device create a new key.")
NO_SESSION = Refusal("session.unknown", "No running session has this id. List them again.", RefusalKind.NOT_FOUND)
NOT_CUT_OFF = Refusal("officer.not_cut_off", "This officer is not cut off. List those who are.", RefusalKind.NOT_FOUND)
TOO_MANY_WAIT = Refusal(
    "changes.too_many_wait",
    "Too many devices wait for changes. Ask again in a minute, or without wait_s.",
    RefusalKind.BUSY,
)
