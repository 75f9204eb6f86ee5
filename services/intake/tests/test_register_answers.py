"""Answers on the topic register.v1: only those that the registry bridge has proven finish anything."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle, islice
from typing import Any
from uuid import UUID

import pytest_asyncio
from aiokafka import AIOKafkaProducer
from intake.events import NOT_FIRST, consumer
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.rejected import REPLAYED
from wanderamt.backbone.messaging.topics import PARTITIONS, Topics
from wanderamt.contracts import RegisterAnswered, RegisterOutcome, StandCancelled
from wanderamt.security.assertions import PROOF_INVALID, PROOF_MISSING
from wanderamt_local.state import Secrets
from wanderamt_testing.register_answers import AnsweringBridge, AnswerRecord, altered, to_record
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.servers import Servers
from wanderamt_testing.waiting import wait_until

FORGED = 500
OPEN_CASES = 6
OWN_TABLES = {"inbox", "inbox_version", "inbox_watermark", "dead_letter"}


@dataclass
class AnswerTopic:
    """Intake consumes the topic of this test, into which anybody may write."""

    client: IntakeClient
    bridge: AnsweringBridge
    producer: AIOKafkaProducer
    topic: str
    true_ids: dict[UUID, UUID] = field(default_factory=dict)

    async def send(self, *records: AnswerRecord) -> None:
        """Each to any partition, as a stranger may: the order of a true answer and a forged one is not known."""
        sent = [
            await self.producer.send(self.topic, r.value, key=r.key, headers=r.headers, partition=at % PARTITIONS)
            for at, r in enumerate(records)
        ]
        await asyncio.gather(*sent)

    async def open_case(self) -> UUID:
        entry = self.client.entry()
        assert [r["status"] for r in (await self.client.sync(entry)).json()["results"]] == ["accepted"]
        return UUID(entry["case_id"])

    async def true_answer(
        self, case_id: UUID, outcome: RegisterOutcome = RegisterOutcome.CONFIRMED
    ) -> RegisterAnswered:
        """To the request that the case waits for."""
        [row] = await self.client.rows(f"SELECT request_id FROM case_file WHERE case_id = '{case_id}'")
        details = self.client.cipher.seal(case_id, b'{"municipality": "Linz", "registered_since": "2012-05-02"}')
        return self.bridge.answer(row["request_id"], case_id, at=utc_now(), outcome=outcome, answer=details)

    async def wait_for_state(self, case_id: UUID, state: str) -> None:
        async def reached() -> bool:
            return bool((await self.client.case(str(case_id)))["state"] == state)

        await wait_until(reached, timeout_s=60, interval_s=0.1)

    async def wait_for_dead_letters(self, count: int) -> list[dict[str, Any]]:
        async def stored() -> bool:
            [row] = await self.client.rows("SELECT count(*) AS rows FROM dead_letter")
            return bool(row["rows"] >= count)

        await wait_until(stored, timeout_s=90, interval_s=0.2)
        return [dict(row) for row in await self.client.rows("SELECT * FROM dead_letter ORDER BY id")]

    async def tables(self) -> dict[str, list[str]]:
        """The rows of all tables, without what the consumer notes about records."""
        names = await self.client.rows("SELECT relname FROM pg_stat_user_tables ORDER BY relname")
        return {
            name: [row["row"] for row in await self.client.rows(f'SELECT t::text AS row FROM "{name}" t ORDER BY 1')]
            for (name,) in names
            if name not in OWN_TABLES
        }


@pytest_asyncio.fixture
async def answer_topic(
    intake_client: IntakeClient, servers: Servers, topics: Topics, run_keys: RunKeys
) -> AsyncIterator[AnswerTopic]:
    kafka = servers.kafka.bootstrap_servers
    await topics.create(kafka)
    context = intake_client.service.context
    inbox = Inbox(consumer.bind(context.http.state.context), context.database, kafka, topics)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await asyncio.gather(inbox.start(), producer.start())
    bridge = AnsweringBridge(run_keys.secrets.assertion_key)
    yield AnswerTopic(intake_client, bridge, producer, topics.name(RegisterAnswered.TOPIC))
    await producer.stop()
    await inbox.stop()


def forgeries(
    open_answer: RegisterAnswered, true_id: UUID, old_answer: RegisterAnswered, stranger: AnsweringBridge
) -> list[tuple[str, Callable[[], AnswerRecord]]]:
    """(reason or a part of it, record). `open_answer` has not been sent yet, `old_answer` has finished its case.

    Of the answer that intake waits for, forgers know everything but the key of the bridge.
    """
    refused = RegisterOutcome.REFUSED
    proven = to_record(open_answer)
    assert proven.value
    body = json.loads(proven.value)
    later = open_answer.as_of + timedelta(seconds=1)

    def with_value(value: bytes | None) -> Callable[[], AnswerRecord]:
        return lambda: to_record(open_answer)._replace(value=value)

    def with_proof(proof: str | None) -> Callable[[], AnswerRecord]:
        return lambda: to_record(altered(open_answer, proof=proof))

    def with_content(**changes: Any) -> Callable[[], AnswerRecord]:
        return lambda: to_record(altered(open_answer, **changes))

    own = stranger.answer(open_answer.request_id, open_answer.case_id, at=open_answer.as_of)
    return [
        (PROOF_MISSING, with_proof(None)),
        (PROOF_MISSING, with_proof("")),
        (PROOF_MISSING, with_value(json.dumps({k: v for k, v in body.items() if k != "proof"}).encode())),
        (PROOF_MISSING, lambda: to_record(altered(open_answer, proof=None), event_id=true_id)),
        (PROOF_MISSING, lambda: to_record(altered(open_answer, proof=None), event_id=true_id, sequence=2**31 - 1)),
        (PROOF_INVALID, with_proof("nonsense")),
        (PROOF_INVALID, with_proof((open_answer.proof or "")[:-2])),
        (PROOF_INVALID, with_proof(old_answer.proof)),
        (PROOF_INVALID, lambda: to_record(own)),
        (PROOF_INVALID, with_content(outcome=refused)),
        (PROOF_INVALID, with_content(case_id=old_answer.case_id)),
        (PROOF_INVALID, with_content(request_id=uuid7())),
        (PROOF_INVALID, with_content(register_name="dogs")),
        (PROOF_INVALID, with_content(code="resolved")),
        (PROOF_INVALID, with_content(as_of=later)),
        (PROOF_INVALID, with_content(answer=None)),
        (PROOF_INVALID, with_content(answer=old_answer.answer)),
        (PROOF_INVALID, with_content(answer=altered_text(open_answer))),
        (PROOF_INVALID, lambda: to_record(altered(old_answer, request_id=open_answer.request_id))),
        (PROOF_INVALID, lambda: to_record(altered(open_answer, outcome=refused), sequence=77)),
        (NOT_FIRST, lambda: to_record(open_answer, sequence=2)),
        (NOT_FIRST, lambda: to_record(old_answer, sequence=2)),
        (NOT_FIRST, lambda: to_record(old_answer, event_id=true_id, sequence=2**31 - 1)),
        (REPLAYED, lambda: to_record(old_answer)),
        (REPLAYED, lambda: to_record(old_answer, event_id=true_id)),
        ("the value is not a", with_value(proven.value[:-20])),
        ("the value is not a", with_value(b"")),
        ("the value is not a", with_value(b"%PDF-1.7")),
        ("the value is not a", with_value(json.dumps(body | {"outcome": 5}).encode())),
        ("the value is not a", with_value(json.dumps(body | {"outcome": "approved"}).encode())),
        ("the value is not a", with_value(json.dumps(body | {"proof": ["x"]}).encode())),
        ("the value is not a", with_value(json.dumps([body]).encode())),
        ("names another aggregate", lambda: to_record(open_answer, ce_subject=str(uuid7()).encode())),
        ("ce_source", lambda: to_record(open_answer, ce_source=b"/wanderamt/intake")),
        ("names no event", lambda: to_record(open_answer, ce_type=b"at.wanderamt.register.answered.v9")),
        ("another topic", lambda: to_record(open_answer, ce_type=StandCancelled.TYPE.encode())),
    ]


def altered_text(answer: RegisterAnswered) -> Any:
    assert answer.answer
    text = answer.answer.text
    return answer.answer.model_copy(update={"text": ("B" if text[0] == "A" else "A") + text[1:]})


async def test_500_forged_replayed_and_altered_answers_have_no_effect_and_the_true_ones_then_finish_their_cases(
    answer_topic: AnswerTopic,
) -> None:
    old_case, *open_cases = [await answer_topic.open_case() for _ in range(1 + OPEN_CASES)]
    old_answer = await answer_topic.true_answer(old_case)
    await answer_topic.send(to_record(old_answer))
    await answer_topic.wait_for_state(old_case, "final")
    true_answers = [(await answer_topic.true_answer(case_id), uuid7()) for case_id in open_cases]
    before = await answer_topic.tables()

    stranger = AnsweringBridge(Secrets.generate().assertion_key)
    kinds = [forgery for answer, id_ in true_answers for forgery in forgeries(answer, id_, old_answer, stranger)]
    expected = list(islice(cycle(kinds), FORGED))
    assert len({reason for reason, _ in expected}) == 9
    await answer_topic.send(*[make() for _, make in expected])

    parked = await answer_topic.wait_for_dead_letters(FORGED)
    assert len(parked) == FORGED
    reasons = [row["reason"] for row in parked]
    for reason in {reason for reason, _ in expected}:
        assert sum(reason in text for text in reasons) == sum(reason == text for text, _ in expected), reason
    assert not [row for row in parked if row["aggregate"]]  # nothing waits for them
    assert await answer_topic.tables() == before
    [(ids, versions)] = await answer_topic.client.rows(
        "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM inbox_version)"
    )
    assert (ids, versions) == (1, 1)  # of the old answer

    await answer_topic.send(*[to_record(answer, event_id=id_) for answer, id_ in true_answers])
    for case_id in open_cases:
        await answer_topic.wait_for_state(case_id, "final")
    assert len(await answer_topic.wait_for_dead_letters(FORGED)) == FORGED


async def test_the_answer_to_a_former_request_does_not_answer_a_reopened_case(answer_topic: AnswerTopic) -> None:
    case_id = await answer_topic.open_case()
    former = await answer_topic.true_answer(case_id)
    await answer_topic.send(to_record(former))
    await answer_topic.wait_for_state(case_id, "final")
    client = answer_topic.client
    order = {"reason": "wrong name"}
    reopened = await client.http.post(f"/cases/{case_id}/reopen", json=order, headers=client.clerk())
    assert reopened.json()["state"] == "provisional"
    current = await answer_topic.true_answer(case_id, RegisterOutcome.NOT_FOUND)
    assert current.request_id != former.request_id
    copies: Sequence[AnswerRecord] = [
        to_record(former),
        to_record(former, sequence=2),
        to_record(altered(former, request_id=current.request_id)),
        to_record(altered(current, outcome=RegisterOutcome.CONFIRMED)),
    ]
    await answer_topic.send(*copies)
    rows = await answer_topic.wait_for_dead_letters(len(copies))
    assert sorted(row["reason"] for row in rows) == sorted([REPLAYED, NOT_FIRST, PROOF_INVALID, PROOF_INVALID])
    assert (await client.case(str(case_id)))["state"] == "provisional"
    await answer_topic.send(to_record(current))
    await answer_topic.wait_for_state(case_id, "needs_visit")


async def test_the_same_true_answer_sent_again_by_the_relay_is_dropped(answer_topic: AnswerTopic) -> None:
    case_id = await answer_topic.open_case()
    answer = await answer_topic.true_answer(case_id)
    again = to_record(answer)
    await answer_topic.send(*[again] * 5)
    await answer_topic.wait_for_state(case_id, "final")
    marker = to_record(altered(answer, proof=None))
    await answer_topic.send(*[marker] * PARTITIONS)  # behind the copies, in each partition
    rows = await answer_topic.wait_for_dead_letters(PARTITIONS)
    assert {row["reason"] for row in rows} == {PROOF_MISSING}
    assert await answer_topic.client.rows("SELECT count(*) FROM document") == [(1,)]
