"""An unsigned PDF."""

import pytest
import typst


@pytest.fixture(scope="session")
def page() -> bytes:
    pdf = typst.compile("Meldebestätigung".encode(), format="pdf", pdf_standards=["a-3b"])
    assert isinstance(pdf, bytes)
    return pdf
