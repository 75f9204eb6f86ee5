"""Builders for intake's tests: a service with a fresh database, an enrolled device, and entries."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from intake.app import build
from intake.catalogue_files.loader import load_catalogue
from intake.documents_pdf.pdf_renderer import PdfRenderer
from intake.domain.documents import IssueDocument
from intake.handlers.cases import on_register_answered
from intake.handlers.documents import prepare_document, record_document
from intake.jobs import render_document
from intake.settings import IntakeSettings
from intake.signing.authority import Authority, TrustedCertificate, new_authority
from intake.store.cases import lock_cases
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import RegisterAnswered, RegisterOutcome
from wanderamt.kernel.decision import Attempt
from wanderamt.kernel.ids import CaseId
from wanderamt.security.keys import FieldCipher
from wanderamt.security.roles import Role
from wanderamt.shell.service import Service
from wanderamt_local.field_entries import LeasedNumbers, whole_case

CATALOGUE = load_catalogue()


@dataclass
class IntakeClient:
    """An HTTP client of intake, with an enrolled device at a stand."""

    service: Service
    http: httpx.AsyncClient
    run_keys: Any
    device_id: UUID
    stand_id: UUID
    seq: int = 0
    numbers: LeasedNumbers = field(default_factory=LeasedNumbers)

    def bearer(self, *roles: Role, **about: Any) -> dict[str, str]:
        token = self.run_keys.token(*roles, audience="intake", **about)
        return {"Authorization": f"Bearer {token}"}

    def clerk(self) -> dict[str, str]:
        return self.bearer(Role.CLERK, device=self.device_id, stand=self.stand_id)

    @property
    def year(self) -> str:
        """The year of the leased numbers."""
        return self.numbers.take("GZ").split("-")[1]

    @property
    def cipher(self) -> FieldCipher:
        return FieldCipher(SecretStr(self.run_keys.encryption_key))

    async def lease(self, series: str) -> None:
        for _ in range(2):
            await self.numbers.lease(self.http, series=series, block_id=uuid7(), headers=self.clerk())

    async def enrol(self, device_id: UUID) -> None:
        body = {"device_id": str(device_id), "label": "Tablet"}
        reply = await self.http.post("/devices", json=body, headers=self.bearer(Role.OPERATOR))
        assert reply.status_code == 201

    async def second_device(self) -> "IntakeClient":
        """Another device at the same stand."""
        other = IntakeClient(self.service, self.http, self.run_keys, uuid7(), self.stand_id)
        await self.enrol(other.device_id)
        await other.lease("BE")
        return other

    def follow_up(
        self, case_id: str, type_: str, body: dict[str, Any], *, case_seq: int, **changes: Any
    ) -> dict[str, Any]:
        """An entry for a case that this or another device has opened."""
        return self.entry(case_id=case_id, type=type_, body=body, case_seq=case_seq, **changes)

    async def case(self, case_id: str) -> dict[str, Any]:
        case: dict[str, Any] = (await self.http.get(f"/cases/{case_id}", headers=self.clerk())).json()
        return case

    async def form(self, case_id: str) -> dict[str, Any]:
        async with self.service.context.database.unit_of_work() as uow:
            return dict((await lock_cases(uow, [UUID(case_id)], self.cipher))[CaseId(UUID(case_id))].case.form)

    async def answer_register(self, case_id: str, outcome: str) -> None:
        """The register answers the open request, if there is one."""
        rows = await self.rows(f"SELECT request_id FROM case_file WHERE case_id = '{case_id}'")
        async with self.service.context.database.unit_of_work() as uow:
            answer = RegisterAnswered(
                request_id=rows[0]["request_id"] or uuid7(),
                case_id=UUID(case_id),
                register_name="residents",
                outcome=RegisterOutcome(outcome),
                as_of=uow.now,
            )
            await on_register_answered(answer, uow, cipher=self.cipher, catalogue=CATALOGUE)

    async def issue(self, case_id: str) -> bytes:
        """Renders the ordered document of the case, as the job does."""
        [row] = await self.rows(f"SELECT document_id FROM document WHERE case_id = '{case_id}' AND revoked_at IS NULL")
        job = IssueDocument(case_id=UUID(case_id), document_id=row["document_id"])
        database, renderer = self.service.context.database, self.service.components["pdf_workers"]
        assert isinstance(renderer, PdfRenderer)
        async with database.unit_of_work() as uow:
            content = await prepare_document(job, Attempt(1, False), uow, cipher=self.cipher, catalogue=CATALOGUE)
        assert content
        rendered = await render_document(content, renderer=renderer, cipher=self.cipher)
        async with database.unit_of_work() as uow:
            await record_document(job, rendered, uow, cipher=self.cipher)
        return rendered.pdf

    def complete_body(self) -> dict[str, Any]:
        return whole_case(
            "registration_confirmation",
            applicant={"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"},
            contact={"phone": "+43660555001", "email": "zoe@mail.example"},
            numbers=self.numbers,
        )

    def entry(self, **changes: Any) -> dict[str, Any]:
        self.seq += 1
        entry = {
            "entry_id": str(uuid7()),
            "case_id": str(uuid7()),
            "device_seq": self.seq,
            "case_seq": 1,
            "stand_id": str(self.stand_id),
            "type": "case.open",
            "captured_at": "2026-05-04T09:30:00+02:00",
            "body": changes.get("body") or self.complete_body(),
        }
        return entry | changes

    async def sync(self, *entries: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.http.post("/sync", json={"entries": list(entries)}, headers=headers or self.clerk())

    async def rows(self, sql: str) -> list[Any]:
        async with self.service.context.database.unit_of_work() as uow:
            return list(await uow.db.fetch(sql))


@pytest_asyncio.fixture
async def intake_client(
    make_database: Any, run_keys: Any, servers: Any, previous_authority: Authority
) -> AsyncIterator[IntakeClient]:
    settings = IntakeSettings(
        database_url=SecretStr(await make_database("intake")),
        kafka_bootstrap_servers=servers.kafka.bootstrap_servers,
        token_public_key=run_keys.public_key,
        encryption_key=SecretStr(run_keys.encryption_key),
        document_key=SecretStr(run_keys.secrets.document_key),
        document_certificate=run_keys.secrets.document_certificate,
        assertion_key=SecretStr(run_keys.secrets.assertion_key),
        session_key=SecretStr(run_keys.secrets.session_key),
        previous_certificates=previous_authority.certificate.pem,
    )
    service = build(settings)
    await service.context.database.start()
    transport = httpx.ASGITransport(service.context.http, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as http:
        client = IntakeClient(service, http, run_keys, uuid7(), uuid7())
        await client.enrol(client.device_id)
        for series in ("GZ", "BE", "UK"):
            await client.lease(series)
        yield client
    for name in ("pdf_workers", "verification_workers"):
        await service.components[name].stop()
    await service.context.database.stop()


@pytest.fixture(scope="session")
def authority() -> Authority:
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return Authority.load("at-linz", SecretStr(key), certificate)


@pytest.fixture(scope="session")
def previous_authority() -> Authority:
    """The same authority with its previous key."""
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return Authority.load("at-linz", SecretStr(key), certificate)


@pytest.fixture(scope="session")
def other_authority() -> TrustedCertificate:
    return TrustedCertificate.parse(new_authority("Stadt Anderswo", now=utc_now())[1])


@pytest.fixture
def megabytes() -> str:
    return "x" * (2 * 1024 * 1024)
