"""Builds notifications: settings, providers, texts, handlers, jobs, api."""

from functools import partial

from wanderamt.backbone.jobs import Lane
from wanderamt.security.keys import Sealer
from wanderamt.shell.service import Ground, Service

from notifications import handlers, jobs
from notifications.api import add_routes
from notifications.domain.notice import SendNotice
from notifications.providers.sms import SmsGateway
from notifications.providers.smtp import MailServer
from notifications.providers.texts import Texts
from notifications.settings import Settings

NAME = "notifications"


def build(settings: Settings | None = None) -> Service:
    settings = settings or Settings()
    ground = Ground.lay(NAME, "notifications", settings)
    sealer = Sealer(settings.sealing_key)
    sms = SmsGateway(
        settings.sms_url,
        key=settings.sms_key.get_secret_value(),
        sender=settings.sms_sender,
        timeout_s=settings.provider_timeout_s,
        slots=settings.provider_slots,
    )
    mail = MailServer(
        settings.smtp_host,
        settings.smtp_port,
        sender=settings.mail_sender,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
        start_tls=settings.smtp_start_tls,
        timeout_s=settings.provider_timeout_s,
    )
    add_routes(ground.http, ground.database)
    sending = Lane(
        job=SendNotice,
        claim=handlers.claim_notice,
        call=partial(jobs.send, sms=sms, mail=mail, texts=Texts(), sealer=sealer),
        record=handlers.record_delivery,
        slots=settings.provider_slots,
        timeout_s=settings.provider_timeout_s * 3,
    )
    on = {event: partial(handler, sealer=sealer) for event, handler in handlers.ON.items()}
    return Service(ground, {"relay": ground.relay(), "jobs": ground.jobs([sending]), "inbox": ground.inbox(on)})
