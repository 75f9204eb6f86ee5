"""Builders for intake's tests: a service with a fresh database, an enrolled device, entries."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from intake.app import build
from intake.domain.documents import IssueDocument
from intake.handlers.cases import on_register_answered
from intake.handlers.documents import claim_sheet, record_sheet
from intake.jobs import make_sheet
from intake.offers.shelf import open_book
from intake.paper.press import Press
from intake.proof.authority import Authority, Trust, new_authority
from intake.settings import Settings
from intake.store.cases import lock_cases
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import RegisterAnswered, Verdict
from wanderamt.kernel.decision import Attempt
from wanderamt.kernel.ids import CaseId
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.shell.service import Service
from wanderamt_local.field import Numbers, whole_case

BOOK = open_book()


@dataclass
class Desk:
    """Intake's HTTP door with an enrolled device before it."""

    service: Service
    http: httpx.AsyncClient
    badge: Any
    device_id: UUID
    stand_id: UUID
    seq: int = 0
    numbers: Numbers = field(default_factory=Numbers)

    def bearer(self, *roles: Role, **about: Any) -> dict[str, str]:
        token = self.badge.token(*roles, audience="intake", **about)
        return {"Authorization": f"Bearer {token}"}

    def clerk(self) -> dict[str, str]:
        return self.bearer(Role.CLERK, device=self.device_id, stand=self.stand_id)

    @property
    def year(self) -> str:
        """Of the numbers at hand."""
        return self.numbers.take("GZ").split("-")[1]

    @property
    def sealer(self) -> Sealer:
        return Sealer(SecretStr(self.badge.sealing_key))

    async def lease(self, series: str) -> None:
        for _ in range(2):
            await self.numbers.lease(self.http, series=series, block_id=uuid7(), headers=self.clerk())

    async def enrol(self, device_id: UUID) -> None:
        body = {"device_id": str(device_id), "label": "Tablet"}
        reply = await self.http.post("/devices", json=body, headers=self.bearer(Role.OPERATOR))
        assert reply.status_code == 201

    async def second(self) -> "Desk":
        """Another device at the same stand."""
        other = Desk(self.service, self.http, self.badge, uuid7(), self.stand_id)
        await self.enrol(other.device_id)
        await other.lease("BE")
        return other

    def more(self, case_id: str, type_: str, body: dict[str, Any], *, case_seq: int, **changes: Any) -> dict[str, Any]:
        """An entry of another kind for a case that this device, or another one, has opened."""
        return self.entry(case_id=case_id, type=type_, body=body, case_seq=case_seq, **changes)

    async def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(f"/cases/{case_id}", headers=self.clerk())).json()
        return found

    async def form(self, case_id: str) -> dict[str, Any]:
        async with self.service.ground.database.work() as work:
            return dict((await lock_cases(work, [UUID(case_id)], self.sealer))[CaseId(UUID(case_id))].case.form)

    async def hear(self, case_id: str, verdict: str) -> None:
        """The register answers the question that is open, if one is."""
        rows = await self.rows(f"SELECT request_id FROM case_file WHERE case_id = '{case_id}'")
        async with self.service.ground.database.work() as work:
            answer = RegisterAnswered(
                request_id=rows[0]["request_id"] or uuid7(),
                case_id=UUID(case_id),
                register_name="residents",
                verdict=Verdict(verdict),
                as_of=work.now,
            )
            await on_register_answered(answer, work, sealer=self.sealer, book=BOOK)

    async def issue(self, case_id: str) -> bytes:
        """The document that was ordered for the case is printed, as the job does it."""
        [row] = await self.rows(f"SELECT document_id FROM document WHERE case_id = '{case_id}' AND revoked_at IS NULL")
        job = IssueDocument(case_id=UUID(case_id), document_id=row["document_id"])
        database, press = self.service.ground.database, self.service.parts["press"]
        assert isinstance(press, Press)
        async with database.work() as work:
            sheet = await claim_sheet(job, Attempt(1, False), work, sealer=self.sealer, book=BOOK)
        assert sheet
        made = await make_sheet(sheet, press=press, sealer=self.sealer)
        async with database.work() as work:
            await record_sheet(job, made, work, sealer=self.sealer)
        return made.pdf

    def whole(self) -> dict[str, Any]:
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
            "body": changes.get("body") or self.whole(),
        }
        return entry | changes

    async def sync(self, *entries: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.http.post("/sync", json={"entries": list(entries)}, headers=headers or self.clerk())

    async def rows(self, sql: str) -> list[Any]:
        async with self.service.ground.database.work() as work:
            return list(await work.db.fetch(sql))


@pytest_asyncio.fixture
async def desk(make_database: Any, badge: Any, servers: Any, former: Authority) -> AsyncIterator[Desk]:
    settings = Settings(
        database_url=SecretStr(await make_database("intake")),
        kafka_bootstrap_servers=servers.kafka.bootstrap_servers,
        token_public_key=badge.public_key,
        sealing_key=SecretStr(badge.sealing_key),
        document_key=SecretStr(badge.secrets.document_key),
        document_certificate=badge.secrets.document_certificate,
        assertion_key=SecretStr(badge.secrets.assertion_key),
        session_key=SecretStr(badge.secrets.session_key),
        former_certificates=former.trust.pem,
    )
    service = build(settings)
    await service.ground.database.start()
    transport = httpx.ASGITransport(service.ground.http, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as http:
        desk = Desk(service, http, badge, uuid7(), uuid7())
        await desk.enrol(desk.device_id)
        for series in ("GZ", "BE", "UK"):
            await desk.lease(series)
        yield desk
    for name in ("press", "readers"):
        await service.parts[name].stop()
    await service.ground.database.stop()


@pytest.fixture(scope="session")
def authority() -> Authority:
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return Authority.read("at-linz", SecretStr(key), certificate)


@pytest.fixture(scope="session")
def former() -> Authority:
    """The city with the key it had before."""
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return Authority.read("at-linz", SecretStr(key), certificate)


@pytest.fixture(scope="session")
def stranger() -> Trust:
    return Trust.read(new_authority("Stadt Anderswo", now=utc_now())[1])


@pytest.fixture
def megabytes() -> str:
    return "x" * (2 * 1024 * 1024)
