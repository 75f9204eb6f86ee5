"""Simulated providers, each with its own protocol on a real socket, in one process.

Run them: python -m notifications.providers.simulators --help. GET shows calls, POST sets faults, on the SMS port:
/_simulator (the SMS gateway), /smsc/_simulator (the SMPP operator), /post/_simulator (the mail server).
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
import uvloop
from connector_kit.testing.smpp_simulator import SmppSimulator
from connector_kit.testing.smtp_simulator import SmtpSimulator
from starlette.routing import Mount

from notifications.providers.textgate.simulator import Gateway, GatewayFaults


def main(
    sms_port: Annotated[int, typer.Option(help="HTTP port of the SMS gateway, and of the faults of all simulators.")],
    smpp_port: Annotated[int, typer.Option(help="Port of the SMPP operator.")],
    smtp_port: Annotated[int, typer.Option(help="Port of the mail server.")],
    mails: Annotated[Path, typer.Option(help="Folder for the received mails.")],
    password: Annotated[
        str, typer.Option(help="Password of our account at the operator.", envvar="WANDERAMT_SMPP_PASSWORD")
    ],
    receipt_key: Annotated[str, typer.Option(help="Signs the gateway's receipts.", envvar="WANDERAMT_RECEIPT_KEY")],
    callback: Annotated[str, typer.Option(help="URL that gets the gateway's receipts.")] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """An SMS gateway (HTTP), an operator (SMPP) and a mail server (SMTP)."""
    gateway = Gateway(faults=GatewayFaults(callback=callback, receipt_key=receipt_key))
    operator = SmppSimulator(system_id="city", password=password)
    mail_server = SmtpSimulator(folder=mails)
    gateway.app.routes.extend([Mount("/smsc", operator.app), Mount("/post", mail_server.app)])

    async def serve() -> None:
        async with operator.serve(host, smpp_port), mail_server.serve(host, smtp_port):
            config = uvicorn.Config(gateway.app, host=host, port=sms_port, log_level="warning", access_log=False)
            await asyncio.shield(uvicorn.Server(config).serve())

    uvloop.run(serve())


if __name__ == "__main__":
    typer.run(main)
