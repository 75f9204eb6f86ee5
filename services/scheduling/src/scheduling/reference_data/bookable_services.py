"""Reads which services citizens can book: from the catalogue that intake reads too, or from the city's own file."""

from pathlib import Path

from service_catalogue.models import Booking
from service_catalogue.reader import read_bookings, read_bookings_file

from scheduling.domain.bookable_service import BookableService


def read_bookable_services(services_file: str = "", catalogue_folder: Path | None = None) -> dict[str, BookableService]:
    """By code. `services_file` replaces the catalogue. Raises OSError, and ValueError that names each mistake."""
    bookings = read_bookings_file(Path(services_file)) if services_file else read_bookings(catalogue_folder)
    return {code: _bookable_service(code, booking) for code, booking in bookings.items()}


def _bookable_service(code: str, booking: Booking) -> BookableService:
    return BookableService(
        code=code,
        minutes=booking.minutes,
        kit=booking.kit,
        titles=booking.titles.model_dump(),
        bring=booking.bring.model_dump(),
        prior=booking.prior,
    )
