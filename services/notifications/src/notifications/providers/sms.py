"""An SMS gateway over HTTP. It knows our reference, so sending the same twice delivers once (effect: key)."""

import httpx
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from wanderamt.kernel.decision import Retry

from notifications.domain.notice import Delivery, Failed, Sent

CONNECT_TIMEOUT_S = 3.0
RETRY_AFTER_S = 2.0

tracer = trace.get_tracer(__name__)


class SmsGateway:
    NAME = "sms-gateway"

    def __init__(self, url: str, *, key: str, sender: str, timeout_s: float, slots: int) -> None:
        self._url = url
        self._sender = sender
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=slots, max_keepalive_connections=slots),
            headers={"Authorization": f"Bearer {key}"},
        )

    async def send(self, reference: str, *, to: str, text: str) -> Delivery | Retry:
        body = {"reference": reference, "from": self._sender, "to": to, "text": text}
        with tracer.start_as_current_span("sms gateway POST", kind=SpanKind.CLIENT) as span:
            try:
                reply = await self._client.post(self._url, json=body)
            except httpx.HTTPError as error:
                return Retry(RETRY_AFTER_S, f"{type(error).__name__} at the SMS gateway")
            span.set_attribute("http.response.status_code", reply.status_code)
        if reply.is_success:
            return Sent(self.NAME)
        if reply.status_code == 429 or reply.status_code >= 500:
            return Retry(_retry_after_s(reply), f"HTTP {reply.status_code} from the SMS gateway")
        return Failed(f"the SMS gateway refused the message with HTTP {reply.status_code}")


def _retry_after_s(reply: httpx.Response) -> float:
    given = reply.headers.get("retry-after", "")
    return min(float(given), 3600.0) if given.isdigit() else RETRY_AFTER_S
