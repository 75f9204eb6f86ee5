"""Slow work of the registry bridge: the call. Sees no transaction; the person is opened here, nowhere earlier."""

from collections.abc import Mapping

from wanderamt.contracts import Verdict
from wanderamt.kernel.decision import Retry
from wanderamt.security.keys import Sealer

from registry_bridge.bridges.register import Register
from registry_bridge.domain.request import Answer, Question


async def ask(question: Question, *, registers: Mapping[str, Register], sealer: Sealer) -> Answer | Retry:
    register = registers.get(question.register)
    if not register:
        return Answer(Verdict.REFUSED)  # no bridge to this register is installed: waiting would not mend it
    return await register.ask(question, sealer.open(question.person))
