"""What a notice costs: messages to the citizen, and SQL statements from its event over its provider to its receipt."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from notifications.domain.notice import JOB_TYPES
from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv
from pydantic_core import to_json
from uuid_utils.compat import uuid7
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.persistence.unit_of_work import job_channel
from wanderamt.backbone.scheduler import PeriodicTask
from wanderamt.contracts import Channel
from wanderamt_testing.service_env import component
from wanderamt_testing.statements import StatementLog, shortened
from wanderamt_testing.waiting import wait_until

PHONE = "+436605550001"


async def send_and_receive_receipt(env: NotificationsEnv, *, sent: int) -> None:
    """Sends what is due, until `sent` notices are sent, and applies a receipt of the last one."""
    jobs = component(env.service.components, "jobs", JobRunner)
    await jobs.start()
    await wait_until(lambda: env.has_states({"delivered": sent - 1, "sent": 1} if sent > 1 else {"sent": 1}))
    await jobs.stop()
    notice = (await env.notices())[-1]
    body = to_json({"receipts": [{"id": "T1", "reference": str(notice["notice_id"]), "status": "delivered"}]})
    async with env.http_client() as http:
        assert (await http.post("/receipts/gate", content=body, headers=env.signed(body))).status_code == 200
    await component(env.service.components, "receipts", PeriodicTask).run_once()
    assert await env.states() == {"delivered": sent}


async def test_a_notice_costs_few_statements_from_its_event_to_its_receipt(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=("providers",)) as env:
        await env.deliver_events(env.document_issued())
        await send_and_receive_receipt(env, sent=1)  # the row of the provider exists
        log = await StatementLog.of(env.database)
        await env.deliver_events(env.document_issued())
        await send_and_receive_receipt(env, sent=2)
        steps = {
            "decided": ("INSERT INTO notice ",),  # view, consents and address, notice, the rest with the job
            "prepared": ("AS interrupted", "UPDATE notice "),  # providers, claim, notices, providers and notices
            "completed": ("AS next_waits",),  # notices, providers, all with the event and the job
            "receipt stored": ("INSERT INTO receipt ",),
            "receipt applied": ("UPDATE receipt ",),  # receipts, notices, both with the event
        }
        counts = {step: len(log.transaction_with(*texts)) for step, texts in steps.items()}
        assert counts == {
            "decided": 6,
            "prepared": 6,
            "completed": 5,
            "receipt stored": 1,
            "receipt applied": 5,
        }, shortened(log.statements)


async def test_a_document_that_follows_within_a_minute_replaces_the_notice_of_the_new_case(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", case_opened_wait_s=60) as env:
        case_id = uuid7()
        await env.deliver_events(env.case_opened(case_id, phone=PHONE))
        env.clock.ahead += timedelta(seconds=50)
        await env.deliver_events(env.document_issued(case_id, phone=PHONE))
        await env.wait_until_idle()
        env.clock.ahead += timedelta(seconds=50)
        await env.wait_until_idle()
        assert [(notice["kind"], notice["state"], notice["reason"]) for notice in await env.notices()] == [
            ("case_opened", "dropped", "superseded"),
            ("document_ready", "sent", ""),
        ]
        assert [text for _, text in env.received_sms() if "aufgenommen" in text] == []
        assert len(env.received_sms()) == 1


async def test_a_new_case_without_a_document_is_confirmed_after_a_minute(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "post", case_opened_wait_s=60) as env:
        env.gate.faults = env.gate.faults.model_copy(update={"refused_numbers": [PHONE]})
        await env.deliver_events(env.case_opened(phone=PHONE, email="zoe@mail.example"))
        await env.wait_until_idle()
        assert await env.states() == {"created": 1}
        assert env.gate.call_log.calls.total() == 0
        env.clock.ahead += timedelta(seconds=61)
        await wait_until(lambda: env.has_states({"failed": 1, "sent": 1}))  # another channel waits no second time
        assert env.post.call_log.effects.total() == 1


async def test_a_notice_that_is_superseded_in_time_costs_no_job_no_call_and_no_receipt(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=(), case_opened_wait_s=60) as env:
        case_id, warm_up = uuid7(), uuid7()
        await env.deliver_events(env.case_opened(warm_up), env.document_issued(warm_up))
        log = await StatementLog.of(env.database)
        await env.deliver_events(env.case_opened(case_id, phone=PHONE))
        await env.deliver_events(env.document_issued(case_id, phone=PHONE))
        opened, issued = log.transactions()
        assert (len(opened), len(issued)) == (6, 6), shortened(log.statements)
        rows = await env.rows("SELECT kind FROM job JOIN notice ON notice_id::text = key WHERE about_id = $1", case_id)
        assert [row["kind"] for row in rows] == ["document_ready"]


async def test_an_idle_handler_locks_its_providers_with_the_statement_that_stores_the_notice(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=("providers", "jobs")) as env:
        await env.deliver_events(env.document_issued())
        await wait_until(lambda: env.has_states({"sent": 1}))  # the row of the provider exists
        await wait_until(handler_is_idle(env))
        log = await StatementLog.of(env.database)
        await env.deliver_events(env.document_issued(), claim_jobs=True)
        await wait_until(lambda: env.has_states({"sent": 2}))
        decided = log.transaction_with("INSERT INTO notice ")
        # view, consents and address, notice and providers, the rest with the running job
        assert len(decided) == 6, shortened(decided)
        assert "'running'" in decided[-2]


def handler_is_idle(env: NotificationsEnv) -> Callable[[], Awaitable[bool]]:
    async def is_idle() -> bool:
        return env.database.job_claimers[job_channel(JOB_TYPES[Channel.SMS].QUEUE)].is_idle()

    return is_idle
