"""The socket side of the residents register: one client with its own limits and timeouts."""

import httpx
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from wanderamt.kernel.decision import Retry

from registry_bridge.bridges.residents.adapter import SOAP_ACTION, ResidentsAdapter
from registry_bridge.bridges.residents.models import Person
from registry_bridge.domain.request import Answer, Question

CONNECT_TIMEOUT_S = 3.0
UNREACHABLE_RETRY_S = 2.0

tracer = trace.get_tracer(__name__)


class ResidentsRegister:
    def __init__(self, url: str, *, participant: str, secret: str, timeout_s: float, slots: int) -> None:
        self._url = url
        self._adapter = ResidentsAdapter(participant)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=slots, max_keepalive_connections=slots),
            headers={"Authorization": f"Bearer {secret}"} if secret else None,
        )

    async def ask(self, question: Question, person: bytes) -> Answer | Retry:
        envelope = self._adapter.encode(
            Person.model_validate_json(person),
            request_id=str(question.request_id),
            purpose=question.purpose,
            officer=question.officer,
        )
        with tracer.start_as_current_span("residents SOAP ConfirmResidence", kind=SpanKind.CLIENT):
            try:
                reply = await self._client.post(
                    self._url,
                    content=envelope,
                    headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": SOAP_ACTION},
                )
            except httpx.HTTPError as error:
                return Retry(UNREACHABLE_RETRY_S, f"{type(error).__name__} at the residents register")
        return self._adapter.decode(reply.status_code, reply.content)

    async def close(self) -> None:
        await self._client.aclose()
