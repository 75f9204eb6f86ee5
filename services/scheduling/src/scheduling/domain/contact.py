"""Checks the contact of a citizen who books."""

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import UNREACHABLE

DEFAULT_REGION = "AT"  # for numbers without a country code


def normalise_contact(phone: str, email: str) -> tuple[str | None, str | None] | Refusal:
    """(number as E.164, normalised address). Notifications decides whether a number can receive messages."""
    number = address = None
    try:
        if phone:
            parsed = phonenumbers.parse(phone.replace("(0)", ""), DEFAULT_REGION)
            if not phonenumbers.is_possible_number(parsed):
                return UNREACHABLE
            number = str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))
        if email:
            address = str(validate_email(email, check_deliverability=False, test_environment=True).normalized)
    except (NumberParseException, EmailNotValidError):
        return UNREACHABLE
    return (number, address) if number or address else UNREACHABLE
