"""Papers, checked by everybody: on the page, by the route, on the command line without a network."""

import asyncio
import io
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from intake.api.verification import ANSWER_S, MAX_FILE_BYTES
from intake.cli.papers import paper, verify
from intake.domain.process.case import CaseState
from intake.domain.proof import Claims
from intake.paper.readers import MAX_WAITING
from intake.proof.authority import Authority
from intake.proof.paper import STAMP_FILE
from intake.proof.stamp import stamp as make_stamp
from pypdf import PdfReader
from typer import Typer
from typer.testing import CliRunner, Result
from wanderamt.backbone.sources import utc_now


@pytest.fixture(autouse=True)
def news_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intake.api.verification.LIST_FOR", timedelta(0))


async def issued(desk: Any) -> tuple[str, bytes]:
    """A case that ended with a paper, and the paper."""
    entry = desk.entry(body=desk.whole())
    assert (await desk.sync(entry)).json()["results"][0]["status"] == "accepted"
    await desk.hear(entry["case_id"], "confirmed")
    assert (await desk.case(entry["case_id"]))["state"] == CaseState.FINAL
    return entry["case_id"], await desk.issue(entry["case_id"])


def stamp_of(pdf: bytes) -> str:
    [text] = PdfReader(io.BytesIO(pdf)).attachments[STAMP_FILE]
    return bytes(text).decode()


async def ask(desk: Any, stamp: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await desk.http.post("/verify", json={"stamp": stamp})).json()
    return answer


async def test_a_paper_is_valid_until_it_is_taken_back(desk: Any) -> None:
    case_id, pdf = await issued(desk)
    case = await desk.case(case_id)
    answer = await ask(desk, stamp_of(pdf))
    assert (answer["standing"], answer["number"]) == ("valid", case["document_number"])
    assert answer["holder"] == "Zoë Hadžić 01.04.1990"
    await desk.http.post(f"/cases/{case_id}/reopen", json={"reason": "the register was wrong"}, headers=desk.clerk())
    assert (await ask(desk, stamp_of(pdf)))["standing"] == "revoked"


async def test_papers_of_the_former_key_stay_valid(desk: Any, badge: Any, former: Authority) -> None:
    await issued(desk)
    [known] = await desk.rows("SELECT status_index FROM document")
    claims = Claims("at-linz", "MB-1", bytes(32), known["status_index"], issued_at=utc_now())
    assert (await ask(desk, make_stamp(claims, former)))["standing"] == "valid"
    certificates = (await desk.http.get("/authority.pem")).text
    assert certificates == badge.secrets.document_certificate + former.trust.pem


async def test_what_is_not_ours_is_refused_with_a_code(desk: Any) -> None:
    _, pdf = await issued(desk)
    stamp = stamp_of(pdf)
    changed = stamp[:99] + ("A" if stamp[99] != "A" else "B") + stamp[100:]
    assert (await ask(desk, changed))["code"] == "stamp.forged"
    assert (await ask(desk, "WA1:NONSENSE"))["code"] == "stamp.unreadable"
    assert (await ask(desk, "x" * 5000))["code"] == "request.invalid"


async def test_every_answer_takes_the_same_time(desk: Any) -> None:
    _, pdf = await issued(desk)
    for stamp in (stamp_of(pdf), stamp_of(pdf)[:-1] + "A", "WA1:NONSENSE"):
        begun = perf_counter()
        await ask(desk, stamp)
        assert perf_counter() - begun >= ANSWER_S


async def test_the_page_answers_to_a_file_and_to_the_text_of_a_code(desk: Any) -> None:
    _, pdf = await issued(desk)
    empty = await desk.http.get("/verify")
    assert "Ist dieses Papier echt?" in empty.text
    assert "script" not in empty.text
    assert "default-src 'none'" in empty.headers["content-security-policy"]
    for sent in ({"files": {"file": ("paper.pdf", pdf)}}, {"data": {"stamp": stamp_of(pdf)}}):
        told = await desk.http.post("/verify.html?lang=en", **sent)
        assert "This paper is genuine and valid." in told.text
        assert "Zoë Hadžić" in told.text
    bad = await desk.http.post("/verify.html", files={"file": ("x.pdf", pdf[:-40] + bytes(40))})
    assert "Das konnte nicht bestätigt werden." in bad.text
    nothing = await desk.http.post("/verify.html", data={"stamp": " "})
    assert 'role="status"' not in nothing.text
    large = await desk.http.post("/verify.html?lang=en", files={"file": ("x.jpg", bytes(MAX_FILE_BYTES + 1))})
    assert "The file is too large" in large.text


async def test_who_comes_when_too_many_ask_is_asked_to_come_again(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.service.parts["readers"], "_waiting", MAX_WAITING)
    reply = await desk.http.post("/verify", json={"stamp": "WA1:X"})
    assert (reply.status_code, reply.json()["code"]) == (503, "verification.busy")


def call(*words: str) -> Result:
    root = Typer()
    root.command()(verify)
    return CliRunner(env={"COLUMNS": "200"}).invoke(root, words)


async def test_the_command_checks_without_a_network(desk: Any, tmp_path: Path) -> None:
    case_id, pdf = await issued(desk)
    file, certificate, listed = tmp_path / "paper.pdf", tmp_path / "authority.pem", tmp_path / "list"
    file.write_bytes(pdf)

    async def download() -> list[str]:
        certificate.write_bytes((await desk.http.get("/authority.pem")).content)
        listed.write_bytes((await desk.http.get("/status-list")).content)
        return ["--certificate", str(certificate), "--status-list", str(listed)]

    beside = await download()
    for held in (str(file), stamp_of(pdf)):
        said = await asyncio.to_thread(call, held, *beside)
        assert said.exit_code == 0, said.output
        assert "genuine and valid" in said.output
    unknown = await asyncio.to_thread(call, str(file), "--certificate", str(certificate))
    assert (unknown.exit_code, "not known" in unknown.output) == (1, True)
    await desk.http.post(f"/cases/{case_id}/reopen", json={"reason": "the register was wrong"}, headers=desk.clerk())
    back = await asyncio.to_thread(call, str(file), *await download())
    assert (back.exit_code, "taken back" in back.output) == (1, True)
    file.write_bytes(pdf.replace(b"/Sig", b"/Sog", 1))
    forged = await asyncio.to_thread(call, str(file), *beside)
    assert (forged.exit_code, "do not accept" in forged.output.lower()) == (1, True)
    assert call("nothing.pdf", *beside).exit_code == 2
    assert call(str(file), "--certificate", str(listed)).exit_code == 2


def test_a_key_is_made_once(tmp_path: Path) -> None:
    made = CliRunner().invoke(paper, ["new-key", "Stadt Linz", "--folder", str(tmp_path)])
    assert made.exit_code == 0, made.output
    assert (tmp_path / "document.key").stat().st_mode & 0o777 == 0o600
    assert CliRunner().invoke(paper, ["new-key", "Stadt Linz", "--folder", str(tmp_path)]).exit_code == 2
