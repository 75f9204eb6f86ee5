"""Verification of documents: on the page, by the route, and on the command line without a network."""

import asyncio
import io
from collections import Counter
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from intake.api.verification import ANSWER_S, MAX_FILE_BYTES
from intake.cli.documents import document, verify
from intake.documents_pdf.verification_workers import MAX_PENDING, MAX_PENDING_OF_NETWORK
from intake.domain.case.state import CaseState
from intake.domain.document_status import HOLDER_MAX_BYTES, Claims
from intake.signing.authority import Authority
from intake.signing.document_verification import SEAL_FILE
from intake.signing.qr_seal import create_seal as make_stamp
from intake_fixtures import IntakeClient
from pypdf import PdfReader
from typer import Typer
from typer.testing import CliRunner, Result
from wanderamt.backbone.environment import utc_now
from wanderamt_testing.run_keys import RunKeys


@pytest.fixture(autouse=True)
def no_status_list_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intake.handlers.status_list.MAX_AGE", timedelta(0))


async def issued(intake_client: IntakeClient, **changes: Any) -> tuple[str, bytes]:
    """A finished case and its document."""
    entry = intake_client.entry(body=intake_client.complete_body() | changes)
    assert (await intake_client.sync(entry)).json()["results"][0]["status"] == "accepted"
    await intake_client.answer_register(entry["case_id"], "confirmed")
    assert (await intake_client.case(entry["case_id"]))["state"] == CaseState.FINAL
    return entry["case_id"], await intake_client.issue(entry["case_id"])


def stamp_of(pdf: bytes) -> str:
    [text] = PdfReader(io.BytesIO(pdf)).attachments[SEAL_FILE]
    return bytes(text).decode()


async def ask(intake_client: IntakeClient, stamp: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await intake_client.http.post("/verify", json={"stamp": stamp})).json()
    return answer


async def test_a_document_is_valid_until_it_is_revoked(intake_client: IntakeClient) -> None:
    case_id, pdf = await issued(intake_client)
    case = await intake_client.case(case_id)
    answer = await ask(intake_client, stamp_of(pdf))
    assert (answer["status"], answer["number"]) == ("valid", case["document_number"])
    assert answer["holder"] == "Zoë Hadžić 01.04.1990"
    assert answer["kind"] == "Meldebestätigung"
    assert answer["main"] == "Anschrift: Hauptplatz 1, 4020 Linz; Gemeldet seit: 02.05.2012"
    await intake_client.http.post(
        f"/cases/{case_id}/reopen", json={"reason": "the register was wrong"}, headers=intake_client.clerk()
    )
    assert (await ask(intake_client, stamp_of(pdf)))["status"] == "revoked"


@pytest.mark.parametrize(
    "letters", [("\u1e00", "\u1e01"), ("x", "y"), ("\u00e9", "\u017d"), ("\u0041\u0331", "x\u0307")]
)
async def test_the_longest_names_that_the_form_accepts_are_printed_and_verify_as_valid(
    intake_client: IntakeClient, letters: tuple[str, str]
) -> None:
    names = [(letter * 200)[:200] for letter in letters]
    applicant = {"given_name": names[0], "family_name": names[1], "birth_date": "1990-04-01"}
    _, pdf = await issued(intake_client, applicant=applicant)
    answer = await ask(intake_client, stamp_of(pdf))
    assert answer["status"] == "valid", answer
    assert answer["holder"].startswith(names[0][:60])
    assert answer["holder"].endswith("…")
    assert len(answer["holder"].encode()) <= HOLDER_MAX_BYTES
    page = await intake_client.http.post("/verify.html?lang=en", files={"file": ("paper.pdf", pdf)})
    assert "This document is genuine and valid." in page.text
    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert text.count(names[0][0]) >= 100


async def test_documents_of_the_previous_key_stay_valid(
    intake_client: IntakeClient, run_keys: RunKeys, previous_authority: Authority
) -> None:
    await issued(intake_client)
    [known] = await intake_client.rows("SELECT status_index FROM document")
    claims = Claims("at-linz", "MB-1", bytes(32), known["status_index"], issued_at=utc_now())
    old_stamp = make_stamp(claims, previous_authority)
    answer = await ask(intake_client, old_stamp)
    assert (answer["status"], answer["kind"], answer["main"]) == ("valid", "", "")
    page = await intake_client.http.post("/verify.html?lang=en", data={"stamp": old_stamp})
    assert "This code is older and does not say which document it is" in page.text
    certificates = (await intake_client.http.get("/authority.pem")).text
    assert certificates == run_keys.secrets.document_certificate + previous_authority.certificate.pem


async def test_a_file_or_code_that_is_not_ours_is_refused_with_a_code(intake_client: IntakeClient) -> None:
    _, pdf = await issued(intake_client)
    stamp = stamp_of(pdf)
    changed = stamp[:99] + ("A" if stamp[99] != "A" else "B") + stamp[100:]
    assert (await ask(intake_client, changed))["code"] == "stamp.forged"
    assert (await ask(intake_client, "WA1:NONSENSE"))["code"] == "stamp.unreadable"
    assert (await ask(intake_client, "x" * 5000))["code"] == "request.invalid"


async def test_every_answer_takes_the_same_time(intake_client: IntakeClient) -> None:
    _, pdf = await issued(intake_client)
    for stamp in (stamp_of(pdf), stamp_of(pdf)[:-1] + "A", "WA1:NONSENSE"):
        begun = perf_counter()
        await ask(intake_client, stamp)
        assert perf_counter() - begun >= ANSWER_S


