"""Providers to test against, each in its own protocol on a real socket, in one process.

Run them: python -m notifications.providers.simulators --help. Look and turn knobs while they run: GET and POST
/_simulator (the SMS gateway), /smsc/_simulator (the SMPP operator), /post/_simulator (the mail server) on the SMS port.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
import uvloop
from connector_kit.smpp.simulator import Operator
from connector_kit.smtp_simulator import PostOffice
from starlette.routing import Mount

from notifications.providers.textgate.simulator import Gateway, GatewayKnobs


def main(
    sms_port: Annotated[int, typer.Option(help="HTTP port of the SMS gateway, and of all knobs.")],
    smpp_port: Annotated[int, typer.Option(help="Port of the SMPP operator.")],
    smtp_port: Annotated[int, typer.Option(help="Port of the mail server.")],
    mails: Annotated[Path, typer.Option(help="Folder for the received mails.")],
    password: Annotated[str, typer.Option(help="Of our account at the operator.", envvar="WANDERAMT_SMPP_PASSWORD")],
    receipt_key: Annotated[str, typer.Option(help="Signs the gateway's receipts.", envvar="WANDERAMT_RECEIPT_KEY")],
    callback: Annotated[str, typer.Option(help="URL that gets the gateway's receipts.")] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """An SMS gateway (HTTP), an operator (SMPP) and a mail server (SMTP)."""
    gateway = Gateway(knobs=GatewayKnobs(callback=callback, receipt_key=receipt_key))
    operator = Operator(system_id="city", password=password)
    post = PostOffice(folder=mails)
    gateway.app.routes.extend([Mount("/smsc", operator.app), Mount("/post", post.app)])

    async def serve() -> None:
        async with operator.serve(host, smpp_port), post.serve(host, smtp_port):
            config = uvicorn.Config(gateway.app, host=host, port=sms_port, log_level="warning", access_log=False)
            await asyncio.shield(uvicorn.Server(config).serve())

    uvloop.run(serve())


if __name__ == "__main__":
    typer.run(main)
