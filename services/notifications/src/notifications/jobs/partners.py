"""A web hook is signed and posted, as Standard Webhooks (standardwebhooks.com) says."""

from collections.abc import Callable
from datetime import datetime

from standardwebhooks.webhooks import Webhook

from notifications.domain.partner import HookTask, NotPosted, Posted
from notifications.providers.hooks import HookWire


async def post(task: HookTask, *, wire: HookWire, clock: Callable[[], datetime]) -> Posted | NotPosted:
    now, message_id = clock(), str(task.event_id)
    signatures = [Webhook(one).sign(message_id, now, task.body.decode()) for one in task.secrets]
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return await wire.post(task.url, task.body, headers)
