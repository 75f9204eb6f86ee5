"""The workers that search uploaded documents: whose turn it is, and how long a search may last."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import pytest
import pytest_asyncio
from intake.documents_pdf.verification_workers import MAX_PENDING, MAX_PENDING_OF_NETWORK, VerificationWorkers
from intake.domain.refusals import NETWORK_VERIFIES, VERIFICATION_BUSY, VERIFICATION_TOO_LONG
from PIL import Image
from wanderamt.kernel.refusal import Refusal

SLOW = """
import base64, time
from intake.documents_pdf.worker_process import run_worker

def answer(line):
    name = base64.b64decode(line).decode()
    time.sleep(0.2)
    return ('{"refusal": {"code": "%s", "hint": "", "kind": "invalid"}}' % name).encode()

run_worker(lambda setup: answer)
"""


@pytest_asyncio.fixture
async def slow_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[VerificationWorkers]:
    """Their answer is a refusal with the document as its code."""
    (tmp_path / "slow_verification.py").write_text(SLOW)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    workers = VerificationWorkers([], module="slow_verification")
    yield workers
    await workers.stop()


async def test_one_network_has_one_place_in_the_queue_and_three_documents(slow_workers: VerificationWorkers) -> None:
    answered: list[str] = []

    async def verify(document: str, network: str) -> str:
        answer = await slow_workers.verify(document.encode(), network)
        assert isinstance(answer, Refusal)
        if answer.code == document:
            answered.append(document)
        return answer.code

    first = [asyncio.create_task(verify(f"a{number}", "a")) for number in range(50)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(verify(name, name)) for name in ("b", "c")]
    codes = await asyncio.gather(*first, *others)
    assert codes.count(NETWORK_VERIFIES.code) == 50 - MAX_PENDING_OF_NETWORK
    assert answered[:3] == ["a0", "b", "c"], "the others wait for one document of the first network"
    assert sorted(answered) == ["a0", "a1", "a2", "b", "c"]
    assert await verify("a3", "a") == "a3"


async def test_the_queue_of_all_networks_is_bounded(slow_workers: VerificationWorkers) -> None:
    answers = await asyncio.gather(*(slow_workers.verify(b"x", str(number)) for number in range(MAX_PENDING + 4)))
    assert answers.count(VERIFICATION_BUSY) == 4


async def test_who_leaves_while_waiting_keeps_no_place(slow_workers: VerificationWorkers) -> None:
    waiting = [asyncio.create_task(slow_workers.verify(b"x", "a")) for _ in range(MAX_PENDING_OF_NETWORK)]
    await asyncio.sleep(0.05)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    answer = await slow_workers.verify(b"y", "a")
    assert isinstance(answer, Refusal)
    assert answer.code == "y"


def endless_picture() -> bytes:
    """20 kB full of the corner marks of QR codes: a search compares all of them with each other, for minutes."""
    mark = Image.new("L", (9, 9), 255)
    for inset, shade in ((1, 0), (2, 255), (3, 0)):
        mark.paste(shade, (inset, inset, 9 - inset, 9 - inset))
    page = Image.new("L", (9 * 256, 9 * 256))
    for number in range(256 * 256):
        page.paste(mark, (number % 256 * 9, number // 256 * 9))
    picture = io.BytesIO()
    page.save(picture, "PNG", optimize=True)
    return picture.getvalue()


async def test_a_picture_that_takes_minutes_to_search_is_refused_after_seconds_and_stops_nobody() -> None:
    picture = endless_picture()
    assert len(picture) < 30_000
    workers = VerificationWorkers([], search_s=1.0)
    try:
        await workers.verify(b"WA1:X", "b")  # starts the worker
        begun = perf_counter()
        attack = asyncio.create_task(workers.verify(picture, "a"))
        await asyncio.sleep(0.1)
        answer = await workers.verify(b"WA1:X", "b")
        assert perf_counter() - begun < 10
        assert isinstance(answer, Refusal)
        assert answer.code == "stamp.unreadable"
        assert await attack is VERIFICATION_TOO_LONG
    finally:
        await workers.stop()
