"""The process behind the readers."""

import base64
import json
from collections.abc import Sequence

from wanderamt.kernel.refusal import Refusal

from intake.paper.readers import FOUND, Found
from intake.paper.worker import Answer, serve
from intake.proof.authority import Trust
from intake.proof.paper import read_paper


def begin(line: bytes) -> Answer:
    trusted = [Trust.read(pem) for pem in json.loads(line)]
    return lambda task: _answer(base64.b64decode(task), trusted)


def _answer(paper: bytes, trusted: Sequence[Trust]) -> bytes:
    found = read_paper(paper, trusted)
    told = Found(refusal=found) if isinstance(found, Refusal) else Found(claims=found)
    return FOUND.dump_json(told)


if __name__ == "__main__":
    serve(begin)
