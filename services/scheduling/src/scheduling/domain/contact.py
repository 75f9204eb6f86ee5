"""Whether somebody who books can be reached."""

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import UNREACHABLE

HOME = "AT"  # how a number without a country is read


def reachable(phone: str, email: str) -> tuple[str | None, str | None] | Refusal:
    """Number (E.164) and address in their one form. Whether a number takes messages is for notifications to say."""
    number = address = None
    try:
        if phone:
            parsed = phonenumbers.parse(phone.replace("(0)", ""), HOME)
            if not phonenumbers.is_possible_number(parsed):
                return UNREACHABLE
            number = str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))
        if email:
            address = str(validate_email(email, check_deliverability=False, test_environment=True).normalized)
    except (NumberParseException, EmailNotValidError):
        return UNREACHABLE
    return (number, address) if number or address else UNREACHABLE
