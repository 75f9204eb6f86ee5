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

TURN_TAKEN = Refusal(
    "entry.turn_taken",
    "Another entry of this device has this place in the case already. Send this one with the next case sequence.",
    Ground.CONFLICT,
)
ENTRY_HELD = Refusal(
    "entry.held", "Kept until the entries of this case that come before it are here. Send those too.", Ground.CONFLICT
)
ENTRY_GIVEN_UP = Refusal(
    "entry.given_up",
    "What this entry waited for never came, and the operator gave it up. Capture it anew if it still counts.",
    Ground.CONFLICT,
)
NOT_HELD = Refusal("entry.not_held", "No entry with this id waits for others.", Ground.NOT_FOUND)
FIELDS_CLASH = Refusal(
    "case.fields_clash",
    "Another device changed the same fields to other values. Nothing is lost: decide in the conflict inbox.",
    Ground.CONFLICT,
)
NO_CONFLICT = Refusal("conflict.not_found", "There is no such conflict.", Ground.NOT_FOUND)
CONFLICT_DECIDED = Refusal("conflict.decided", "Somebody has decided this conflict already.", Ground.CONFLICT)

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
CURSOR_UNREADABLE = Refusal(
    "changes.cursor", "This is no cursor of ours. Send the last one as it was given, or none to get everything."
)
NO_DEVICE = Refusal("device.not_found", "There is no such device.", Ground.NOT_FOUND)
NO_DOCUMENT = Refusal("document.not_found", "There is no such document, or it is still being made.", Ground.NOT_FOUND)


CASE_ENDED = Refusal(
    "case.ended", "This case has come to an end. Reopen it in the office if something must change.", Ground.CONFLICT
)
CASE_CLOSED = Refusal("case.closed", "This case is closed already.", Ground.CONFLICT)
CASE_NOT_ENDED = Refusal("case.not_ended", "This case is still open. Finish it or withdraw it first.", Ground.CONFLICT)
REASON_MISSING = Refusal("case.reason_missing", "Say why, in a few words: the next one who has it will ask.")
QUESTION_ASKED = Refusal(
    "case.question_asked",
    "The register was asked about this person already. Withdraw the case and open another one for somebody else.",
    Ground.CONFLICT,
)
STEP_NOT_TAKEN = Refusal("case.step_not_taken", "This service does not have that step.")
IDENTIFICATION_TOO_WEAK = Refusal(
    "case.identification_too_weak", "This service needs a stronger proof of identity. See the list of what is accepted."
)
PAPER_UNKNOWN = Refusal("case.paper_unknown", "This case does not need that paper. Give it back.")
PAPER_HANDLING = Refusal(
    "case.paper_handling",
    "This paper is handled otherwise: one that is shown is not copied, one that is kept must be. See the catalogue.",
)
ALREADY_PAID = Refusal(
    "fee.already_paid", "The fee of this case is settled. Refund it before anything that changes it.", Ground.CONFLICT
)
RECEIPT_GIVEN = Refusal("case.receipt_given", "A provisional document was given already.", Ground.CONFLICT)
RECEIPT_NOT_NEEDED = Refusal(
    "case.receipt_not_needed", "No register is being asked, so there is nothing provisional to give.", Ground.CONFLICT
)

NUMBER_UNREADABLE = Refusal(
    "number.unreadable", "This is no number of ours: a digit is wrong or missing. Read it from the paper again."
)
NUMBER_NOT_IN_BLOCK = Refusal(
    "number.not_in_block", "This number was not leased to this device. Use one of its own block.", Ground.CONFLICT
)
NUMBER_TAKEN = Refusal("number.taken", "This number is used or void. Take the next one of the block.", Ground.CONFLICT)
BLOCK_RETURNED = Refusal("number.block_returned", "This block was given back already.", Ground.CONFLICT)

NUMBER_OF_OTHER_KIND = Refusal(
    "number.of_other_kind", "File numbers begin with GZ, receipts with BE, documents with UK. Take one of that series."
)
NO_BLOCK = Refusal("number.no_block", "This device has no such block.", Ground.NOT_FOUND)
BLOCK_OF_OTHERS = Refusal(
    "number.block_of_others", "Another device has leased a block under this id. Make a new id.", Ground.CONFLICT
)
TOO_MANY_BLOCKS = Refusal(
    "number.too_many_blocks",
    "This device holds 20 blocks of the series. Use or give back those first.",
    Ground.CONFLICT,
)

NO_TILL = Refusal("till.not_found", "There is no such till at this device.", Ground.NOT_FOUND)
TILL_OPEN = Refusal(
    "till.other_open", "This device has another till open. Count and close that one first.", Ground.CONFLICT
)
TILL_CLOSED = Refusal("till.closed", "This till was counted and closed already.", Ground.CONFLICT)
NO_REFUND = Refusal("refund.not_found", "Nothing is owed back under this id.", Ground.NOT_FOUND)
REFUND_PAID = Refusal("refund.paid", "This was paid out already. Do not pay it again.", Ground.CONFLICT)
REFUND_NOT_WAIVED = Refusal("refund.not_waived", "What is owed back is paid in cash or to the card.")