async def test_the_page_answers_to_a_file_and_to_the_text_of_a_code(intake_client: IntakeClient) -> None:
    _, pdf = await issued(intake_client)
    empty = await intake_client.http.get("/verify")
    assert "Ist dieses Papier echt?" in empty.text
    assert "script" not in empty.text
    assert "default-src 'none'" in empty.headers["content-security-policy"]
    for sent in ({"files": {"file": ("paper.pdf", pdf)}}, {"data": {"stamp": stamp_of(pdf)}}):
        page = await intake_client.http.post("/verify.html?lang=en", **sent)
        assert "This document is genuine and valid." in page.text
        for shown in (
            "Meldebestätigung",
            "Anschrift: Hauptplatz 1, 4020 Linz",
            "Zoë Hadžić 01.04.1990",
            "Magistrate of the City of Linz",
        ):
            assert shown in page.text
        assert "Compare with the document: it must show exactly this." in page.text
    bad = await intake_client.http.post("/verify.html", files={"file": ("x.pdf", pdf[:-40] + bytes(40))})
    assert "Das konnte nicht bestätigt werden." in bad.text
    nothing = await intake_client.http.post("/verify.html", data={"stamp": " "})
    assert 'role="status"' not in nothing.text
    large = await intake_client.http.post("/verify.html?lang=en", files={"file": ("x.jpg", bytes(MAX_FILE_BYTES + 1))})
    assert "The file is too large" in large.text


async def test_an_uploaded_file_is_in_no_temporary_file(
    intake_client: IntakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("tempfile.TemporaryFile", fail)
    photo = b"\xff\xd8\xff\xe0" + bytes(3 * 1024 * 1024)
    page = await intake_client.http.post("/verify.html?lang=en", files={"file": ("x.jpg", photo)})
    assert page.status_code == 200
    assert 'role="status"' in page.text


@pytest.mark.parametrize(
    ("network", "pending", "status", "code"),
    [
        ("198.51.100.7", MAX_PENDING, 503, "verification.busy"),
        ("127.0.0.1", MAX_PENDING_OF_NETWORK, 429, "verification.too_many"),
    ],
)
async def test_a_request_beyond_the_capacity_is_refused_with_its_code(
    intake_client: IntakeClient, monkeypatch: pytest.MonkeyPatch, network: str, pending: int, status: int, code: str
) -> None:
    asked = Counter({network: pending})
    monkeypatch.setattr(intake_client.service.components["verification_workers"], "_asked", asked)
    reply = await intake_client.http.post("/verify", json={"stamp": "WA1:X"})
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    page = await intake_client.http.post("/verify.html?lang=en", data={"stamp": "WA1:X"})
    assert page.status_code == status
    assert 'role="status"' in page.text
    assert [reply.headers.get("retry-after"), page.headers.get("retry-after")] == ["2" if status == 503 else None] * 2
    assert asked == {network: pending}


def call(*words: str) -> Result:
    root = Typer()
    root.command()(verify)
    return CliRunner(env={"COLUMNS": "200"}).invoke(root, words)


async def test_the_command_verifies_without_a_network(intake_client: IntakeClient, tmp_path: Path) -> None:
    case_id, pdf = await issued(intake_client)
    file, certificate, status_list = tmp_path / "paper.pdf", tmp_path / "authority.pem", tmp_path / "list"
    file.write_bytes(pdf)

    async def download() -> list[str]:
        certificate.write_bytes((await intake_client.http.get("/authority.pem")).content)
        status_list.write_bytes((await intake_client.http.get("/status-list")).content)
        return ["--certificate", str(certificate), "--status-list", str(status_list)]

    options = await download()
    for source in (str(file), stamp_of(pdf)):
        result = await asyncio.to_thread(call, source, *options)
        assert result.exit_code == 0, result.output
        for shown in (
            "genuine and valid",
            "Meldebestätigung",
            "Anschrift: Hauptplatz 1, 4020 Linz",
            "Compare with the paper",
        ):
            assert shown in result.output
    unknown = await asyncio.to_thread(call, str(file), "--certificate", str(certificate))
    assert (unknown.exit_code, "not known" in unknown.output) == (1, True)
    await intake_client.http.post(
        f"/cases/{case_id}/reopen", json={"reason": "the register was wrong"}, headers=intake_client.clerk()
    )
    revoked = await asyncio.to_thread(call, str(file), *await download())
    assert (revoked.exit_code, "revoked" in revoked.output) == (1, True)
    file.write_bytes(pdf.replace(b"/Sig", b"/Sog", 1))
    forged = await asyncio.to_thread(call, str(file), *options)
    assert (forged.exit_code, "do not accept" in forged.output.lower()) == (1, True)
    assert call("nothing.pdf", *options).exit_code == 2
    assert call(str(file), "--certificate", str(status_list)).exit_code == 2


def test_a_key_is_created_once_and_never_overwritten(tmp_path: Path) -> None:
    made = CliRunner().invoke(document, ["new-key", "Stadt Linz", "--folder", str(tmp_path)])
    assert made.exit_code == 0, made.output
    assert (tmp_path / "document.key").stat().st_mode & 0o777 == 0o600
    assert CliRunner().invoke(document, ["new-key", "Stadt Linz", "--folder", str(tmp_path)]).exit_code == 2
