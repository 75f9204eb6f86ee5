"""What the stand prints: the paper and the receipt on the letterhead, as Chromium prints them."""

import asyncio
import io
from pathlib import Path

import pytest
import typst
from browser_fixtures import BUILD
from intake.domain.document_status import Claims
from intake.signing.authority import parse_certificates
from intake.signing.document_verification import verify_document
from intake.signing.qr_code import find_codes
from intake.signing.qr_seal import verify_seal
from pypdf import PdfReader
from service_catalogue.authority import load_letterhead
from service_catalogue.paper_texts import paper_texts
from wanderamt_faults.tablet import Tablet

PAPERS = BUILD / "papers"


async def printed(tablet: Tablet, sheet: str, name: str) -> tuple[str, bytes, int]:
    """The text of the print, a picture of its first page, and the number of pages. A copy stays in build/papers."""
    page = tablet.page
    await page.evaluate("(sheet) => void (document.body.dataset.sheet = sheet)", sheet)
    pdf: bytes = await page.pdf(prefer_css_page_size=True, print_background=True)
    await page.evaluate("() => void delete document.body.dataset.sheet")
    pages = PdfReader(io.BytesIO(pdf)).pages
    PAPERS.mkdir(parents=True, exist_ok=True)
    (PAPERS / f"{name}.pdf").write_bytes(pdf)
    picture = await asyncio.to_thread(picture_of, PAPERS / f"{name}.pdf")
    (PAPERS / f"{name}.png").write_bytes(picture)
    return "\n".join(part.extract_text() for part in pages), picture, len(pages)


def picture_of(pdf: Path) -> bytes:
    sheet = f'#set page(width: 210mm, height: 297mm, margin: 0mm)\n#image("{pdf.name}", page: 1)'
    source = pdf.with_suffix(".typ")
    source.write_text(sheet)
    picture = typst.compile(source, format="png", ppi=150)
    source.unlink()
    assert isinstance(picture, bytes)
    return picture


async def reference(tablet: Tablet, sheet: str, label: str) -> str:
    return str(await tablet.page.locator(f".{sheet} .references div", has_text=label).locator("dd").inner_text())


async def office_document(tablet: Tablet, number: str, file: Path) -> bytes:
    """Downloads the office's document of the case that is open on the screen."""
    page = tablet.page
    async with asyncio.timeout(60):
        while not await tablet.sql("SELECT 1 FROM document WHERE number = $1 AND pdf IS NOT NULL", number):
            await asyncio.sleep(0.2)
    await page.evaluate("dispatchEvent(new Event('online'))")
    async with page.expect_download() as download:
        await page.get_by_test_id("office-paper").click()
    await (await download.value).save_as(file)
    return await asyncio.to_thread(file.read_bytes)


def codes_of(picture: bytes) -> list[str]:
    codes = find_codes(picture)
    assert isinstance(codes, list)
    return codes


@pytest.mark.parametrize("language", ["de", "en"])
async def test_stand_and_office_print_one_number_and_one_date_on_one_letterhead(
    tablet: Tablet, tmp_path: Path, language: str
) -> None:
    page, profile = tablet.page, load_letterhead().profile
    trusted = parse_certificates(tablet.system.env("intake")["WANDERAMT_DOCUMENT_CERTIFICATE"])
    labels = paper_texts(language)
    await page.goto(f"{tablet.url}#/shift")
    await page.locator("#float").fill("50")
    await page.get_by_test_id("open-till").click()
    await page.get_by_test_id("close-till").wait_for()
    tablet.proxy.down = True
    await page.goto(f"{tablet.url}#/queue")
    await page.get_by_test_id("walk-in").click()
    await page.locator(f"input[name=language][value={language}]").check()
    await page.get_by_test_id("start-registration_confirmation").click()
    await page.locator("[data-stage]").wait_for()
    stamp = await tablet.continue_to_document()

    paper, picture, pages = await printed(tablet, "paper", f"stand-{language}")
    receipt, _, receipt_pages = await printed(tablet, "receipt", f"stand-receipt-{language}")
    assert (pages, receipt_pages) == (1, 1)
    for text in (paper, receipt):
        for shown in (profile.name.in_language(language), profile.department.in_language(language), profile.street):
            assert shown in text
        for of_the_screen in ("Zurück", "drucken", "Übergeben", "wanderamt verify", "Ergebnis"):
            assert of_the_screen not in text
        assert ("Seite 1 von 1" if language == "de" else "Page 1 of 1") in text
    title, heading = (
        ("Meldebestätigung", "Zahlungsbeleg")
        if language == "de"
        else ("Confirmation of registration", "Receipt for payment")
    )
    number = await reference(tablet, "paper", labels["document_number"])
    file_number = await reference(tablet, "paper", labels["file_number"])
    for shown in (
        title,
        "Öztürk",
        "Šemsa",
        number,
        file_number,
        "anna.huber@linz",
        "§ 19 Meldegesetz 1991",
        profile.verify_at,
    ):
        assert shown in paper
    for shown in (heading, "3,30" if language == "de" else "3.30", "MeldeV § 15", "Tablet 7", file_number, "BE-"):
        assert shown in receipt
    assert heading not in paper
    assert await asyncio.to_thread(codes_of, picture) == [stamp]
    claims = verify_seal(stamp, trusted)
    assert isinstance(claims, Claims)
    assert (claims.kind, claims.number) == (title, number)
    assert "Öztürk" in claims.holder

    case_url = page.url
    tablet.proxy.down = False
    await tablet.send_now()
    await tablet.wait_until_all_sent()
    await page.goto(case_url)
    pdf = await office_document(tablet, number, tmp_path / "office.pdf")
    office = await asyncio.to_thread(verify_document, pdf, trusted)
    assert isinstance(office, Claims)
    assert (office.number, office.issued_at, office.kind) == (claims.number, claims.issued_at, claims.kind)
    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert await reference(tablet, "paper", labels["place_and_day"]) in " ".join(text.split())
    assert number in text

    await page.goto(f"{tablet.url}#/verify")
    await page.locator("#stamp").fill(stamp)
    await page.get_by_test_id("verify").click()
    verdict = page.locator("[data-verdict=valid]")
    await verdict.wait_for()
    shown = await verdict.inner_text()
    for fact in (title, claims.main, number, claims.holder, profile.name.de, "Genau das muss darauf stehen"):
        assert fact in shown
