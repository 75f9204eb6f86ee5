"""What every bridge offers to the jobs of this service."""

from typing import Protocol

from wanderamt.kernel.decision import Retry

from registry_bridge.domain.request import Answer, Question


class Register(Protocol):
    async def ask(self, question: Question, person: bytes) -> Answer | Retry:
        """`person` is the opened question as JSON. A Retry when the register cannot answer now."""
        ...

    async def close(self) -> None: ...
