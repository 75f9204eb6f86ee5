"""Checks the contact of a citizen who books."""

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import UNREACHABLE

MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
DEFAULT_REGION = "AT"  # for numbers without a country code


Contact = tuple[str | None, str | None]
"""(number as E.164, e-mail address), one of them at least."""


def can_receive_code(contact: Contact) -> bool:
    """Whether a code can be sent: to a mobile number, or without a number to the e-mail address."""
    phone, email = contact
    if not phone:
        return bool(email)
    return phonenumbers.number_type(phonenumbers.parse(phone)) in MOBILE


def normalise_contact(phone: str, email: str) -> Contact | Refusal:
    """(number as E.164, normalised address). Notifications decides whether a number can receive messages."""
    number = address = None
    try:
        if phone:
            parsed = phonenumbers.parse(phone.replace("(0)", ""), DEFAULT_REGION)
            if not phonenumbers.is_possible_number(parsed):
                return UNREACHABLE
            number = str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))
            if phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.E164) != number:
                return UNREACHABLE  # needless zeros: notifications would read another number
        if email:
            checked = validate_email(email, check_deliverability=False, test_environment=True, allow_smtputf8=False)
            address = checked.ascii_email  # as every mail server takes it
    except (NumberParseException, EmailNotValidError):
        return UNREACHABLE
    return (number, address) if number or address else UNREACHABLE
