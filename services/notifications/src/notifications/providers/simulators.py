"""An SMS gateway and a mail server to test against, each in its own protocol on a real socket.

Run them: python -m notifications.providers.simulators --sms-port 9002 --smtp-port 9025 --mails build/mails
Look and turn knobs while they run: GET and POST /_simulator {"fail_next": 1} on the SMS port.
"""

import time
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEEP_MAILS = 100_000


class Letterbox:
    """The aiosmtpd handler: takes every mail and counts by Message-ID."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.received: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        mail_id = str(message_from_bytes(raw, policy=policy.default)["Message-ID"]).strip("<>")
        self.received[mail_id] += 1
        if self.received.total() <= KEEP_MAILS:
            name = f"{mail_id.split('@')[0]}-{self.received[mail_id]}.eml"
            (self.folder / Path(name).name).write_bytes(raw)
        return "250 2.0.0 taken"


class SmsPhone:
    """The gateway: knows references, so the same message twice arrives once."""

    def __init__(self, key: str, letterbox: Letterbox) -> None:
        self.key = key
        self.letterbox = letterbox
        self.messages: dict[str, dict[str, Any]] = {}
        self.calls = 0
        self.fail_next = 0
        self.app = Starlette(
            routes=[
                Route("/messages", self.take, methods=["POST"]),
                Route("/_simulator", self.show, methods=["GET"]),
                Route("/_simulator", self.turn, methods=["POST"]),
            ]
        )

    async def take(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": "wrong key"}, 401)
        self.calls += 1
        if self.fail_next:
            self.fail_next -= 1
            return JSONResponse({"error": "busy"}, 503, headers={"Retry-After": "1"})
        message = await request.json()
        self.messages.setdefault(message["reference"], {**message, "at": time.time()})
        return JSONResponse({"id": message["reference"]}, 202)

    async def show(self, _: Request) -> Response:
        return JSONResponse(
            {"messages": list(self.messages.values()), "calls": self.calls, "mails": dict(self.letterbox.received)}
        )

    async def turn(self, request: Request) -> Response:
        self.fail_next = int((await request.json()).get("fail_next", self.fail_next))
        return JSONResponse({"fail_next": self.fail_next})


def main(
    sms_port: Annotated[int, typer.Option(help="HTTP port of the SMS gateway.")],
    smtp_port: Annotated[int, typer.Option(help="Port of the mail server.")],
    mails: Annotated[Path, typer.Option(help="Folder for the received mails.")],
    key: Annotated[str, typer.Option(help="Bearer key the SMS gateway wants.", envvar="WANDERAMT_SMS_KEY")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """An SMS gateway (HTTP) and a mail server (SMTP)."""
    letterbox = Letterbox(mails)
    server = Controller(letterbox, hostname=host, port=smtp_port)
    server.start()
    try:
        uvicorn.run(SmsPhone(key, letterbox).app, host=host, port=sms_port, log_level="warning", access_log=False)
    finally:
        server.stop()


if __name__ == "__main__":
    typer.run(main)
