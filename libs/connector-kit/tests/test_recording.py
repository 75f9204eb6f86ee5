"""A recorded answer contains no personal data and gives the same outcome as the real one."""

import json
from pathlib import Path

import pytest
from connector_kit.adapter import HttpReply
from connector_kit.call_outcome import Succeeded
from connector_kit.conformance.mutants import library
from connector_kit.testing.recording import RecordingError, redact

JSON = {"content-type": "application/json"}


def test_texts_and_numbers_are_redacted_and_the_outcome_stays() -> None:
    folder = library().folder
    reply = HttpReply(200, JSON, b'{"number": "C-4711", "holder": "Ana Gro\xc3\x9fm\xc3\xb6ller", "age": 34}')
    outcome = folder.adapter().classify("find_card", reply)
    body = redact(folder, "find_card", reply, outcome, keep=[])
    answer = json.loads(body)
    assert answer == {"number": "x-0000", "holder": "xxx xxxxxxxxxx", "age": 0}
    assert isinstance(folder.adapter().classify("find_card", HttpReply(200, JSON, body.encode())), Succeeded)


def test_named_texts_stay() -> None:
    folder = library().folder
    reply = HttpReply(200, JSON, b'{"number": "C-4711"}')
    outcome = folder.adapter().classify("find_card", reply)
    assert "C-4711" in redact(folder, "find_card", reply, outcome, keep=["C-4711"])


def test_a_decisive_text_that_is_no_code_must_be_named(tmp_path: Path) -> None:
    folder = library().folder

    class NameDependentAdapter:
        def classify(self, _: str, reply: HttpReply) -> object:
            return Succeeded if b"Ana Gruber" in reply.body else None

    reply = HttpReply(200, JSON, b'{"holder": "Ana Gruber"}')
    folder_with_adapter = type(folder)(
        **{name: getattr(folder, name) for name in folder.__dataclass_fields__}
        | {"open_adapter": lambda _: NameDependentAdapter()}
    )
    with pytest.raises(RecordingError, match="--keep"):
        redact(folder_with_adapter, "find_card", reply, Succeeded, keep=[])  # type: ignore[arg-type]