ATTACHMENT_ANNOUNCED_BADLY = Refusal(
    "attachment.announcement",
    "Announce it with Upload-Length and Upload-Metadata: attachment_id, case_id, sha256 (hex) and filetype (PDF, JPEG, "
    "PNG or WebP), the values in base64.",
)
ATTACHMENT_TOO_LARGE = Refusal(
    "attachment.too_large", "An attachment has at most 20 MiB. Scale the picture down.", Ground.TOO_LARGE
)
ATTACHMENT_ID_REUSED = Refusal(
    "attachment.id_reused", "Another attachment was announced under this id. Make a new one.", Ground.CONFLICT
)
ATTACHMENT_COMPLETE = Refusal("attachment.complete", "All of it is here already.", Ground.CONFLICT)
ATTACHMENT_OVERFULL = Refusal(
    "attachment.overfull", "More bytes than were announced. Announce it anew under a new id.", Ground.TOO_LARGE
)
ATTACHMENT_BROKEN = Refusal(
    "attachment.hash",
    "The bytes are not those that were announced. What came was thrown away: send it again from the beginning.",
)
ATTACHMENT_LIES = Refusal(
    "attachment.kind",
    "The file is not of the kind it was announced as. It was thrown away: announce it as what it is, under a new id.",
)
TOO_MANY_ATTACHMENTS = Refusal(
    "attachment.too_many", "This device has 200 attachments half sent. Finish those first.", Ground.CONFLICT
)
NO_ATTACHMENT = Refusal(
    "attachment.not_found", "There is no such attachment, or not all of it is here.", Ground.NOT_FOUND
)

STAMP_UNREADABLE = Refusal(
    "stamp.unreadable", "This is no stamp of a Wanderamt document, or a part of it is missing. Scan the code again."
)
STAMP_OF_OTHERS = Refusal(
    "stamp.other_authority",
    "The stamp names a key that is not known here. Get the certificate of the authority that issued the paper.",
)
STAMP_FORGED = Refusal("stamp.forged", "The stamp was changed or not made by this authority. Do not accept the paper.")
STAMP_MISSING = Refusal(
    "stamp.missing",
    "There is no code of a Wanderamt document on it. Take the picture nearer, or of the whole page.",
)
VERIFICATION_BUSY = Refusal(
    "verification.busy", "Too many papers are being checked just now. Try again in a minute.", Ground.BUSY
)
LIST_UNREADABLE = Refusal("status_list.unreadable", "This is no status list. Download it again.")
SIGNATURE_MISSING = Refusal("document.unsigned", "The file carries no signature. Ask for the original file.")
SIGNATURE_BROKEN = Refusal(
    "document.forged", "The file was changed after it was signed, or not signed by this authority. Do not accept it."
)
FILE_UNREADABLE = Refusal("document.unreadable", "This is neither a PDF nor a picture with a QR code on it.")


def fee_fact_missing(fact: str) -> Refusal:
    """An amount depends on something nobody has asked yet."""
    return Refusal("fee.fact_missing", f"The fee depends on '{fact}'. Ask for it, then price the case again.")


def field_wrong(what: str) -> Refusal:
    """`what` names the field and what was expected, never the value."""
    return Refusal("case.field_wrong", f"{what}. Correct it and send it again.")


def wrong_offset(expected: int) -> Refusal:
    return Refusal("attachment.offset", f"{expected} bytes are here. Go on from there.", Ground.CONFLICT)


def receipts_missing(count: int) -> Refusal:
    """The device gave more receipts under this till than have arrived."""
    return Refusal(
        "till.receipts_missing",
        f"{count} receipts of this till have not arrived. Send everything from the device, then close it.",
        Ground.CONFLICT,
    )


def till_difference(cents: int) -> Refusal:
    """`cents`: too much when positive."""
    return Refusal(
        "till.difference",
        f"There are {abs(cents)} cents too {'much' if cents > 0 else 'little'}. Count again, or say why in the note.",
    )


def step_too_early(step: str, earlier: str) -> Refusal:
    return Refusal("case.step_too_early", f"'{earlier}' comes before '{step}'. Do that first.", Ground.CONFLICT)


def wrong_amount(owed_cents: int) -> Refusal:
    return Refusal("fee.wrong_amount", f"The fee is {owed_cents} cents under the rules of this case. Charge that.")


NO_BUNDLE = Refusal(
    "bundle.no_stand", "This stand is not known here (yet). Wait a moment, or ask who plans it.", Ground.NOT_FOUND
)
STAND_GONE = Refusal("bundle.stand_gone", "This stand is cancelled or over. Sign in for another one.", Ground.CONFLICT)
NOT_YOUR_STAND = Refusal(
    "bundle.other_stand", "The token is for another stand. Sign in for this one to load its bundle.", Ground.FORBIDDEN
)

CODE_UNKNOWN = Refusal(
    "enrolment.code", "This code is not known or has run out. Ask the operator for a new one.", Ground.NOT_FOUND
)
CODE_USED = Refusal(
    "enrolment.code_used", "Another device has used this code. Ask the operator for a new one.", Ground.CONFLICT
)
OTHER_KEY = Refusal(
    "enrolment.other_key",
    "This device is known with another key. Ask the operator for a new code and enrol it as a new device.",
    Ground.CONFLICT,
)
NO_SESSION_STAND = Refusal(
    "session.stand", "This stand is not known, cancelled or over. Choose another one.", Ground.CONFLICT
)
LEASE_FORGED = Refusal("number.lease_forged", "This is no lease of ours, or not one of this device.")
EXPORT_UNREADABLE = Refusal(
    "export.unreadable", "This is no export of a field device, or not one of this city. Copy the file again."
)
KEY_UNREADABLE = Refusal("enrolment.key", "This is no public P-256 key. Let the device make a new one.")
