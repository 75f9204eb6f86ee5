"""Local time and public holidays at the place of an authority."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_catalogue.authority import profile_of_catalogue, shipped_profile
from service_catalogue.local_calendar import LocalCalendar
from service_catalogue.reader import CatalogueError

ZONES = ("Europe/Vienna", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati", "UTC")


@given(at=st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)), zone=st.sampled_from(ZONES))
def test_the_day_is_that_of_the_zone(at: datetime, zone: str) -> None:
    assert LocalCalendar(ZoneInfo(zone)).day_of(at) == at.astimezone(ZoneInfo(zone)).date()


def test_holidays_are_those_of_country_and_province() -> None:
    national_day = date(2026, 10, 26)
    upper_austria, zurich = (LocalCalendar(holidays_of=code) for code in ("AT-4", "CH-ZH"))
    assert upper_austria.holiday(national_day) == "Nationalfeiertag"
    assert upper_austria.holiday(national_day, "en_US") == "National Day"
    assert not zurich.holiday(national_day)
    assert zurich.holiday(date(2026, 8, 1))
    assert not LocalCalendar().holiday(date(2026, 1, 1))


def test_the_setting_names_the_authority_of_the_catalogue() -> None:
    shipped = shipped_profile()
    assert profile_of_catalogue(None, configured="") == profile_of_catalogue(None, configured=shipped.code) == shipped
    with pytest.raises(CatalogueError, match="belongs to at-linz, and WANDERAMT_AUTHORITY names at-wels"):
        profile_of_catalogue(None, configured="at-wels")
