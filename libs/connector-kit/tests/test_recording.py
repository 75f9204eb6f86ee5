"""A recorded answer holds no datum of a person, and ends in the verdict of the real one."""

import json
from pathlib import Path

import pytest
from connector_kit.adapter import HttpReply
from connector_kit.conformance.mutants import library
from connector_kit.recording import NotRecorded, blotted
from connector_kit.verdict import Done

JSON = {"content-type": "application/json"}


def test_texts_and_numbers_are_blotted_and_the_verdict_stays() -> None:
    folder = library().folder
    reply = HttpReply(200, JSON, b'{"number": "C-4711", "holder": "Ana Gro\xc3\x9fm\xc3\xb6ller", "age": 34}')
    verdict = folder.adapter().classify("find_card", reply)
    body = blotted(folder, "find_card", reply, verdict, keep=[])
    told = json.loads(body)
    assert told == {"number": "x-0000", "holder": "xxx xxxxxxxxxx", "age": 0}
    assert isinstance(folder.adapter().classify("find_card", HttpReply(200, JSON, body.encode())), Done)


def test_what_is_named_stays() -> None:
    folder = library().folder
    reply = HttpReply(200, JSON, b'{"number": "C-4711"}')
    verdict = folder.adapter().classify("find_card", reply)
    assert "C-4711" in blotted(folder, "find_card", reply, verdict, keep=["C-4711"])


def test_a_text_that_decides_and_is_no_code_is_not_kept_silently(tmp_path: Path) -> None:
    folder = library().folder

    class OnlyFor:
        def classify(self, _: str, reply: HttpReply) -> object:
            return Done if b"Ana Gruber" in reply.body else None

    reply = HttpReply(200, JSON, b'{"holder": "Ana Gruber"}')
    picky = type(folder)(
        **{name: getattr(folder, name) for name in folder.__dataclass_fields__} | {"open_adapter": lambda _: OnlyFor()}
    )
    with pytest.raises(NotRecorded, match="--keep"):
        blotted(picky, "find_card", reply, Done, keep=[])  # type: ignore[arg-type]
