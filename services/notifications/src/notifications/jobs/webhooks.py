"""Signs and posts a webhook, as Standard Webhooks (standardwebhooks.com) specifies."""

from collections.abc import Callable
from datetime import datetime

from standardwebhooks.webhooks import Webhook

from notifications.domain.partner import WebhookAnswered, WebhookNotAnswered, WebhookTask
from notifications.providers.webhook_client import WebhookClient


async def deliver(
    task: WebhookTask, *, client: WebhookClient, clock: Callable[[], datetime]
) -> WebhookAnswered | WebhookNotAnswered:
    now, message_id = clock(), str(task.event_id)
    signatures = [Webhook(secret).sign(message_id, now, task.body.decode()) for secret in task.secrets]
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return await client.post(task.url, task.body, headers)
