"""An authority with a key of its own, and a page to be signed."""

from datetime import UTC, datetime

import pytest
import typst
from intake.proof.authority import Authority, Trust, new_authority
from pydantic import SecretStr

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def authority() -> Authority:
    key, certificate = new_authority("Stadt Linz", now=NOW)
    return Authority.read("at-linz", SecretStr(key), certificate)


@pytest.fixture(scope="session")
def stranger() -> Trust:
    return Trust.read(new_authority("Stadt Anderswo", now=NOW)[1])


@pytest.fixture(scope="session")
def page() -> bytes:
    pdf = typst.compile("Meldebestätigung".encode(), format="pdf", pdf_standards=["a-3b"])
    assert isinstance(pdf, bytes)
    return pdf
